import { isCanonical } from '../core/ranges.ts'
import type { Ranges } from '../core/ranges.ts'
import { maxRangesPerSet, maxSeq, maxUint32 } from './limits.ts'
import { Problem } from './problem.ts'

/*
 * Columns: unsigned varints of at most 32 bits, one behind the other and each in its shortest
 * form, which is the body of a packed `repeated uint32`.
 */

/** Longest varint of a 32-bit number, in bytes. */
const maxVarintBytes = 5

const nothing = new Uint8Array(0)

/** What a column is written to before its length is known; grows to the longest one seen. */
let scratch = new Uint8Array(4096)

function scratchFor(values: number): Uint8Array {
  if (scratch.length < values * maxVarintBytes) {
    scratch = new Uint8Array(values * maxVarintBytes)
  }
  return scratch
}

function writeVarint(out: Uint8Array, at: number, value: number): number {
  let rest = value
  let pos = at
  while (rest > 0x7f) {
    out[pos++] = (rest & 0x7f) | 0x80
    rest >>>= 7
  }
  out[pos++] = rest
  return pos
}

/** A column of the given numbers, each an integer from 0 to 2³² − 1. */
export function writeColumn(values: ArrayLike<number>, maxValues: number): Uint8Array {
  const n = values.length
  if (n === 0) return nothing
  if (n > maxValues) throw new Problem(`${n} values, at most ${maxValues}`)
  const out = scratchFor(n)
  let pos = 0
  for (let i = 0; i < n; i++) {
    const value = values[i] as number
    if (!Number.isInteger(value) || value < 0 || value > maxUint32) {
      throw new Problem(`${value} is not an integer from 0 to ${maxUint32}`)
    }
    pos = writeVarint(out, pos, value)
  }
  return out.slice(0, pos)
}

/** How many varints a column has: every last byte of one is below 128. */
function countValues(bytes: Uint8Array): number {
  let count = 0
  for (let i = 0; i < bytes.length; i++) {
    if ((bytes[i] as number) < 0x80) count++
  }
  return count
}

/**
 * Reads a column into what `make` gives for its number of values.
 *
 * @throws {Problem} Too many values, one of more than 32 bits or not in its shortest form.
 */
export function readColumn<T extends number[] | Uint32Array>(
  bytes: Uint8Array,
  maxValues: number,
  make: (count: number) => T,
): T {
  const count = countValues(bytes)
  if (count > maxValues) throw new Problem(`${count} values, at most ${maxValues}`)
  const values = make(count)
  const n = bytes.length
  let pos = 0
  for (let i = 0; i < count; i++) {
    const first = bytes[pos++] as number
    if (first < 0x80) {
      values[i] = first
      continue
    }
    let value = first & 0x7f
    let scale = 0x80
    let byte = 0x80
    while (byte >= 0x80) {
      byte = bytes[pos++] as number
      value += (byte & 0x7f) * scale
      scale *= 0x80
      if (value > maxUint32) throw new Problem(`value ${i} is more than ${maxUint32}`)
      if (scale > 0x80 ** maxVarintBytes) throw new Problem(`value ${i} is longer than 5 bytes`)
    }
    if (byte === 0) throw new Problem(`value ${i} is not in its shortest form`)
    values[i] = value
  }
  if (pos !== n) throw new Problem('the last value is cut off')
  return values
}

/** A set of sequence numbers as a column of gaps and counts. */
export function writeRanges(ranges: Ranges): Uint8Array {
  const n = ranges.length
  if (n === 0) return nothing
  if (!isCanonical(ranges, maxSeq)) {
    throw new Problem(`not ascending, disjoint runs of numbers below ${maxSeq}`)
  }
  if (n > 2 * maxRangesPerSet) throw new Problem(`${n / 2} runs, at most ${maxRangesPerSet}`)
  const out = scratchFor(n)
  let pos = 0
  let end = 0
  for (let i = 0; i < n; i += 2) {
    const first = ranges[i] as number
    const count = ranges[i + 1] as number
    pos = writeVarint(out, pos, first - end)
    pos = writeVarint(out, pos, count)
    end = first + count
  }
  return out.slice(0, pos)
}

/**
 * A set of sequence numbers from its column of gaps and counts.
 *
 * @throws {Problem} Not a column, too many runs, a run that is empty or touches the one before, or
 * a number of 2³¹ or more.
 */
export function readRanges(bytes: Uint8Array): number[] {
  const ranges = readColumn<number[]>(bytes, 2 * maxRangesPerSet, () => [])
  if (ranges.length % 2 !== 0) throw new Problem('a gap without a count')
  let end = 0
  for (let i = 0; i < ranges.length; i += 2) {
    const gap = ranges[i] as number
    const count = ranges[i + 1] as number
    if (count === 0) throw new Problem('an empty run')
    if (gap === 0 && i > 0) throw new Problem('a run that touches the one before')
    const first = end + gap
    ranges[i] = first
    end = first + count
    if (end > maxSeq) throw new Problem(`numbers of ${maxSeq} or more`)
  }
  return ranges
}
