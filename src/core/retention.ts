import {
  addCollected,
  allCollected,
  type Collected,
  type CollectedSets,
  collectedIn,
  collectedState,
  noneCollected,
} from './collected.ts'
import type { LedgerId, Millis } from './ids.ts'
import { addRun, addRuns } from './intervals.ts'
import { chunkOfSeq, dropValue, findPage, type Ledger, stateAt } from './ledger.ts'
import { eachSpecRun } from './lease.ts'
import type { LedgerInfo, OutcomeKind } from './messages.ts'
import { type Outbox, persist } from './outbox.ts'
import {
  countIn,
  countOf,
  eachSeq,
  intersect,
  pushRun,
  type Ranges,
  subtract,
  take,
} from './ranges.ts'
import { columnsOf, type HeldChunk } from './records.ts'
import { CANCELLED, DONE, FAILED, OPEN } from './registers.ts'
import type { VoterState } from './voter.ts'

/*
 * What is settled takes room: the payload goes at once, but for that of a failed task, which may be
 * tried again; the outcome is kept for a while, or until the room is needed. Then the registers go,
 * too, and a set says how each task has ended. No open register is ever touched: its votes count.
 */

/**
 * How long a failed task is kept with its payload, and how long a ledger is remembered of which
 * nothing is left, in milliseconds.
 */
export const keepMs = 7 * 24 * 3_600_000

/** How long a result is kept whose record this voter has never had, in milliseconds. */
const defaultTtlMs = 24 * 3_600_000

/** Results of about the same time go together: so much later at the most, in milliseconds. */
const maxBatchMs = 60_000

/** How full a voter that needs room leaves its budget, so that it need not look again at once. */
const roomShare = 0.9

/** Outcomes that go at once where room is needed. */
const roomTasks = 256

/** Outcomes that are kept until the same moment. */
export interface Batch {
  readonly ledger: LedgerId
  readonly settledAt: Millis
  /** None of them goes before. */
  readonly until: Millis
  readonly seqs: number[]
  /** Those that somebody who waited for them has been told. */
  readonly told: number[]
}

/** The outcomes that a voter keeps. */
export interface Retention {
  readonly keepMs: number
  batches: Batch[]
  /** The last batch of each ledger and time to live. */
  readonly filling: Map<string, Batch>
  /** No batch is due before. */
  collectAt: Millis
  /** Bytes that have gone since the last checkpoint. */
  shedBytes: number
  /** Tasks that are settled by what a fellow voter has said, which has not kept how. */
  news: { readonly info: LedgerInfo; readonly end: number; readonly collected: Collected }[]
  /** Ledgers of which nothing is left. */
  readonly retired: Map<LedgerId, Retired>
}

/** What is left of a ledger. */
export interface Retired {
  readonly epoch: number
  /** All of its tasks, up to here, are settled. */
  readonly end: number
  readonly retiredAt: Millis
  readonly collected: Collected
}

/** Nothing kept. */
export function createRetention(keptMs = keepMs): Retention {
  return {
    keepMs: keptMs,
    batches: [],
    filling: new Map(),
    collectAt: Infinity,
    shedBytes: 0,
    news: [],
    retired: new Map(),
  }
}

/** Keeps the outcomes of tasks for as long as is asked for, from when they were settled. */
export function keepOutcomes(
  { retention }: VoterState,
  ledger: Ledger,
  seqs: Ranges,
  kind: OutcomeKind,
  settledAt: Millis,
): void {
  if (kind === 'failed') return keep(retention, ledger, seqs, retention.keepMs, settledAt)
  let rest = seqs
  eachSpecRun(ledger, seqs, (spec, first, count) => {
    const ttlMs = ledger.specs[spec]?.resultTtlMs ?? defaultTtlMs
    keep(retention, ledger, [first, count], ttlMs, settledAt)
    rest = subtract(rest, [first, count])
  })
  // Its record may never have been here.
  const unknownMs = Math.min(defaultTtlMs, retention.keepMs)
  if (rest.length > 0) keep(retention, ledger, rest, unknownMs, settledAt)
}

function keep(
  retention: Retention,
  { info }: Ledger,
  seqs: Ranges,
  ttlMs: number,
  settledAt: Millis,
): void {
  const key = `${info.ledger}|${ttlMs}`
  const spanMs = Math.min(maxBatchMs, ttlMs / 8)
  let batch = retention.filling.get(key)
  if (batch === undefined || settledAt < batch.settledAt || settledAt > batch.settledAt + spanMs) {
    const until = settledAt + spanMs + ttlMs
    batch = { ledger: info.ledger, settledAt, until, seqs: [], told: [] }
    retention.batches.push(batch)
    retention.filling.set(key, batch)
    retention.collectAt = Math.min(retention.collectAt, until)
  }
  addRuns(batch.seqs, seqs)
}

/** Somebody who waited for outcomes has been told: when room is needed, these go first. */
export function noteTold({ retention }: VoterState, ledger: LedgerId, seqs: Ranges): void {
  let rest = seqs
  // Nearly always it is the last one.
  for (let i = retention.batches.length - 1; i >= 0 && rest.length > 0; i--) {
    const batch = retention.batches[i] as Batch
    if (batch.ledger !== ledger) continue
    const some = intersect(batch.seqs, rest)
    if (some.length === 0) continue
    addRuns(batch.told, some)
    rest = subtract(rest, some)
  }
}

/** Collects the outcomes that were kept for long enough. */
export function collectDue(voter: VoterState, outbox: Outbox, now: Millis): void {
  const { retention } = voter
  if (now < retention.collectAt) return
  const due = retention.batches.filter(({ until }) => until <= now)
  retention.batches = retention.batches.filter(({ until }) => until > now)
  retention.collectAt = Math.min(Infinity, ...retention.batches.map(({ until }) => until))
  for (const [key, batch] of retention.filling) {
    if (batch.until <= now) retention.filling.delete(key)
  }
  for (const { ledger, seqs } of due) collectNow(voter, outbox, ledger, seqs)
}

/**
 * Makes room by collecting outcomes before their time: those that somebody has been told first, then
 * the oldest. Returns whether there is room.
 */
export function makeRoom(voter: VoterState, outbox: Outbox, bytes: number): boolean {
  const { retention, maxBytes } = voter
  if (voter.bytes + bytes <= maxBytes) return true
  const goal = maxBytes * roomShare - bytes
  const oldest = retention.batches.toSorted((a, b) => a.settledAt - b.settledAt)
  for (const which of ['told', 'seqs'] as const) {
    for (const batch of oldest) {
      for (let rest: Ranges = batch[which]; rest.length > 0 && voter.bytes > goal;) {
        const some = take(rest, roomTasks)
        rest = subtract(rest, some)
        collectNow(voter, outbox, batch.ledger, some)
      }
    }
  }
  return voter.bytes + bytes <= maxBytes
}

/** Collects those of some tasks that are settled, and writes that down. */
export function collectNow(voter: VoterState, outbox: Outbox, id: LedgerId, seqs: Ranges): void {
  const ledger = voter.ledgers.get(id)
  if (ledger === undefined) return
  const collected = byKind(ledger, seqs)
  if (collected === undefined) return
  persist(outbox, { type: 'collected', ledger: id, ...collected })
  collect(voter, ledger, collected)
}

/** How tasks have ended that are settled and not collected; undefined if there are none. */
function byKind(ledger: Ledger, seqs: Ranges): CollectedSets | undefined {
  const kept = subtract(intersect(seqs, ledger.settled), allCollected(ledger.collected))
  if (kept.length === 0) return undefined
  const collected = noneCollected()
  eachSeq(kept, seq => {
    const state = stateAt(ledger, seq)
    if (state === DONE) pushRun(collected.done, seq, 1)
    else if (state === FAILED) pushRun(collected.failed, seq, 1)
    else if (state === CANCELLED) pushRun(collected.cancelled, seq, 1)
  })
  return collected
}

/** Forgets all of settled tasks but how they have ended. */
export function collect(voter: VoterState, ledger: Ledger, collected: Collected): void {
  const before = voter.bytes
  const seqs = allCollected(collected)
  eachSeq(seqs, seq => {
    const page = findPage(ledger, seq)
    const slot = seq % ledger.pageTasks
    if (page !== undefined && page.state[slot] !== OPEN) {
      voter.bytes -= dropValue(ledger, page, slot)
    }
  })
  addCollected(ledger.collected, collected)
  dropRecords(voter, ledger)
  dropPages(ledger, seqs)
  voter.retention.shedBytes += before - voter.bytes + 32 * countOf(seqs)
}

/** Records go when all of their tasks are collected. */
function dropRecords(voter: VoterState, ledger: Ledger): void {
  const { chunks, collected } = ledger
  let kept = 0
  for (const chunk of chunks) {
    if (collectedIn(collected, chunk.first, chunk.count) === chunk.count) {
      voter.bytes -= chunk.payload?.length ?? 0
    } else chunks[kept++] = chunk
  }
  chunks.length = kept
}

/** Pages go when no task of theirs is open, nor can come to be in them. */
export function dropPages(ledger: Ledger, seqs: Ranges): void {
  const { pageTasks, collected, stored, pages } = ledger
  for (let i = 0; i < seqs.length; i += 2) {
    const first = Math.floor((seqs[i] as number) / pageTasks)
    const last = Math.floor(((seqs[i] as number) + (seqs[i + 1] as number) - 1) / pageTasks)
    for (let page = first; page <= last; page++) {
      const from = page * pageTasks
      const held = countIn(stored, from, pageTasks)
      const whole = held === pageTasks || ledger.end >= 0
      if (whole && collectedIn(collected, from, pageTasks) === held) pages.delete(page)
    }
  }
}

/**
 * A task of a record is settled. When all of them are, the payload goes; a failed task keeps its
 * own, so that it can be published again.
 */
export function closeRecord(voter: VoterState, ledger: Ledger, seq: number): void {
  const chunk = chunkOfSeq(ledger, seq)
  if (chunk === undefined) return
  chunk.open -= 1
  const { payload, first, count } = chunk
  if (chunk.open > 0 || payload === undefined) return
  const failed: number[] = []
  for (let at = first; at < first + count; at++) {
    const isKept = collectedState(ledger.collected, at) === undefined
    if (isKept && stateAt(ledger, at) === FAILED) addRun(failed, at, 1)
  }
  if (countOf(failed) === count) return
  if (failed.length === 0) {
    voter.bytes -= payload.length
    chunk.payload = undefined
    chunk.offsets = undefined
    return
  }
  const pieces = splitChunk(chunk, failed)
  const { chunks } = ledger
  chunks.splice(chunks.indexOf(chunk), 1, ...pieces)
  voter.bytes -= payload.length
  for (const piece of pieces) voter.bytes += piece.payload?.length ?? 0
}

/** The same records in pieces, of which only some keep their payload. */
function splitChunk(chunk: HeldChunk, kept: Ranges): HeldChunk[] {
  const { first, count } = chunk
  const pieces: HeldChunk[] = []
  const cut = (seqs: Ranges, isKept: boolean): void => {
    for (let i = 0; i < seqs.length; i += 2) {
      const run = { first: seqs[i] as number, count: seqs[i + 1] as number }
      const columns = columnsOf(chunk, run.first, run.count)
      const lengths = columns?.lengths.slice() ?? new Uint32Array(run.count)
      const payload = isKept ? columns?.payload.slice() : undefined
      pieces.push({ ...chunk, ...run, lengths, payload, offsets: undefined, open: 0 })
    }
  }
  cut(kept, true)
  cut(subtract([first, count], kept), false)
  return pieces.sort((a, b) => a.first - b.first)
}
