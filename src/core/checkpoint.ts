import { checkpointCollected, checkpointOutcomes, checkpointRetired } from './kept-entries.ts'
import type { Entry } from './entries.ts'
import type { Millis } from './ids.ts'
import { acceptedAt, findPage, type Ledger } from './ledger.ts'
import { leaseAt } from './lease.ts'
import { take, type Ranges, subtract } from './ranges.ts'
import type { Page } from './registers.ts'
import { groupRuns, noBytes } from './values.ts'
import { chunkOf, timingOf } from './records.ts'
import { grantsOf } from './voter-claim.ts'
import { valuesOf, type VoterState } from './voter.ts'

/** Tasks that one entry of a checkpoint gives the grants of. */
const maxGrantsTasks = 4_096

/** Entries from which a voter's state can be made again. */
export function* checkpointVoter(voter: VoterState, now: Millis): Generator<Entry> {
  for (const ledger of voter.ledgers.values()) {
    const { ledger: id } = ledger.info
    const openedWallMs = Math.round(ledger.openedAt + voter.wallOffsetMs)
    if (ledger.office === 'observer') yield { type: 'observed', ...ledger.info }
    else yield { type: 'opened', ...ledger.info, openedWallMs }
    if (ledger.mark > 0) yield { type: 'reserved', ledger: id, mark: ledger.mark }
    const open = subtract(ledger.stored, ledger.settled)
    yield* checkpointRecords(voter, ledger, now)
    yield* checkpointValues(voter, ledger, open, now)
    if (open.length > 0) {
      yield* checkpointGrants(ledger, open)
      yield* checkpointLeases(voter, ledger, open)
    }
    yield* checkpointOutcomes(voter, ledger)
    if (ledger.forked.length > 0) yield { type: 'forked', ledger: id, seqs: ledger.forked }
    if (ledger.end >= 0) yield { type: 'closed', ledger: id, end: ledger.end }
    yield* checkpointCollected(ledger)
    const { succession, successor, info } = ledger
    const begun = ledger.office === 'voter' && successor === undefined
    if (begun && info.epoch > 0) yield { type: 'installed', ...info }
    // After the entry that begins the epoch, in which nobody has voted on the next voters.
    if (succession !== undefined) {
      yield { type: 'succession', ledger: id, epoch: info.epoch, ...succession }
    }
    if (successor !== undefined) yield { type: 'sealed', ...successor }
  }
  for (const info of voter.moved.values()) yield { type: 'moved', ...info }
  if (voter.blockedUntil > now)
    yield { type: 'blocked', untilWallMs: Math.ceil(voter.blockedUntil + voter.wallOffsetMs) }
  for (const [ledger, { end }] of voter.ends) yield { type: 'closed', ledger, end }
  yield* checkpointRetired(voter)
}

/** Records; where all tasks of a chunk are settled, its payload is gone and only the spec stays. */
function* checkpointRecords(voter: VoterState, ledger: Ledger, now: Millis): Generator<Entry> {
  const wall = Math.round(now + voter.wallOffsetMs)
  for (const held of ledger.chunks) {
    const { first, count } = held
    const chunk = chunkOf(held, first, count, now) ?? {
      first,
      count,
      spec: held.spec,
      ...timingOf(held, now),
      lengths: new Uint32Array(count),
      payload: noBytes,
      fork: held.fork,
    }
    yield {
      type: 'stored',
      ledger: ledger.info.ledger,
      dueWallMs: wall + chunk.delayMs,
      publishedWallMs: wall - chunk.ageMs,
      chunk,
    }
  }
}

/** Accepted values of open tasks; a pending one with what is left of its delay. */
export function* checkpointValues(
  voter: VoterState,
  ledger: Ledger,
  open: Ranges,
  now: Millis,
): Generator<Entry> {
  const groups = groupRuns(open, seq => {
    const page = findPage(ledger, seq)
    const slot = seq % ledger.pageTasks
    if (page === undefined || page.accepted[slot] === 0) return ''
    const dueAt = ledger.retryAt.get(seq) ?? 0
    return `${page.accepted[slot]}|${page.acceptedBy[slot]}|${dueAt}`
  })
  for (const [key, seqs] of groups) {
    if (key === '') continue
    const page = findPage(ledger, seqs[0] as number) as Page
    const ballot = acceptedAt(ledger, page, (seqs[0] as number) % ledger.pageTasks)
    const dueAt = ledger.retryAt.get(seqs[0] as number) ?? 0
    for (const values of valuesOf(ledger, seqs)) {
      const dueWallMs = Math.round(Math.max(now, dueAt) + voter.wallOffsetMs) - values.delayMs
      yield { type: 'accepted', ledger: ledger.info.ledger, ballot, dueWallMs, values: [values] }
    }
  }
}

/** Counts of grants, in entries that stay within the limits of the codec. */
export function* checkpointGrants(ledger: Ledger, open: Ranges): Generator<Entry> {
  for (let rest = open; rest.length > 0;) {
    const seqs = take(rest, maxGrantsTasks)
    rest = subtract(rest, seqs)
    const { ledger: id } = ledger.info
    yield { type: 'grants', ledger: id, seqs, grants: grantsOf(ledger, seqs) }
  }
}

/** Live leases, without counting their grants again. */
export function* checkpointLeases(
  voter: VoterState,
  ledger: Ledger,
  open: Ranges,
): Generator<Entry> {
  const { ledger: id } = ledger.info
  const groups = groupRuns(open, seq => {
    return findPage(ledger, seq)?.lease[seq % ledger.pageTasks] ?? 0
  })
  for (const [leaseId, seqs] of groups) {
    const lease = leaseAt(voter.leases, leaseId)
    if (lease === undefined) continue
    const { claimId, ballot } = lease
    yield { type: 'released', ledger: id, ballot, seqs }
    yield { type: 'granted', ledger: id, claimId, ballot, seqs }
  }
}
