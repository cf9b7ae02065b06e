import { isCanonical } from '../core/ranges.ts'
import type { Ranges } from '../core/ranges.ts'
import { maxEntryBytes, maxPartsPerFrame, maxRangesPerSet, maxSeq, maxUint32 } from './limits.ts'
import { Problem } from './problem.ts'

/** Room to begin with, in bytes: more than most frames need. */
const firstBytes = 64 * 1024

/** Most room there may ever be, in bytes. Whoever takes what was written knows its exact limit. */
const maxBytes = 2 * maxEntryBytes

/** Memory that short copies share, in bytes, and the longest of them. */
const sharedBytes = 8 * 1024
const sharedBytesMax = 1024

/** Longest copy that is made byte by byte. */
const shortCopyBytes = 96

/** Longest text that is written character by character. */
const shortTextBytes = 64

/** Longest varint of a 32-bit number, in bytes. */
const maxVarint32Bytes = 5

/**
 * Writes a message from its end to its front: so the length of a part is known when the prefix
 * that states it is due, and nothing is measured beforehand or moved afterwards. A writer is used
 * again and again; `take` copies what was written out of it.
 */
export class Writer {
  #bytes = Buffer.allocUnsafeSlow(firstBytes)
  /** Where what was written last begins. */
  #pos = firstBytes
  #parts = 0
  /** Memory that short copies share, and how much of it is used. */
  #shared = new ArrayBuffer(sharedBytes)
  #sharedUsed = 0

  /** Bytes written so far. */
  get used(): number {
    return this.#bytes.length - this.#pos
  }

  /** Forgets what was written. */
  clear(): void {
    this.#pos = this.#bytes.length
    this.#parts = 0
  }

  /** Ends, at its front, a nested message of which `before` says what was used before it. */
  part(tag: number, before: number): void {
    if (++this.#parts > maxPartsPerFrame) {
      throw new Problem(`more than ${maxPartsPerFrame} nested messages`)
    }
    this.varint(this.used - before)
    this.varint(tag)
  }

  /** A copy of what was written. */
  take(): Uint8Array {
    const length = this.used
    const pos = this.#pos
    if (length > sharedBytesMax) return new Uint8Array(this.#bytes.subarray(pos))
    if (this.#shared.byteLength - this.#sharedUsed < length) {
      this.#shared = new ArrayBuffer(sharedBytes)
      this.#sharedUsed = 0
    }
    const copy = new Uint8Array(this.#shared, this.#sharedUsed, length)
    this.#sharedUsed += length
    if (length > shortCopyBytes) copy.set(this.#bytes.subarray(pos))
    else for (let i = 0; i < length; i++) copy[i] = this.#bytes[pos + i] as number
    return copy
  }

  /** An integer from 0 to 2⁵³ − 1. */
  varint(value: number): void {
    if (value < 0x80 && this.#pos > 0) {
      this.#bytes[--this.#pos] = value
      return
    }
    const size = varintBytes(value)
    this.#reserve(size)
    this.#pos -= size
    this.#putVarint(this.#pos, value)
  }

  raw(value: Uint8Array): void {
    this.#reserve(value.length)
    this.#pos -= value.length
    this.#bytes.set(value, this.#pos)
  }

  text(value: string): void {
    if (value.length <= shortTextBytes && this.#shortText(value)) return
    const bytes = Buffer.byteLength(value)
    this.#reserve(bytes)
    this.#pos -= bytes
    this.#bytes.write(value, this.#pos, bytes, bytes === value.length ? 'latin1' : 'utf8')
  }

  /** Bytes given as an even number of hex digits; false, and nothing is written, if they are not. */
  hex(digits: string): boolean {
    const bytes = digits.length / 2
    this.#reserve(bytes)
    const pos = this.#pos - bytes
    let all = 0
    for (let i = 0; i < bytes; i++) {
      const high = hexDigit(digits.charCodeAt(2 * i))
      const low = hexDigit(digits.charCodeAt(2 * i + 1))
      all |= high | low
      this.#bytes[pos + i] = (high << 4) | low
    }
    if (all > 15) return false
    this.#pos = pos
    return true
  }

  /**
   * A column: varints of at most 32 bits.
   *
   * @throws {Problem} Too many values, or one that is not an integer from 0 to 2³² − 1.
   */
  column(values: ArrayLike<number>, maxValues: number): void {
    const n = values.length
    if (n > maxValues) throw new Problem(`${n} values, at most ${maxValues}`)
    this.#reserve(maxVarint32Bytes * n)
    const out = this.#bytes
    let pos = this.#pos
    for (let i = n - 1; i >= 0; i--) {
      const value = values[i] as number
      if (value >>> 0 !== value) {
        throw new Problem(`${value} is not an integer from 0 to ${maxUint32}`)
      }
      if (value < 0x80) {
        out[--pos] = value
      } else {
        pos -= varintBytes(value)
        this.#putVarint(pos, value)
      }
    }
    this.#pos = pos
  }

  /**
   * A set of sequence numbers, as a column of gaps and counts.
   *
   * @throws {Problem} Not canonical, or too many runs.
   */
  ranges(ranges: Ranges): void {
    const n = ranges.length
    if (n > 2 * maxRangesPerSet) throw new Problem(`${n / 2} runs, at most ${maxRangesPerSet}`)
    if (!isCanonical(ranges, maxSeq)) {
      throw new Problem(`not ascending, disjoint runs of numbers below ${maxSeq}`)
    }
    for (let i = n - 2; i >= 0; i -= 2) {
      const end = i === 0 ? 0 : (ranges[i - 2] as number) + (ranges[i - 1] as number)
      this.varint(ranges[i + 1] as number)
      this.varint((ranges[i] as number) - end)
    }
  }

  /** Writes a text of ASCII alone; false, and nothing is written, if it is not. */
  #shortText(value: string): boolean {
    const { length } = value
    this.#reserve(length)
    const pos = this.#pos - length
    for (let i = 0; i < length; i++) {
      const code = value.charCodeAt(i)
      if (code > 0x7f) return false
      this.#bytes[pos + i] = code
    }
    this.#pos = pos
    return true
  }

  #putVarint(at: number, value: number): void {
    let pos = at
    let rest = value
    while (rest > maxUint32) {
      this.#bytes[pos++] = (rest % 0x80) | 0x80
      rest = Math.floor(rest / 0x80)
    }
    while (rest > 0x7f) {
      this.#bytes[pos++] = (rest & 0x7f) | 0x80
      rest >>>= 7
    }
    this.#bytes[pos] = rest
  }

  #reserve(bytes: number): void {
    if (bytes <= this.#pos) return
    const used = this.used
    if (used + bytes > maxBytes) throw new Problem(`more than ${maxBytes} bytes`)
    const larger = Buffer.allocUnsafeSlow(Math.min(maxBytes, 2 * (used + bytes)))
    const pos = larger.length - used
    this.#bytes.copy(larger, pos, this.#pos)
    this.#bytes = larger
    this.#pos = pos
  }
}

/** What a lower-case hex digit stands for; 16 if it is none. */
function hexDigit(code: number): number {
  if (code >= 0x30 && code <= 0x39) return code - 0x30
  return code >= 0x61 && code <= 0x66 ? code - 0x57 : 16
}

function varintBytes(value: number): number {
  if (value < 0x80) return 1
  if (value < 0x4000) return 2
  if (value < 0x200000) return 3
  if (value < 0x10000000) return 4
  let bytes = 5
  for (let bound = 2 ** 35; value >= bound; bound *= 0x80) bytes++
  return bytes
}
