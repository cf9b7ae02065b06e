import type { Ranges } from '../core/ranges.ts'
import {
  maxAddressBytes,
  maxLabelsBytes,
  maxMs,
  maxNodeIdBytes,
  maxPeerIdBytes,
  maxPriority,
  maxSeq,
  maxQueueBytes,
  maxRangesPerSet,
  maxTasksPerChunk,
  maxUint32,
} from './limits.ts'
import { Problem } from './problem.ts'
import type { Reader } from './reader.ts'
import { wireTypes } from './reader.ts'
import type { Writer } from './writer.ts'

/**
 * How one kind of field travels. Values of the wrong form or beyond a limit are problems in both
 * directions.
 */
export interface Field<T> {
  /** What the schema must say of it: a scalar type, `enum`, or a message's name. */
  readonly kind: string
  readonly repeated: boolean
  readonly wireType: number
  /** Writes tag and value, or nothing where the value is the type's zero. */
  write(out: Writer, tag: number, value: T): void
  /** Reads the value behind a tag; `before` is what an earlier one of the same field gave. */
  read(input: Reader, before: T | undefined): T
  /** The value of a field that is not there. */
  absent(): T
}

/** A field that is one varint; zero is not written. */
export function varintField<T>(
  kind: string,
  toWire: (value: T) => number,
  fromWire: (wire: number) => T,
): Field<T> {
  return {
    kind,
    repeated: false,
    wireType: wireTypes.varint,
    write(out, tag, value) {
      const wire = toWire(value)
      if (wire === 0) return
      out.varint(wire)
      out.varint(tag)
    },
    read: input => fromWire(input.varint()),
    absent: () => fromWire(0),
  }
}

/** An integer from `min` to `max`, both at most 2³² − 1. */
export function integer(min = 0, max = maxUint32): Field<number> {
  const check = (value: number): number => {
    if (!Number.isInteger(value) || value < min || value > max) {
      throw new Problem(`${value} is not an integer from ${min} to ${max}`)
    }
    return value
  }
  return varintField('uint32', check, check)
}

/** A whole number that may need more than 32 bits; fractions are cut off. */
function wide(max: number): Field<number> {
  const check = (value: number): number => {
    if (value >= 0 && value <= max) return Math.floor(value)
    throw new Problem(`${value} is not a number from 0 to ${max}`)
  }
  return varintField('uint64', check, check)
}

/** Milliseconds. A clock's fractions do not travel. */
export const ms = wide(maxMs)
/** A position in a journal. */
export const lsn = wide(Number.MAX_SAFE_INTEGER)
/** A counter, epoch, claim id or plain count. */
export const uint32 = integer()

function checkPriority(value: number): number {
  if (Number.isInteger(value) && Math.abs(value) <= maxPriority) return value
  throw new Problem(`${value} is not an integer within ${maxPriority} of 0`)
}

/** Zigzag: 0, −1, 1, −2 … travel as 0, 1, 2, 3 … */
export const priority = varintField<number>(
  'sint32',
  value => (checkPriority(value) < 0 ? -2 * value - 1 : 2 * value),
  wire => checkPriority(wire % 2 === 0 ? wire / 2 : -(wire + 1) / 2),
)

/** How far the numbers of tasks lie from those of the same ones elsewhere. */
export const shift = varintField<number>(
  'sint32',
  value => (checkShift(value) < 0 ? -2 * value - 1 : 2 * value),
  wire => checkShift(wire % 2 === 0 ? wire / 2 : -(wire + 1) / 2),
)

function checkShift(value: number): number {
  if (Number.isInteger(value) && Math.abs(value) < maxSeq) return value
  throw new Problem(`${value} is not an integer within ${maxSeq} of 0`)
}

export const flag = varintField<boolean>('bool', Number, wire => wire !== 0)

/** A field that is bytes of one kind or another; none are not written. */
function bytesField<T>(
  kind: 'string' | 'bytes',
  maxBytes: number,
  put: (out: Writer, value: T) => void,
  take: (input: Reader, bytes: number) => T,
  absent: () => T,
): Field<T> {
  return {
    kind,
    repeated: false,
    wireType: wireTypes.delimited,
    write(out, tag, value) {
      const before = out.used
      put(out, value)
      const bytes = out.used - before
      if (bytes > maxBytes) throw new Problem(`${bytes} bytes, at most ${maxBytes}`)
      if (bytes === 0) return
      out.varint(bytes)
      out.varint(tag)
    },
    read: input => take(input, input.length(maxBytes)),
    absent,
  }
}

function empty(): never {
  throw new Problem('empty')
}

/** A string of at most `maxBytes` bytes of UTF-8, not empty. */
export function text(maxBytes: number): Field<string> {
  return bytesField<string>(
    'string',
    maxBytes,
    (out, value) => (value === '' ? empty() : out.text(value)),
    (input, bytes) => (bytes === 0 ? empty() : input.text(bytes)),
    empty,
  )
}

/** A string of at most `maxBytes` bytes of UTF-8, or ''. */
export function textOrNone(maxBytes: number): Field<string> {
  return bytesField(
    'string',
    maxBytes,
    (out, value) => out.text(value),
    (input, bytes) => input.text(bytes),
    () => '',
  )
}

export const peerId = text(maxPeerIdBytes)
export const peerIdOrNone = textOrNone(maxPeerIdBytes)
export const nodeId = text(maxNodeIdBytes)
export const nodeIdOrNone = textOrNone(maxNodeIdBytes)
export const address = text(maxAddressBytes)
export const queue = text(maxQueueBytes)
export const labels = textOrNone(maxLabelsBytes)

/** An id that is hex digits in the core and half as many bytes on the wire; '' for none. */
function hex(bytes: number, none: () => string): Field<string> {
  return bytesField(
    'bytes',
    bytes,
    (out, value) => {
      if (value === '') none()
      else if (value.length !== 2 * bytes || !out.hex(value)) {
        throw new Problem(`not ${2 * bytes} hex digits`)
      }
    },
    (input, length) => {
      if (length === 0) return none()
      if (length !== bytes) throw new Problem(`${length} bytes instead of ${bytes}`)
      return input.hex(length)
    },
    none,
  )
}

export const incarnation = hex(8, empty)
export const incarnationOrNone = hex(8, () => '')
export const ledgerId = hex(16, empty)
export const ledgerIdOrNone = hex(16, () => '')
export const storageId = hex(16, empty)
export const storageIdOrNone = hex(16, () => '')

const noBytes = new Uint8Array(0)

/** Bytes as they are: what is read shares memory with the frame. */
export function blob(maxBytes: number): Field<Uint8Array> {
  return bytesField<Uint8Array>(
    'bytes',
    maxBytes,
    (out, value) => out.raw(value),
    (input, bytes) => input.raw(bytes),
    () => noBytes,
  )
}

/** Longest varint of a 32-bit number, in bytes. */
const varintBytes = 5

/** A set of sequence numbers. */
export const ranges: Field<Ranges> = bytesField<Ranges>(
  'bytes',
  2 * varintBytes * maxRangesPerSet,
  (out, value) => out.ranges(value),
  (input, bytes) => input.ranges(bytes),
  () => [],
)

/** A column of plain numbers. */
export function numbers(maxValues: number): Field<readonly number[]> {
  return bytesField<readonly number[]>(
    'bytes',
    varintBytes * maxValues,
    (out, value) => out.column(value, maxValues),
    (input, bytes) => input.numbers(bytes, maxValues),
    () => [],
  )
}

/** A column of byte lengths, one for each task. */
export const lengths: Field<Uint32Array> = bytesField<Uint32Array>(
  'bytes',
  varintBytes * maxTasksPerChunk,
  (out, value) => out.column(value, maxTasksPerChunk),
  (input, bytes) => input.words(bytes, maxTasksPerChunk),
  () => new Uint32Array(0),
)

/** One word of an enum. */
export function choice<T extends string>(
  numbers: Readonly<Record<T, number>>,
): Field<Exclude<T, ''>> {
  const { ['']: _, ...others } = numbers as Readonly<Record<string, number>>
  return choiceOrNone(others as Readonly<Record<Exclude<T, ''>, number>>)
}

/** One word of an enum, or '' where the enum has that for none. */
export function choiceOrNone<T extends string>(numbers: Readonly<Record<T, number>>): Field<T> {
  const words = new Map<number, T>()
  for (const word of Object.keys(numbers) as T[]) words.set(numbers[word], word)
  return varintField<T>(
    'enum',
    value => {
      if (!Object.hasOwn(numbers, value)) throw new Problem(`unknown kind '${value}'`)
      return numbers[value]
    },
    wire => {
      const word = words.get(wire)
      if (word === undefined) throw new Problem(`unknown kind ${wire}`)
      return word
    },
  )
}
