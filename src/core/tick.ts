import { presence, pull, reannounce } from './announce.ts'
import { openClaim } from './ask.ts'
import { tickChanges } from './change.ts'
import { tickCopies } from './copying.ts'
import { forgetLedger } from './dispatch.ts'
import { resubmit } from './guest.ts'
import { forgetRequests } from './host.ts'
import { healLedgers } from './heal.ts'
import type { Millis } from './ids.ts'
import { forgetKeys } from './keys.ts'
import { takeExpired } from './limits.ts'
import { tickJoins } from './join.ts'
import type { Hint } from './messages.ts'
import { tendObservers } from './observers.ts'
import { tickOrphans } from './orphans.ts'
import { echoOf } from './membership.ts'
import { persist } from './outbox.ts'
import { patienceMs } from './pace.ts'
import { tickProducer } from './producer.ts'
import { restore, restoreMs } from './storing.ts'
import { endUntoldCancels } from './proposer.ts'
import { unblock } from './recovery.ts'
import { tickProposer } from './renew.ts'
import { resumeChanges } from './resume.ts'
import { collectDue, makeRoom } from './retention.ts'
import { retireLedgers } from './retire.ts'
import { countOf } from './ranges.ts'
import type { Machine } from './state.ts'
import { compareLedger } from './voter-compare.ts'
import { tellEnds } from './untold-ends.ts'
import { use } from './usage.ts'
import { refresh, takeUndecided, tentativeMs } from './voter.ts'
import { giveUpCollected } from './watch-collected.ts'
import { rewatch } from './watch.ts'

/** How often fellow voters compare what they hold, in milliseconds. */
export const compareMs = 10_000

/** The longest time between two looks at what has no timer of its own, in milliseconds. */
const idleMs = 1_000

/** Does what is due by `now`. */
export function tick(machine: Machine, now: Millis): void {
  const { voter, proposer, producer, outbox, members, announce, watch, dispatch } = machine
  machine.idleAt = now + idleMs
  if (machine.init.guest) {
    resubmit(machine.guest, outbox, members, now)
    rewatch(watch, voter, outbox, members, now)
    giveUpCollected(watch, outbox, now)
    tickProposer(proposer, outbox, now)
    return
  }
  // A beat renews for L: what it confirms must not have been promised for longer.
  voter.tentativeMs = Math.min(voter.leaseMs, patienceMs(proposer.pace, tentativeMs))
  producer.restoreMs = patienceMs(proposer.pace, restoreMs)
  refresh(voter, now)
  unblock(voter, now)
  tickProposer(proposer, outbox, now)
  endUntoldCancels(proposer)
  tickProducer(producer, voter, outbox, members, now)
  restore(producer, voter, outbox, proposer.up, now)
  for (const { ledger: id, seqs } of takeUndecided(voter, now)) {
    const info = voter.ledgers.get(id)?.info
    if (info === undefined) continue
    const want = { info, intent: 'finish', seqs, any: [], anyCount: 0, sequential: false } as const
    openClaim(
      proposer,
      outbox,
      { ...want, queue: '', cancel: undefined, hand: undefined, tries: 0 },
      now,
    )
  }
  for (const expired of takeExpired(voter, now)) {
    const want = { ...expired, any: [], anyCount: 0, sequential: false, queue: '', expiry: true }
    openClaim(proposer, outbox, { ...want, cancel: undefined, hand: undefined, tries: 0 }, now)
  }
  resumeChanges(machine, now)
  healLedgers(machine, now)
  if (now >= machine.orphansAt) {
    machine.orphansAt = now + idleMs
    tickOrphans(machine, now)
  }
  tickChanges(machine.changer, voter, outbox, proposer.up, now)
  tickJoins(voter, outbox, proposer.up, now)
  tickCopies(voter, outbox, members, now)
  gossip(machine, reannounce(announce, voter, outbox, members, now))
  rewatch(watch, voter, outbox, members, now)
  giveUpCollected(watch, outbox, now)
  compareAll(machine, now)
  collectGarbage(machine, now)
  writeEchoes(machine)
  const { live } = use(proposer)
  const free = Math.max(0, dispatch.concurrency - live)
  const queues = [...dispatch.queues.keys()]
  if (queues.length === 0 || dispatch.draining) return
  gossip(machine, presence(announce, members, queues, dispatch.concurrency, free, now))
  if (free > 0) pull(announce, outbox, members, queues, free, now)
}

/** Fellow voters tell each other what they hold, where something has changed. */
function compareAll(machine: Machine, now: Millis): void {
  if (now < machine.compareAt) return
  machine.compareAt = now + compareMs
  tellEnds(machine.voter, machine.outbox, machine.proposer.up)
  tendObservers(machine, now)
  for (const ledger of machine.voter.ledgers.values()) {
    if (!ledger.changed || ledger.office !== 'voter') continue
    // An empty one that has ended goes once all say so.
    ledger.changed = ledger.end === 0 || countOf(ledger.stored) !== countOf(ledger.settled)
    compareLedger(machine.voter, machine.outbox, ledger)
  }
}

/** Outcomes go that were kept for long enough, and ledgers of which nothing is left. */
function collectGarbage({ voter, outbox, host, keys, dispatch }: Machine, now: Millis): void {
  collectDue(voter, outbox, now)
  makeRoom(voter, outbox, 0)
  for (const ledger of retireLedgers(voter, outbox, now)) {
    forgetRequests(host, ledger)
    forgetKeys(keys, ledger)
    forgetLedger(dispatch, ledger)
  }
}

/** How far others' storages are known to be durable is written down now and then. */
function writeEchoes(machine: Machine): void {
  for (const peer of machine.members.peers.values()) {
    if (peer.lsn < peer.writtenLsn + 1_000 || peer.lsnStorageId === '') continue
    peer.writtenLsn = peer.lsn
    persist(machine.outbox, echoOf(peer))
  }
}

/** Gossip is only worth its cost when somebody can hear it. */
export function gossip(machine: Machine, hints: readonly Hint[]): void {
  if (hints.length > 0 && machine.members.peers.size > 0) {
    machine.outbox.effects.push({ type: 'gossip', hints })
  }
}
