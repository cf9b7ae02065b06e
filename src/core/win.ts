import {
  type Claiming,
  DROPPED,
  eachTask,
  FETCHING,
  overdueIn,
  placeOf,
  RUNNING,
  setPhase,
  SETTLING,
  tasksWhere,
} from './claim.ts'
import type { Millis } from './ids.ts'
import type { Values } from './messages.ts'
import { type Outbox, send } from './outbox.ts'
import { dropRuns, pickedLate } from './drop-runs.ts'
import { endIfDone, type ProposerState } from './proposer.ts'
import { expiredIn } from './limits.ts'
import { eachSeq, pushRun, type Ranges, subtract } from './ranges.ts'
import { settleValues } from './settle.ts'
import { groupRuns, isTerminal, noBytes, pickValues, repeatValue } from './values.ts'
import { stopFinishing } from './voter.ts'
import { gatherRecords, recordsFor } from './claim-records.ts'

/** How long records are waited for before another voter is asked, in milliseconds. */
const fetchMs = 500

/** Voters that are asked for records before the tasks are given back. */
const maxFetches = 4

/** A majority has granted tasks: run them, or settle what must be settled instead. */
export function win(
  proposer: ProposerState,
  outbox: Outbox,
  claiming: Claiming,
  seqs: Ranges,
  now: Millis,
): void {
  const final: number[] = []
  const open: number[] = []
  eachSeq(seqs, seq => {
    const base = claiming.base.get(seq)
    if (base !== undefined && isTerminal(base.values)) pushRun(final, seq, 1)
    else pushRun(open, seq, 1)
  })
  // A terminal base is the outcome already: it is settled as it is, and nothing runs.
  if (final.length > 0) settleBases(proposer, outbox, claiming, final, now)
  if (open.length === 0) return
  switch (claiming.intent) {
    case 'run':
      if (claiming.expiry === true) return expireUnbegun(proposer, outbox, claiming, open, now)
      return startRuns(proposer, outbox, claiming, open, now)
    case 'raise':
      return settleHand(proposer, outbox, claiming, open, now)
    case 'cancel':
      if (claiming.expiry === true)
        return settleFailed(proposer, outbox, claiming, open, 'expired', now)
      return settleCancelled(proposer, outbox, claiming, open, now)
    case 'finish':
      // Nobody has settled this by a higher ballot: what was accepted is not finished any more.
      if (proposer.voter !== undefined) {
        const { info, ballot } = claiming
        stopFinishing(proposer.voter, { ledger: info.ledger, ballot, seqs: open }, now)
      }
      return drop(proposer, claiming, open)
    default:
      claiming.intent satisfies never
  }
}

function drop(proposer: ProposerState, claiming: Claiming, seqs: Ranges): void {
  eachTask(claiming, seqs, at => setPhase(claiming, at, DROPPED))
  endIfDone(proposer, claiming)
}

function settleBases(
  proposer: ProposerState,
  outbox: Outbox,
  claiming: Claiming,
  seqs: Ranges,
  now: Millis,
): void {
  const groups = groupRuns(seqs, seq => claiming.base.get(seq)?.values)
  const values: Values[] = []
  for (const [base, group] of groups) {
    const part = base === undefined ? undefined : pickValues(base, group)
    if (part !== undefined) values.push(part)
  }
  eachTask(claiming, seqs, at => setPhase(claiming, at, SETTLING))
  settleValues(proposer, outbox, claiming, values, now)
}

function settleCancelled(
  proposer: ProposerState,
  outbox: Outbox,
  claiming: Claiming,
  seqs: Ranges,
  now: Millis,
): void {
  const body = claiming.cancel?.reason ?? noBytes
  const by = proposer.self
  const value = { kind: 'cancelled', failures: 0, delayMs: 0, reason: '', by } as const
  eachTask(claiming, seqs, at => setPhase(claiming, at, SETTLING))
  settleValues(proposer, outbox, claiming, [repeatValue(value, seqs, body)], now)
}

/** What was in hand when another ballot overtook it is settled if nothing has come between. */
function settleHand(
  proposer: ProposerState,
  outbox: Outbox,
  claiming: Claiming,
  seqs: Ranges,
  now: Millis,
): void {
  const { hand } = claiming
  const settled: Values[] = []
  const dropped: number[] = []
  eachSeq(seqs, seq => {
    const base = claiming.base.get(seq)
    const mine =
      base !== undefined && ownBallot(proposer, claiming, base.ballot.counter, base.ballot.proposer)
    const value = mine ? base.values : hand?.values
    const part = value === undefined ? undefined : pickValues(value, [seq, 1])
    const unchanged = (base?.ballot.counter ?? 0) === (hand?.base.get(seq) ?? 0)
    // A retry, though it be accepted somewhere, offers the task again: not while somebody runs it.
    const free = (mine || unchanged) && !claiming.held.has(seq)
    if (part !== undefined && (isTerminal(part) || free)) settled.push(part)
    else pushRun(dropped, seq, 1)
  })
  for (const part of settled) eachTask(claiming, part.seqs, at => setPhase(claiming, at, SETTLING))
  if (settled.length > 0) settleValues(proposer, outbox, claiming, settled, now)
  if (dropped.length > 0) drop(proposer, claiming, dropped)
}

function ownBallot(
  proposer: ProposerState,
  { hand }: Claiming,
  counter: number,
  by: string,
): boolean {
  return by === proposer.node && (hand?.own.includes(counter) ?? false)
}

/** Runs tasks that nobody else holds, or fails those that have been started too often. */
function startRuns(
  proposer: ProposerState,
  outbox: Outbox,
  claiming: Claiming,
  seqs: Ranges,
  now: Millis,
): void {
  const spent: number[] = []
  eachTask(claiming, seqs, (at, seq) => {
    // Runs that ended in an error are counted as failures, and bounded by `attempts`.
    const deliveries = (claiming.maxGrants[at] as number) - (claiming.failures[at] as number)
    if (deliveries > proposer.maxDeliveries) pushRun(spent, seq, 1)
    else setPhase(claiming, at, FETCHING)
  })
  if (spent.length > 0) settleFailed(proposer, outbox, claiming, spent, 'deliveries', now)
  startFetched(proposer, outbox, claiming, now)
  fetchMissing(proposer, outbox, claiming, now)
}

/**
 * Asks for the records of won tasks that are not here, of one granting voter after another.
 * Returns the tasks that none of them has given.
 */
export function fetchMissing(
  proposer: ProposerState,
  outbox: Outbox,
  claiming: Claiming,
  now: Millis,
): number[] {
  const wanting = tasksWhere(claiming, at => claiming.phase[at] === FETCHING)
  claiming.fetchAt = wanting.length === 0 ? Infinity : now + fetchMs
  if (wanting.length === 0) return []
  if (claiming.fetches >= maxFetches) return wanting
  fetchRecords(proposer, outbox, claiming, wanting)
  claiming.fetches += 1
  return []
}

/** Whether nobody has begun a task but, where it is to run, the claim itself. */
function isUnbegun(claiming: Claiming, seq: number): boolean {
  const own = claiming.expiry === true ? 0 : 1
  return claiming.maxGrants[placeOf(claiming, seq)] === own && !claiming.base.has(seq)
}

/** Fails what has waited too long for its first run; what somebody has begun goes on. */
function expireUnbegun(
  proposer: ProposerState,
  outbox: Outbox,
  claiming: Claiming,
  seqs: Ranges,
  now: Millis,
): void {
  const unbegun: number[] = []
  eachSeq(seqs, seq => {
    if (isUnbegun(claiming, seq)) pushRun(unbegun, seq, 1)
  })
  const begun = subtract(seqs, unbegun)
  if (unbegun.length > 0) settleFailed(proposer, outbox, claiming, unbegun, 'expired', now)
  if (begun.length > 0) drop(proposer, claiming, begun)
}

function settleFailed(
  proposer: ProposerState,
  outbox: Outbox,
  claiming: Claiming,
  seqs: Ranges,
  reason: 'deliveries' | 'expired',
  now: Millis,
): void {
  const groups = groupRuns(seqs, seq => claiming.failures[placeOf(claiming, seq)] ?? 0)
  const values: Values[] = []
  for (const [failures, group] of groups) {
    const value = { kind: 'failed', failures, delayMs: 0, reason, by: '' } as const
    values.push(repeatValue(value, group, noBytes))
  }
  eachTask(claiming, seqs, at => setPhase(claiming, at, SETTLING))
  settleValues(proposer, outbox, claiming, values, now)
}

/** Starts the won tasks whose records are here. */
export function startFetched(
  proposer: ProposerState,
  outbox: Outbox,
  claiming: Claiming,
  now: Millis,
): void {
  // Voters that answer late may lease the tasks to others by now.
  const late = overdueIn(claiming, FETCHING, now)
  if (late.length > 0) {
    pickedLate(proposer, claiming)
    dropRuns(proposer, outbox, claiming, late)
  }
  const wanting = tasksWhere(claiming, at => claiming.phase[at] === FETCHING)
  if (wanting.length === 0) return
  const chunks = recordsFor(proposer, claiming, wanting, now)
  const expired = expiredIn(chunks, seq => isUnbegun(claiming, seq))
  if (expired.length > 0) {
    settleFailed(proposer, outbox, claiming, expired, 'expired', now)
    return startFetched(proposer, outbox, claiming, now)
  }
  // A copy of what others keep may be forgotten before what runs has ended.
  const held = proposer.voter?.ledgers.get(claiming.info.ledger)
  if (held !== undefined && held.office !== 'voter') gatherRecords(proposer, claiming, now)
  for (const chunk of chunks) {
    const seqs = [chunk.first, chunk.count]
    const attempts = new Uint32Array(chunk.count)
    eachTask(claiming, seqs, (at, seq) => {
      setPhase(claiming, at, RUNNING)
      attempts[seq - chunk.first] = (claiming.failures[at] as number) + 1
    })
    const { ledger } = claiming.info
    const token = claiming.ballot.counter
    const { spec, lengths, payload } = chunk
    outbox.effects.push({ type: 'run', ledger, token, spec, seqs, attempts, lengths, payload })
    const { info, startedAt: askedAt } = claiming
    proposer.news.won.push({ info, seqs, token, queue: spec.queue, askedAt })
  }
}

/** Asks a voter that granted tasks for their records. */
function fetchRecords(
  proposer: ProposerState,
  outbox: Outbox,
  claiming: Claiming,
  seqs: Ranges,
): void {
  const { ledger, epoch, voters } = claiming.info
  const groups = groupRuns(seqs, seq => {
    const mask = claiming.grants[placeOf(claiming, seq)] as number
    const granting = voters.flatMap(({ peer }, v) => {
      return (mask & (1 << v)) !== 0 && proposer.up.has(peer) ? [v] : []
    })
    return granting[claiming.fetches % Math.max(1, granting.length)] ?? -1
  })
  for (const [v, group] of groups) {
    const peer = voters[v]?.peer
    if (peer === undefined) continue
    send(outbox, peer, { type: 'fetch', ledger, epoch, what: 'records', seqs: group })
  }
}
