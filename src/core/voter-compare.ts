import { counterLeap } from './ballot.ts'
import type { Millis, PeerId } from './ids.ts'
import { acceptedAt, findPage, type Ledger } from './ledger.ts'
import type { Compare, Decided, DecidedRange, Fetch } from './messages.ts'
import { allCollected } from './collected.ts'
import { knownInfo, ledgerIn, votingIn } from './office.ts'
import { type Outbox, persist, send } from './outbox.ts'
import { voterIndex } from './quorum.ts'
import { endOf, subtract, take, type Ranges } from './ranges.ts'
import { OPEN, type Page } from './registers.ts'
import { groupRuns, kindOf } from './values.ts'
import { recordLsn, recordsOf } from './ledger-records.ts'
import { tellCollected, tellRetired } from './tell-collected.ts'
import { takeOutcome, valuesOf, type VoterState } from './voter.ts'

/** Tasks that one answer to a COMPARE gives at the most; the next comparison gives more. */
export const maxRepairTasks = 8_192

/** Ranges of outcomes in one DECIDED at the most. */
const maxOutcomes = 256

/** Runs of a set that a COMPARE tells at the most. */
const maxRuns = 8_000

/** Tells the fellow voters of a ledger what this one holds. */
export function compareLedger(voter: VoterState, outbox: Outbox, ledger: Ledger): void {
  if (ledger.office !== 'voter') return
  for (const { peer } of ledger.info.voters) {
    if (peer !== voter.peer) compareWith(outbox, ledger, peer)
  }
}

/** Tells one fellow voter what this one holds of a ledger. */
export function compareWith(outbox: Outbox, ledger: Ledger, peer: PeerId): void {
  const { ledger: id, epoch } = ledger.info
  send(outbox, peer, {
    type: 'compare',
    ledger: id,
    epoch,
    counter: ledger.counter,
    end: ledger.end,
    stored: ledger.stored.slice(0, maxRuns * 2),
    settled: ledger.settled.slice(0, maxRuns * 2),
  })
}

/** Gives a fellow voter what it lacks, and learns its counter and the ledger's end. */
export function onCompare(
  voter: VoterState,
  outbox: Outbox,
  from: PeerId,
  theirs: Compare,
  now: Millis,
): void {
  const { ledger: id } = theirs
  const known = knownInfo(voter, id)
  if (known === undefined && tellRetired(voter, outbox, from, id)) return
  if (known !== undefined && known.epoch < theirs.epoch) {
    // To a question about an epoch that is over the answer is MOVED: so one learns that it is.
    const nothing = { from: 0, to: 0, stored: [], settled: [] }
    send(outbox, from, { type: 'observe', ledger: id, epoch: known.epoch, ...nothing })
    return
  }
  const ledger = votingIn(voter, outbox, from, theirs)
  if (ledger === undefined || !isFellow(ledger, from)) return
  const fellow = 1 << voterIndex(ledger.info, from)
  ledger.unknownTo &= ~fellow
  if (theirs.end === 0) ledger.emptyAt |= fellow
  else ledger.emptyAt &= ~fellow
  const { epoch } = ledger.info
  // One that is so far behind refuses counters as a leap until it has been told.
  if (theirs.counter + counterLeap / 2 < ledger.counter) compareWith(outbox, ledger, from)
  if (theirs.counter > ledger.counter) ledger.counter = theirs.counter
  const isClosed = theirs.end >= 0 || ledger.end >= 0
  if (isClosed) closeAt(outbox, ledger, Math.max(theirs.end, endOf(theirs.stored)))
  // Its answer to what this one has asked may be lost: in the next round it is asked again.
  if (hasMore(theirs, ledger)) ledger.changed = true
  const news = subtract(ledger.settled, theirs.settled)
  tellCollected(outbox, from, ledger, news)
  const settled = take(subtract(news, allCollected(ledger.collected)), maxRepairTasks)
  if (settled.length > 0) {
    const outcomes = outcomesOf(ledger, settled)
    for (let i = 0; i < outcomes.length; i += maxOutcomes) {
      const some = outcomes.slice(i, i + maxOutcomes)
      send(outbox, from, { type: 'decided', ledger: id, epoch, outcomes: some })
    }
  }
  const open = subtract(ledger.stored, ledger.settled)
  const lacking = take(subtract(open, theirs.stored), maxRepairTasks)
  const after = recordLsn(ledger, lacking)
  for (const chunk of recordsOf(ledger, lacking, now)) {
    send(outbox, from, { type: 'store', ledger: id, epoch, fresh: false, chunks: [chunk] }, after)
  }
}

/** Whether a fellow voter has records or outcomes that are not here. */
function hasMore(theirs: Compare, { stored, settled }: Ledger): boolean {
  return subtract(theirs.settled, settled).length > 0 || subtract(theirs.stored, stored).length > 0
}

/**
 * No sequence number from `end` on will be used; −1 where that is not known. The highest end counts,
 * and what is held: an old copy of its producer's disk, which nobody has caught yet, names one below
 * tasks that others hold.
 */
export function closeAt(outbox: Outbox, ledger: Ledger, end: number): void {
  if (end < 0 && ledger.end < 0) return
  const last = Math.max(end, endOf(ledger.stored))
  if (last <= ledger.end) return
  ledger.end = last
  ledger.changed = true
  persist(outbox, { type: 'closed', ledger: ledger.info.ledger, end: last })
}

/** Whether a peer is a voter of a ledger. */
export function isFellow(ledger: Ledger, peer: PeerId): boolean {
  return ledger.info.voters.some(voter => voter.peer === peer)
}

/** Settled tasks by the ballot that their value was accepted at, without the values. */
export function outcomesOf(ledger: Ledger, seqs: Ranges): DecidedRange[] {
  const groups = groupRuns(seqs, seq => {
    const page = findPage(ledger, seq)
    const slot = seq % ledger.pageTasks
    if (page === undefined || (page.state[slot] as number) <= OPEN) return ''
    return `${page.state[slot]}|${page.accepted[slot]}|${page.acceptedBy[slot]}`
  })
  const outcomes: DecidedRange[] = []
  for (const [key, group] of groups) {
    if (key === '') continue
    const page = findPage(ledger, group[0] as number) as Page
    const slot = (group[0] as number) % ledger.pageTasks
    const kind = kindOf(page.state[slot] as number)
    outcomes.push({ ballot: acceptedAt(ledger, page, slot), kind, seqs: group, values: [] })
  }
  return outcomes
}

/** Learns outcomes from their proposer or a fellow voter; fetches values that it lacks. */
export function onDecided(
  voter: VoterState,
  outbox: Outbox,
  from: PeerId,
  decided: Decided,
  now: Millis,
): void {
  const ledger = ledgerIn(voter, decided.ledger, decided.epoch)
  if (ledger === undefined) return
  for (const outcome of decided.outcomes) {
    const proposer = outcome.ballot.proposer
    if (!isFellow(ledger, from) && proposer.slice(0, proposer.lastIndexOf('.')) !== from) continue
    const seqs = takeOutcome(voter, outbox, ledger, outcome, now)
    if (seqs.length === 0) continue
    const { ledger: id, epoch } = ledger.info
    send(outbox, from, { type: 'fetch', ledger: id, epoch, what: 'outcomes', seqs })
  }
}

/** Gives records or outcomes to a node that lacks them. */
export function onFetch(
  voter: VoterState,
  outbox: Outbox,
  from: PeerId,
  fetch: Fetch,
  now: Millis,
): void {
  if (knownInfo(voter, fetch.ledger) === undefined) return
  const ledger = votingIn(voter, outbox, from, fetch)
  if (ledger === undefined) return
  const seqs = take(fetch.seqs, maxRepairTasks)
  const { ledger: id, epoch } = ledger.info
  if (fetch.what === 'records') {
    const after = recordLsn(ledger, seqs)
    for (const chunk of recordsOf(ledger, seqs, now)) {
      send(outbox, from, { type: 'records', ledger: id, epoch, chunks: [chunk] }, after)
    }
    return
  }
  tellCollected(outbox, from, ledger, seqs)
  for (const outcome of outcomesOf(ledger, seqs)) {
    for (const values of valuesOf(ledger, outcome.seqs)) {
      const range = { ...outcome, seqs: values.seqs, values: [values] }
      send(outbox, from, { type: 'decided', ledger: id, epoch, outcomes: [range] })
    }
  }
}
