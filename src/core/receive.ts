import { announceAgain, onBacklogs, onSync } from './announce.ts'
import { onElected, onInstalled, onInvited, onNothingLeft } from './change.ts'
import { onCopy, onInvite } from './copying.ts'
import { onDirectGrant } from './direct-claim.ts'
import { isDirect } from './direct-grant.ts'
import { onMoved } from './follow.ts'
import { votedLedger } from './office.ts'
import { onSubmitted } from './guest.ts'
import { onSubmit } from './host.ts'
import type { Millis, PeerId } from './ids.ts'
import { onInstall, onState } from './join.ts'
import type { Machine } from './state.ts'
import { peerAt } from './membership.ts'
import type { Message, OpenLedger } from './messages.ts'
import { onGoodbye, onHello } from './peering.ts'
import { onOpened } from './producer.ts'
import { onStored, onStoringUnknown } from './storing.ts'
import { sawEnd } from './untold-ends.ts'
import { onClaimed, onRecords } from './ask.ts'
import { sawCounter } from './proposer.ts'
import { onLost, onRenewed, onUnknownLedger } from './renew.ts'
import { onRelease, onRenew } from './session.ts'
import { onAccepted } from './settle.ts'
import { onClaim } from './voter-claim.ts'
import { onCompare, onDecided, onFetch } from './voter-compare.ts'
import { onElect } from './voter-elect.ts'
import { onObserve, onSeal } from './voter-seal.ts'
import { onCollected, onUnknown } from './retire.ts'
import { onSettle } from './voter-settle.ts'
import { onClose, onOpen, onStore } from './voter-store.ts'
import { hearCollected } from './watch-collected.ts'
import { onOutcomes, onProgress, onUnwatch, onWatch } from './watch.ts'

/**
 * All that a guest says: it publishes through a host, and waits for outcomes. Everything else is for
 * those to say who vote, work or own a ledger, and is not heard from a guest.
 */
const guestMessages: ReadonlySet<Message['type']> = new Set([
  'hello',
  'goodbye',
  'submit',
  'watch',
  'unwatch',
])

/** Delivers what this node has told itself, as far as the journal is durable. */
export function receiveLoopback(machine: Machine, now: Millis): void {
  const { outbox } = machine
  while (outbox.loopback.length > 0) {
    const ready = outbox.loopback.filter(({ after }) => after <= outbox.durable)
    if (ready.length === 0) return
    outbox.loopback = outbox.loopback.filter(({ after }) => after > outbox.durable)
    for (const { message } of ready) receive(machine, machine.init.peer, message, now)
  }
}

/** Takes in one message of a peer, or of this node itself. */
export function receive(machine: Machine, from: PeerId, message: Message, now: Millis): void {
  if (machine.members.guests.has(from) && !guestMessages.has(message.type)) return
  if (toWatcher(machine, from, message, now)) return
  if (toProposer(machine, from, message, now)) return
  // A guest keeps nothing: it is asked for nothing.
  if (machine.init.guest) return
  toVoter(machine, from, message, now)
  toChanger(machine, from, message, now)
}

/** Messages about peers, and for those who wait for something. */
function toWatcher(machine: Machine, from: PeerId, message: Message, now: Millis): boolean {
  const { watch, outbox, guest } = machine
  switch (message.type) {
    case 'hello':
      onHello(machine, from, message, now)
      return true
    case 'goodbye':
      onGoodbye(machine, from, now)
      return true
    case 'outcomes':
      onOutcomes(watch, outbox, message)
      return true
    case 'collected':
      hearCollected(watch, message.ledger, message, now)
      // A guest keeps nothing that could be settled.
      if (machine.init.guest) return true
      onCollected(machine.voter, outbox, from, message)
      onNothingLeft(machine.changer, machine.voter, outbox, from, message)
      return true
    case 'collected-later':
      hearCollected(watch, message.ledger, message, now, true)
      return true
    case 'progress':
      onProgress(watch, outbox, message, true)
      return true
    case 'submitted':
      onSubmitted(guest, outbox, message, now)
      return true
    case 'unwatch':
      onUnwatch(watch, from, message.ledger, message.seqs)
      return true
    default:
      return false
  }
}

/** Answers that a proposer, a producer or an idle worker has asked for. */
function toProposer(machine: Machine, from: PeerId, message: Message, now: Millis): boolean {
  const { proposer, producer, voter, outbox, announce } = machine
  switch (message.type) {
    case 'claimed':
      onClaimed(proposer, outbox, from, message, now)
      return true
    case 'renewed':
      onRenewed(proposer, outbox, from, message, now)
      return true
    case 'lost':
      onLost(proposer, outbox, from, message)
      return true
    case 'accepted':
      onAccepted(proposer, outbox, from, message, now)
      return true
    case 'records':
      onRecords(proposer, outbox, message, now)
      return true
    case 'opened':
      onOpened(producer, voter, outbox, from, message.ledger, now)
      return true
    case 'stored':
      sawCounter(proposer, message.ledger, message.counter)
      onStored(producer, from, message, now)
      return true
    case 'backlogs':
      for (const { info, counter } of message.ledgers) sawCounter(proposer, info.ledger, counter)
      onBacklogs(announce, voter, message, now)
      return true
    case 'moved':
      onMoved(machine, from, message, now)
      return true
    case 'unknown-ledger': {
      onUnknownLedger(proposer, outbox, from, message, now)
      onStoringUnknown(producer, from, message)
      sawEnd(voter, from, message)
      // What was heard of it is of old: nothing of it can be claimed there.
      announce.hints.delete(message.ledger)
      const storageId = peerAt(machine.members, from).hello?.storageId
      if (!machine.init.guest) onUnknown(voter, outbox, from, storageId, message, now)
      return true
    }
    case 'closed':
      sawEnd(voter, from, message)
      return true
    default:
      return false
  }
}

/** Requests to this node as a voter. */
function toVoter(machine: Machine, from: PeerId, message: Message, now: Millis): void {
  const { voter, outbox, watch, announce } = machine
  switch (message.type) {
    case 'open':
      if (isLiving(machine, from, message)) onOpen(voter, outbox, from, message, now)
      return
    case 'close':
      return onClose(voter, outbox, from, message)
    case 'store':
      onDirectGrant(machine, message, now)
      // A worker that does not vote, or has published them itself, gets a STORE only for its claim.
      if (
        message.grant?.ballot.proposer === machine.node &&
        (from === machine.init.peer || votedLedger(voter, message.ledger) === undefined)
      )
        return
      return onStore(voter, outbox, from, message, now)
    case 'claim':
      return onClaim(voter, outbox, from, message, now)
    case 'renew':
      return onRenew(voter, outbox, from, holderOf(machine, from), message, now)
    case 'release': {
      const ledger = voter.ledgers.get(message.ledger)
      const freed = onRelease(voter, outbox, from, message, now)
      if (freed && ledger !== undefined) announceAgain(announce, ledger, now)
      // The worker that these tasks were claimed for does not run them: others hear of them now.
      if (isDirect(message.claimId)) {
        machine.producer.fresh.add(message.ledger)
        const worker = machine.members.peers.get(from)
        if (worker !== undefined) Object.assign(worker, { free: 0, freeAt: now })
      }
      return
    }
    case 'settle':
      onSettle(voter, outbox, from, message, now)
      return
    case 'decided':
      return onDecided(voter, outbox, from, message, now)
    case 'fetch':
      return onFetch(voter, outbox, from, message, now)
    case 'compare':
      return onCompare(voter, outbox, from, message, now)
    case 'watch':
      return onWatch(watch, voter, outbox, from, message)
    case 'sync':
      return onSync(announce, voter, outbox, machine.members, from, message, now)
    case 'submit':
      return onSubmit(machine, from, message, now)
    default:
      return
  }
}

/** What is said about other voters for a ledger. */
function toChanger(machine: Machine, from: PeerId, message: Message, now: Millis): void {
  const { voter, outbox, changer, proposer } = machine
  switch (message.type) {
    case 'elect':
      return onElect(voter, outbox, from, message)
    case 'elected':
      return onElected(changer, outbox, from, message, now)
    case 'observe':
      return onObserve(voter, outbox, from, message, now)
    case 'seal':
      return onSeal(voter, outbox, from, message, now)
    case 'state':
      if (!message.sealed) return onCopy(voter, outbox, from, message, now)
      return onState(voter, outbox, proposer.up, from, message, now)
    case 'invite':
      return onInvite(voter, outbox, machine.members, from, message, now)
    case 'invited':
      return onInvited(changer, outbox, from, message, now)
    case 'install':
      return onInstall(voter, outbox, proposer.up, from, message, now)
    case 'installed':
      return onInstalled(changer, voter, outbox, from, message)
    default:
      return
  }
}

function holderOf(machine: Machine, from: PeerId): string {
  return from === machine.init.peer ? machine.node : peerAt(machine.members, from).node
}

/** Only the living incarnation of a producer opens its ledgers. */
function isLiving(machine: Machine, from: PeerId, { producer }: OpenLedger): boolean {
  return producer === holderOf(machine, from)
}
