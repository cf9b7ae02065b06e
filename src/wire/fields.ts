import { countOf } from '../core/ranges.ts'
import type { Ranges } from '../core/ranges.ts'
import { readColumn, readRanges, writeColumn, writeRanges } from './columns.ts'
import {
  maxAddressBytes,
  maxLabelsBytes,
  maxMs,
  maxNodeIdBytes,
  maxPeerIdBytes,
  maxPriority,
  maxQueueBytes,
  maxRangesPerSet,
  maxTasksPerChunk,
  maxUint32,
} from './limits.ts'
import { Problem, demand } from './problem.ts'
import type { Bound } from './scan.ts'

/**
 * Translates a field between the form that the core has (`T`) and that of the generated codec
 * (`W`), and holds it to its limits in both directions.
 */
export interface Field<T, W> {
  readonly bound: Bound
  toWire(value: T): W
  fromWire(wire: W): T
}

/** Longest column of sequence numbers, in bytes: two varints of 32 bits for each run. */
const maxRangesBytes = 2 * 5 * maxRangesPerSet

const noBound: Bound = {}

/** An integer from `min` to `max`, both at most 2³² − 1. */
export function integer(min = 0, max = maxUint32): Field<number, number> {
  const check = (value: number): number => {
    if (!Number.isInteger(value) || value < min || value > max) {
      throw new Problem(`${value} is not an integer from ${min} to ${max}`)
    }
    return value
  }
  return { bound: noBound, toWire: check, fromWire: check }
}

/** A whole number that may need more than 32 bits; fractions are cut off. */
function wide(max: number): Field<number, bigint> {
  return {
    bound: noBound,
    toWire(value) {
      demand(value >= 0 && value <= max, `${value} is not a number from 0 to ${max}`)
      return BigInt(Math.floor(value))
    },
    fromWire(wire) {
      demand(wire <= max, `${wire} is not a number from 0 to ${max}`)
      return Number(wire)
    },
  }
}

/** Milliseconds. A clock's fractions do not travel. */
export const ms = wide(maxMs)
/** A position in a journal. */
export const lsn = wide(Number.MAX_SAFE_INTEGER)
/** A counter, epoch, claim id or plain count. */
export const uint32 = integer()
export const priority = integer(-maxPriority, maxPriority)

export const flag: Field<boolean, boolean> = {
  bound: noBound,
  toWire: value => value,
  fromWire: wire => wire,
}

/** A string of `minBytes` (0 or 1) to `maxBytes` bytes of UTF-8. */
export function text(maxBytes: number, minBytes = 0): Field<string, string> {
  return {
    bound: { maxBytes },
    toWire(value) {
      demand(value.length >= minBytes, 'empty')
      if (value.length * 3 > maxBytes) {
        const bytes = Buffer.byteLength(value)
        demand(bytes <= maxBytes, `${bytes} bytes, at most ${maxBytes}`)
      }
      return value
    },
    fromWire(wire) {
      demand(wire.length >= minBytes, 'empty')
      return wire
    },
  }
}

export const peerId = text(maxPeerIdBytes, 1)
/** A peer id, or '' for none. */
export const peerIdOrNone = text(maxPeerIdBytes)
export const nodeId = text(maxNodeIdBytes, 1)
/** A node id, or '' for none. */
export const nodeIdOrNone = text(maxNodeIdBytes)
export const address = text(maxAddressBytes, 1)
export const queue = text(maxQueueBytes, 1)
export const labels = text(maxLabelsBytes)

/** An id that is hex digits in the core and half as many bytes on the wire. */
function hex(bytes: number, orNone: boolean): Field<string, Uint8Array> {
  const form = new RegExp(`^[0-9a-f]{${2 * bytes}}$`)
  return {
    bound: { maxBytes: bytes },
    toWire(value) {
      if (orNone && value === '') return new Uint8Array(0)
      demand(form.test(value), `not ${2 * bytes} hex digits`)
      return Buffer.from(value, 'hex')
    },
    fromWire(wire) {
      if (orNone && wire.length === 0) return ''
      demand(wire.length === bytes, `${wire.length} bytes instead of ${bytes}`)
      return Buffer.from(wire.buffer, wire.byteOffset, wire.byteLength).toString('hex')
    },
  }
}

export const incarnation = hex(8, false)
export const ledgerId = hex(16, false)
/** A ledger id, or '' for none. */
export const ledgerIdOrNone = hex(16, true)
export const storageId = hex(16, false)
/** A storage id, or '' for none. */
export const storageIdOrNone = hex(16, true)

/** Bytes as they are: what is decoded shares memory with the frame. */
export function blob(maxBytes: number): Field<Uint8Array, Uint8Array> {
  return {
    bound: { maxBytes },
    toWire(value) {
      demand(value.length <= maxBytes, `${value.length} bytes, at most ${maxBytes}`)
      return value
    },
    fromWire: wire => wire,
  }
}

/** A set of sequence numbers. */
export const ranges: Field<Ranges, Uint8Array> = {
  bound: { maxBytes: maxRangesBytes },
  toWire: writeRanges,
  fromWire: readRanges,
}

/** A column of plain numbers. */
export function numbers(maxValues: number): Field<readonly number[], Uint8Array> {
  return {
    bound: { maxBytes: 5 * maxValues },
    toWire: value => writeColumn(value, maxValues),
    fromWire: wire => readColumn<number[]>(wire, maxValues, () => []),
  }
}

/** A column of byte lengths, one for each task. */
export const lengths: Field<Uint32Array, Uint8Array> = {
  bound: { maxBytes: 5 * maxTasksPerChunk },
  toWire: value => writeColumn(value, maxTasksPerChunk),
  fromWire: wire => readColumn(wire, maxTasksPerChunk, count => new Uint32Array(count)),
}

/** Throws unless there are `count` lengths of at most `maxBytes` that add up to the blob. */
export function checkLengths(
  lengths: Uint32Array,
  count: number,
  blobBytes: number,
  maxBytes: number,
): void {
  if (lengths.length !== count) {
    throw new Problem(`${lengths.length} lengths for ${count} tasks`)
  }
  let sum = 0
  for (let i = 0; i < count; i++) {
    const length = lengths[i] as number
    if (length > maxBytes) throw new Problem(`length ${length}, at most ${maxBytes} bytes`)
    sum += length
  }
  if (sum !== blobBytes) throw new Problem(`lengths add up to ${sum} of ${blobBytes} bytes`)
}

/** Throws unless `[tasks, grants, …]` is about all of the tasks, or about none. */
export function checkGrants(grants: readonly number[], seqs: Ranges): void {
  demand(grants.length % 2 === 0, 'grants without a count of tasks')
  let tasks = 0
  for (let i = 0; i < grants.length; i += 2) {
    const run = grants[i] as number
    demand(run > 0, 'grants of no tasks')
    tasks += run
  }
  const count = countOf(seqs)
  demand(tasks === count || tasks === 0, `grants of ${tasks} tasks instead of ${count}`)
}
