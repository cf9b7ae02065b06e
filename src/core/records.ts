import type { Lsn, Millis } from './ids.ts'
import type { Fork } from './forks.ts'
import type { Chunk, TaskSpec } from './messages.ts'
import { limitAt, limitLeft, type Timing, timingAfter } from './timing.ts'

/** A chunk of records that a voter or a claimer holds. */
export interface HeldChunk {
  readonly first: number
  readonly count: number
  readonly spec: TaskSpec
  readonly lengths: Uint32Array
  /** Undefined once every task of it is settled. */
  payload: Uint8Array | undefined
  /** Where each payload starts, made when first asked for. */
  offsets: Uint32Array | undefined
  /** When the tasks were published and when they were first seen here. */
  readonly publishedAt: Millis
  readonly seenAt: Millis
  readonly dueAt: Millis
  /** When a first run must have begun, and when the tasks must have ended; Infinity for no limit. */
  readonly startBy: Millis
  readonly endBy: Millis
  /** The journal entry that holds it. */
  readonly lsn: Lsn
  readonly fork: Fork | undefined
  /** Tasks of it that are not settled. */
  open: number
}

/** Takes a chunk in as it arrived. */
export function holdChunk(chunk: Chunk, now: Millis, lsn: Lsn): HeldChunk {
  return {
    first: chunk.first,
    count: chunk.count,
    spec: chunk.spec,
    lengths: chunk.lengths,
    payload: chunk.payload,
    offsets: undefined,
    publishedAt: now - chunk.ageMs,
    seenAt: now,
    dueAt: now + chunk.delayMs,
    startBy: limitAt(chunk.startWithinMs, now),
    endBy: limitAt(chunk.endWithinMs, now),
    lsn,
    fork: chunk.fork,
    open: chunk.count,
  }
}

/** Where each column's bytes start, with the total at the end. */
export function offsetsOf(lengths: Uint32Array): Uint32Array {
  const offsets = new Uint32Array(lengths.length + 1)
  let at = 0
  for (let i = 0; i < lengths.length; i++) {
    offsets[i] = at
    at += lengths[i] as number
  }
  offsets[lengths.length] = at
  return offsets
}

function offsetsIn(held: HeldChunk): Uint32Array {
  held.offsets ??= offsetsOf(held.lengths)
  return held.offsets
}

/** Index of the chunk that holds a task, or −1. `chunks` are ascending and disjoint. */
export function chunkAt(chunks: readonly HeldChunk[], seq: number): number {
  let low = 0
  let high = chunks.length
  while (low < high) {
    const mid = (low + high) >>> 1
    const chunk = chunks[mid] as HeldChunk
    if (chunk.first + chunk.count > seq) high = mid
    else low = mid + 1
  }
  const chunk = chunks[low]
  return chunk !== undefined && chunk.first <= seq ? low : -1
}

/** Adds a chunk at its place; it must not overlap another. */
export function insertChunk(chunks: HeldChunk[], held: HeldChunk): void {
  const last = chunks.at(-1)
  if (last === undefined || last.first < held.first) {
    chunks.push(held)
    return
  }
  let at = chunks.length
  while (at > 0 && (chunks[at - 1] as HeldChunk).first > held.first) at -= 1
  chunks.splice(at, 0, held)
}

/** The columns of some consecutive tasks of a chunk; undefined if its payload is gone. */
export function columnsOf(
  held: HeldChunk,
  first: number,
  count: number,
): { lengths: Uint32Array; payload: Uint8Array } | undefined {
  if (held.payload === undefined) return undefined
  if (first === held.first && count === held.count) {
    return { lengths: held.lengths, payload: held.payload }
  }
  const at = first - held.first
  const offsets = offsetsIn(held)
  return {
    lengths: held.lengths.subarray(at, at + count),
    payload: held.payload.subarray(offsets[at], offsets[at + count]),
  }
}

/** Some consecutive tasks of a chunk, as they are told to another node now. */
export function chunkOf(
  held: HeldChunk,
  first: number,
  count: number,
  now: Millis,
): Chunk | undefined {
  const columns = columnsOf(held, first, count)
  if (columns === undefined) return undefined
  return {
    first,
    count,
    spec: held.spec,
    ...timingOf(held, now),
    ...columns,
    fork: held.fork,
  }
}

/** When the tasks of a chunk may run and must have run, as it is told to another node now. */
export function timingOf(held: HeldChunk, now: Millis): Timing {
  return {
    ageMs: Math.max(0, Math.round(now - held.publishedAt)),
    delayMs: Math.max(0, Math.round(held.dueAt - now)),
    startWithinMs: limitLeft(held.startBy, now),
    endWithinMs: limitLeft(held.endBy, now),
  }
}

/** The tasks of a chunk with what is left of their times when some time has passed. */
export function chunkAfter(chunk: Chunk, passedMs: number): Chunk {
  return passedMs > 0 ? { ...chunk, ...timingAfter(chunk, passedMs) } : chunk
}

/** Part of a chunk, as received. */
export function sliceChunk(chunk: Chunk, first: number, count: number): Chunk {
  if (first === chunk.first && count === chunk.count) return chunk
  const at = first - chunk.first
  let from = 0
  for (let i = 0; i < at; i++) from += chunk.lengths[i] as number
  const lengths = chunk.lengths.subarray(at, at + count)
  let to = from
  for (const length of lengths) to += length
  return { ...chunk, first, count, lengths, payload: chunk.payload.subarray(from, to) }
}

/** A text that is the same for equal specs only. */
export function specKey(spec: TaskSpec): string {
  return [
    spec.priority,
    spec.attempts,
    spec.backoff,
    spec.backoffMs,
    spec.backoffMaxMs,
    spec.timeoutMs,
    spec.resultTtlMs,
    spec.requires,
    spec.queue,
  ].join('|')
}

/** Whether two byte strings are the same. */
export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}
