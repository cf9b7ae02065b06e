import { isUtf8 } from 'node:buffer'
import { KnownTexts } from './known-texts.ts'
import { maxPartsPerFrame, maxRangesPerSet, maxSeq, maxUint32 } from './limits.ts'
import { Problem } from './problem.ts'

/** Wire types of protocol buffers. Groups are not among them. */
export const wireTypes = { varint: 0, fixed64: 1, delimited: 2, fixed32: 5 } as const

/** Longest string that is looked at byte by byte, in bytes. */
const shortTextBytes = 128

const knownTexts = new KnownTexts()

/**
 * Reads a message. Never beyond the end of the part that it is in, and never allocates more than
 * in proportion to the bytes that are really there.
 */
export class Reader {
  readonly #bytes: Uint8Array
  #view: Buffer | undefined
  #pos = 0
  #end: number
  #parts = 0

  constructor(bytes: Uint8Array) {
    const { buffer, byteOffset, byteLength } = bytes
    // Views that are handed out must not be Buffers, whose `slice` does not copy.
    this.#bytes =
      bytes.constructor === Uint8Array ? bytes : new Uint8Array(buffer, byteOffset, byteLength)
    this.#end = byteLength
  }

  /** The same memory, for what only a Buffer reads. */
  get #buffer(): Buffer {
    const { buffer, byteOffset, byteLength } = this.#bytes
    return (this.#view ??= Buffer.from(buffer, byteOffset, byteLength))
  }

  /** Whether the part that is being read goes on. */
  get more(): boolean {
    return this.#pos < this.#end
  }

  /** A field's number and wire type, as `number * 8 + type`. */
  tag(): number {
    const tag = this.varint()
    if (tag > maxUint32 || tag < 8) throw new Problem(`field number ${Math.floor(tag / 8)}`)
    return tag
  }

  /** A varint of up to ten bytes: exact up to 2⁵³, and larger than that if it is larger. */
  varint(): number {
    const bytes = this.#bytes
    const first = this.#pos < this.#end ? (bytes[this.#pos] as number) : 0x80
    if (first < 0x80) {
      this.#pos++
      return first
    }
    let value = 0
    let scale = 1
    for (let i = 0; i < 10; i++) {
      if (this.#pos >= this.#end) throw cutOff()
      const byte = bytes[this.#pos++] as number
      if (byte < 0x80) return value + byte * scale
      value += (byte & 0x7f) * scale
      scale *= 0x80
    }
    throw new Problem('a number of more than ten bytes')
  }

  /** The length of what comes next, once it is known to be there and not too long. */
  length(maxBytes: number): number {
    const length = this.varint()
    if (length > maxBytes) throw new Problem(`${length} bytes, at most ${maxBytes}`)
    if (length > this.#end - this.#pos) throw cutOff()
    return length
  }

  /** Reads a nested message, whose length is next; `read` must read all of it. */
  part<T>(read: (input: Reader) => T): T {
    const length = this.length(Infinity)
    if (++this.#parts > maxPartsPerFrame) {
      throw new Problem(`more than ${maxPartsPerFrame} nested messages`)
    }
    const outerEnd = this.#end
    this.#end = this.#pos + length
    const value = read(this)
    this.#end = outerEnd
    return value
  }

  /** Bytes, which share memory with what the reader was made of. */
  raw(length: number): Uint8Array {
    const start = this.#pos
    this.#pos += length
    return this.#bytes.subarray(start, this.#pos)
  }

  text(length: number): string {
    const start = this.#pos
    const end = start + length
    this.#pos = end
    if (length <= shortTextBytes) {
      let i = start
      while (i < end && (this.#bytes[i] as number) < 0x80) i++
      if (i === end)
        return knownTexts.ascii(this.#bytes, start, end, () =>
          this.#buffer.toString('latin1', start, end),
        )
    }
    if (!isUtf8(this.#bytes.subarray(start, end))) throw new Problem('not UTF-8')
    return this.#buffer.toString('utf8', start, end)
  }

  hex(length: number): string {
    const start = this.#pos
    this.#pos += length
    return knownTexts.hex(this.#bytes, start, this.#pos, () =>
      this.#buffer.toString('hex', start, this.#pos),
    )
  }

  /**
   * A column of the given length in bytes, as numbers.
   *
   * @throws {Problem} Too many values, one of more than 32 bits or not in its shortest form.
   */
  numbers(length: number, maxValues: number): number[] {
    const bytes = this.#bytes
    const count = this.#valuesIn(length, maxValues)
    const values: number[] = []
    for (let i = 0; i < count; i++) {
      const byte = bytes[this.#pos] as number
      if (byte < 0x80) {
        this.#pos++
        values.push(byte)
      } else {
        values.push(this.#longValue())
      }
    }
    return values
  }

  /**
   * The same as a typed array: its values are never of another kind, which makes this fast.
   *
   * @throws {Problem} Too many values, one of more than 32 bits or not in its shortest form.
   */
  words(length: number, maxValues: number): Uint32Array {
    const bytes = this.#bytes
    const values = new Uint32Array(this.#valuesIn(length, maxValues))
    let pos = this.#pos
    for (let i = 0; i < values.length; i++) {
      const byte = bytes[pos] as number
      if (byte < 0x80) {
        pos++
        values[i] = byte
      } else {
        this.#pos = pos
        values[i] = this.#longValue()
        pos = this.#pos
      }
    }
    this.#pos = pos
    return values
  }

  /** How many values a column has: each has one byte below 128, its last. */
  #valuesIn(length: number, maxValues: number): number {
    const bytes = this.#bytes
    const end = this.#pos + length
    let count = 0
    for (let i = this.#pos; i < end; i++) {
      if ((bytes[i] as number) < 0x80) count++
    }
    if (count > maxValues) throw new Problem(`${count} values, at most ${maxValues}`)
    if (length > 0 && (bytes[end - 1] as number) >= 0x80) throw cutOff()
    return count
  }

  #longValue(): number {
    const start = this.#pos
    const value = this.varint()
    if (value > maxUint32) throw new Problem(`value ${value}, at most ${maxUint32}`)
    if (this.#bytes[this.#pos - 1] === 0) {
      throw new Problem(`value ${value} in ${this.#pos - start} bytes, one more than it takes`)
    }
    return value
  }

  /**
   * A set of sequence numbers, from a column of gaps and counts.
   *
   * @throws {Problem} Not a column, too many runs, a run that is empty or touches the one before,
   * or a number of 2³¹ or more.
   */
  ranges(length: number): number[] {
    const ranges = this.numbers(length, 2 * maxRangesPerSet)
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
      if (end > maxSeq) throw new Problem(`a number of ${maxSeq} or more`)
    }
    return ranges
  }

  /** Passes over the value of a field that this version does not know. */
  skip(wireType: number): void {
    if (wireType === wireTypes.varint) this.varint()
    else if (wireType === wireTypes.delimited) this.raw(this.length(Infinity))
    else if (wireType === wireTypes.fixed64) this.#pos += 8
    else if (wireType === wireTypes.fixed32) this.#pos += 4
    else throw new Problem(`wire type ${wireType}`)
    if (this.#pos > this.#end) throw cutOff()
  }
}

function cutOff(): Problem {
  return new Problem('cut off')
}
