import { announceFresh, announceWakeAt, hasAudience } from './announce.ts'
import { sawRoundTrip, avoid, contend, dispatchWork, sawFreed, sawUnpicked } from './dispatch.ts'
import { tellDrained } from './drain.ts'
import type { Effect } from './effects.ts'
import type { Entry } from './entries.ts'
import { changesWakeAt } from './change.ts'
import { resumeCopies } from './copying.ts'
import { followOwn } from './follow.ts'
import { guestWakeAt } from './guest.ts'
import { collectedKinds } from './collected.ts'
import { dropClasses, dropHint } from './hints.ts'
import { tellHandedOver } from './heal.ts'
import { onGuestPublished, rememberFrom, requestsOf } from './host.ts'
import { joinsWakeAt } from './join.ts'
import { type NodeId, type LedgerId, type Millis, peerOf } from './ids.ts'
import type { Input } from './inputs.ts'
import { checkpointKeys, nameFrom, publishedToo } from './keys.ts'
import { asFirstGeneration, firstNamesOf } from './later-outcomes.ts'
import { echoOf, peerAt } from './membership.ts'
import type { Ledger } from './ledger.ts'
import type { LedgerInfo, Hint } from './messages.ts'
import { forkRequest } from './orphans.ts'
import { type Outbox, persist } from './outbox.ts'
import { closeOldLedgers, producerWakeAt, tickProducer } from './producer.ts'
import { answerCancels, hasNews, noNews, type ProposerNews } from './proposer.ts'
import { receiveLoopback } from './receive.ts'
import { checkpointVoter } from './checkpoint.ts'
import { recoverVoter, replayVoter, writeBlock } from './recovery.ts'
import { proposerWakeAt } from './proposer-wake.ts'
import { beatAll } from './renew.ts'
import { noteTold } from './retention.ts'
import { routeInput } from './route.ts'
import type { Machine } from './state.ts'
import { gossip } from './tick.ts'
import { votedLedger } from './office.ts'
import { compareWith } from './voter-compare.ts'
import { voterWakeAt, weighEvidence } from './voter.ts'
import { tellLaterNews, tellNews } from './watch-collected.ts'
import { tellOutcome } from './watch.ts'

export { createMachine } from './state.ts'
export type { Machine, MachineInit, TaskState, TaskView } from './state.ts'

/** Takes in one entry of the journal or of a checkpoint; in order, before the first step. */
export function replay(machine: Machine, entry: Entry, now: Millis): void {
  // Entries are durable: where exactly they stood in the journal does not matter any more.
  replayVoter(machine.voter, entry, 0, now)
  rememberFrom(machine.host, entry)
  nameFrom(machine, entry)
  if (entry.type === 'echo') {
    const { peer, storageId, lsn, incarnation } = entry
    machine.echoes.set(peer, { storageId, lsn })
    const known = peerAt(machine.members, peer)
    known.lsnStorageId = storageId
    known.lsnIncarnation = incarnation
    known.lsn = lsn
    known.writtenLsn = lsn
  }
}

/** Ends the replay: `lsn` is the journal's last entry. Returns what is to be done first. */
export function start(machine: Machine, lsn: number, now: Millis): Effect[] {
  const { outbox, voter, producer, init, members } = machine
  outbox.lsn = lsn
  outbox.durable = lsn
  machine.replayLsn = lsn
  machine.started = true
  machine.changer.startedAt = now
  if (!init.guest) {
    recoverVoter(voter, machine.node, init.intact, now)
    resumeCopies(voter, now)
    persist(outbox, { type: 'started', node: machine.node })
    if (!init.intact) writeBlock(voter, outbox, now + voter.leaseMs, now)
    closeOldLedgers(producer, voter, outbox)
    tickProducer(producer, voter, outbox, members, now)
  }
  return endTurn(machine, now)
}

/** What follows from an input. `now` never falls. */
export function step(machine: Machine, input: Input, now: Millis): Effect[] {
  routeInput(machine, input, now)
  return endTurn(machine, now)
}

/** What follows from several inputs that have come together: one turn. */
export function stepAll(machine: Machine, inputs: readonly Input[], now: Millis): Effect[] {
  let quiet = inputs.length > 0
  for (const input of inputs) {
    quiet &&= leadsToNothing(machine, input)
    routeInput(machine, input, now)
    receiveLoopback(machine, now)
  }
  return quiet ? [] : endTurn(machine, now)
}

/**
 * Whether a turn need not go on: in a large mesh a node hears of little else but that others have taken
 * tasks which it does not wait for, and of most entries nobody waits for that they are durable.
 */
function leadsToNothing({ voter, outbox, dispatch }: Machine, input: Input): boolean {
  if (input.type === 'durable') return voter.evidence.length === 0 && outbox.loopback.length === 0
  if (input.type !== 'hinted' || dispatch.wakeAt !== Infinity) return false
  return input.hints.every(({ type }) => type === 'taken')
}

/** Everything that is done once per turn, after its inputs. */
function endTurn(machine: Machine, now: Millis): Effect[] {
  const { outbox } = machine
  machine.nextTickAt = undefined
  for (let round = 0; round < 64; round++) {
    receiveLoopback(machine, now)
    const durable = (node: NodeId, { info }: Ledger): number | undefined =>
      durableOf(machine, node, info)
    weighEvidence(machine.voter, outbox, durable, now)
    tellDecisions(machine)
    tellCollectedNews(machine, now)
    tellPublished(machine)
    const more = followOwn(machine, now) || takeNews(machine, now) || work(machine, now)
    if (!more && !hasLoopback(outbox)) break
  }
  tellDrained(machine)
  tellHandedOver(machine, now)
  beatAll(machine.proposer, outbox, now)
  const hints = announceFresh(
    machine.announce,
    machine.voter,
    outbox,
    machine.members,
    machine.producer.fresh,
    now,
  )
  gossip(machine, hints)
  const effects = outbox.effects
  outbox.effects = []
  return effects
}

function hasLoopback(outbox: Outbox): boolean {
  const first = outbox.loopback[0]
  return first !== undefined && first.after <= outbox.durable
}

/** How much of a voting node's journal is durable; undefined if that process start is over. */
function durableOf(machine: Machine, node: NodeId, info: LedgerInfo): number | undefined {
  const peer = peerOf(node)
  const known = machine.members.peers.get(peer)
  if (known?.node !== node) return undefined
  const storageId = info.voters.find(voter => voter.peer === peer)?.storageId
  return known.lsnStorageId === storageId ? known.lsn : 0
}

function tellDecisions(machine: Machine): void {
  const { voter, watch, outbox, proposer } = machine
  if (voter.decisions.length === 0) return
  const decisions = voter.decisions
  voter.decisions = []
  for (const { ledger, values, late } of decisions) {
    const producer = voter.ledgers.get(ledger)?.info.producer ?? ''
    const own = peerOf(producer) === machine.init.peer
    if (tellOutcome(watch, outbox, ledger, values, own)) noteTold(voter, ledger, values.seqs)
    answerCancels(proposer, ledger, values)
    for (const later of asFirstGeneration(voter, ledger, values)) {
      tellOutcome(watch, outbox, later.ledger, later.values, false, later.fork)
    }
    if (late) continue
    const queue = queueOf(machine, ledger, values.seqs[0] ?? 0)
    outbox.effects.push({ type: 'report', event: { type: 'settled', ledger, values, queue } })
  }
}

/** Hands on what fellow voters have collected before this one knew of it. */
function tellCollectedNews(machine: Machine, now: Millis): void {
  const { voter, watch, outbox, proposer } = machine
  const { retention } = voter
  for (const { info, end, collected } of retention.news.splice(0)) {
    const own = peerOf(info.producer) === machine.init.peer
    tellNews(watch, outbox, { info, end }, collected, own, now)
    for (const later of firstNamesOf(voter, info.ledger, collected)) {
      tellLaterNews(watch, outbox, later.root, later.collected, now)
    }
    for (const kind of collectedKinds) {
      answerCancels(proposer, info.ledger, { kind, seqs: collected[kind] })
    }
  }
}

function queueOf(machine: Machine, ledger: LedgerId, seq: number): string {
  const held = machine.voter.ledgers.get(ledger)
  const page = held?.pages.get(Math.floor(seq / held.pageTasks))
  const spec = page?.spec[seq % machine.init.pageTasks] ?? 0
  return held?.specs[spec - 1]?.queue ?? ''
}

function tellPublished(machine: Machine): void {
  const { producer, outbox } = machine
  const all = producer.published.splice(0)
  for (const entry of all) all.push(...publishedToo(machine, entry))
  for (const entry of all) {
    if (entry.request === forkRequest || onGuestPublished(machine, entry)) continue
    const { request, parts, info } = entry
    const durable = info.voters.length >= 3
    outbox.effects.push({ type: 'published', request, parts, durable })
  }
}

/** Hands on what the proposer has learnt. Returns whether there was anything. */
function takeNews(machine: Machine, now: Millis): boolean {
  const { proposer, dispatch, announce, outbox, voter } = machine
  if (!hasNews(proposer)) return false
  const { news } = proposer
  proposer.news = noNews()
  const taken: Hint[] = []
  for (const { info, seqs, token, queue, askedAt } of news.won) {
    const { ledger } = info
    dispatch.contention.delete(ledger)
    if (info.voters.length > 1) sawRoundTrip(dispatch, now - askedAt)
    dropHint(announce.hints, ledger, seqs)
    const unknownTo = voter.ledgers.get(ledger)?.unknownTo
    if (hasAudience(machine.members, info, unknownTo)) taken.push({ type: 'taken', ledger, seqs })
    outbox.effects.push({ type: 'report', event: { type: 'claimed', ledger, seqs, token, queue } })
  }
  gossip(machine, taken)
  for (const { ledger, refusal, from } of news.refused) {
    const { reason, seqs, ms } = refusal
    dropHint(announce.hints, ledger, seqs)
    const own = voter.ledgers.get(ledger)
    if (own === undefined || reason === 'missing' || reason === 'blocked') continue
    if (reason === 'settled' && from !== machine.init.peer) compareWith(outbox, own, from)
    const forMs = reason === 'held' || reason === 'not-due' ? Math.min(5_000, ms) : 250
    if (from !== machine.init.peer) avoid(dispatch, ledger, seqs, forMs, now)
  }
  for (const it of news.exhausted) onUnpicked(machine, it, now)
  for (const { ledger, seqs } of news.lost) {
    dropHint(announce.hints, ledger, seqs)
    avoid(dispatch, ledger, seqs, contend(dispatch, proposer, ledger), now)
  }
  for (const { count } of news.freed) sawFreed(dispatch, count, now)
  for (const { request, cancelled, tooLate } of news.cancelEnded) {
    outbox.effects.push({ type: 'cancel-ended', request, cancelled, tooLate })
  }
  return news.freed.length > 0 || news.lost.length > 0
}

/** The voter that was to pick a task has given none: what was heard of is gone, or not there yet. */
function onUnpicked(
  { voter, dispatch, announce }: Machine,
  { info, classes, silent }: ProposerNews['exhausted'][number],
  now: Millis,
): void {
  const own = votedLedger(voter, info.ledger)
  if (silent || own !== undefined) sawUnpicked(dispatch, info.ledger, own, silent, now)
  else dropClasses(announce.hints, info.ledger, classes)
}

function work(machine: Machine, now: Millis): boolean {
  const { dispatch, proposer, outbox, members, announce } = machine
  dispatch.wakeAt = Infinity
  if (machine.init.guest || machine.leaving) return false
  return dispatchWork(dispatch, proposer, outbox, members, announce.hints, now)
}

/** When the next `tick` is due; it may come earlier, never later. */
export function wakeAt(machine: Machine): Millis {
  const { voter, proposer, producer, announce, dispatch, watch, guest } = machine
  machine.nextTickAt ??= Math.min(
    machine.idleAt,
    voterWakeAt(voter),
    proposerWakeAt(proposer),
    producerWakeAt(producer),
    announceWakeAt(announce),
    dispatch.wakeAt,
    watch.rewatchAt,
    guestWakeAt(guest),
    changesWakeAt(machine.changer),
    joinsWakeAt(voter),
  )
  return machine.nextTickAt
}

/** Bytes that must have gone since the last checkpoint before another one is worth it. */
const shedBytesMin = 1_048_576

/** Whether more has gone since the last checkpoint than is left, so that a disk holds it in vain. */
export function wantsCheckpoint({ voter }: Machine): boolean {
  return voter.retention.shedBytes > Math.max(shedBytesMin, voter.bytes)
}

/** Entries that make the same state again, for a checkpoint. */
export function* checkpoint(machine: Machine, now: Millis): Iterable<Entry> {
  machine.voter.retention.shedBytes = 0
  yield* checkpointVoter(machine.voter, now)
  for (const request of requestsOf(machine)) yield { type: 'submitted', ...request }
  yield* checkpointKeys(machine)
  for (const peer of machine.members.peers.values()) {
    if (peer.lsnStorageId !== '') yield echoOf(peer)
  }
}
