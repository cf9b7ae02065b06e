import { ScalarType } from '@bufbuild/protobuf'
import type { DescField, DescMessage } from '@bufbuild/protobuf'
import { maxPartsPerFrame, maxUint32 } from './limits.ts'
import { Problem, within } from './problem.ts'

/*
 * Walks through the bytes of a message without allocating, and holds them to the schema and to
 * the limits: the generated codec, which allocates for whatever it is given, sees only what is
 * well-formed and small.
 */

/** Limits of one field, as the tables of fields give them. */
export interface Bound {
  /** Longest value, in bytes: of strings, of byte strings, and of each of a list of them. */
  readonly maxBytes?: number
  /** Most values: of lists. */
  readonly maxCount?: number
  /** What messages are made of: of nested messages and of lists of them. */
  readonly shape?: Shape
}

interface ShapeField {
  readonly name: string
  readonly wireType: number
  readonly maxBytes: number
  readonly maxCount: number
  readonly shape: Shape | undefined
  readonly is32Bit: boolean
  readonly index: number
}

/** A message type with its limits. */
export interface Shape {
  readonly typeName: string
  readonly fields: ReadonlyMap<number, ShapeField>
}

const varint = 0
const fixed64 = 1
const delimited = 2
const fixed32 = 5

const longTypes = new Set([ScalarType.UINT64, ScalarType.BOOL])

/** The shape of a message type whose fields have the given limits. */
export function shapeOf(desc: DescMessage, bounds: Readonly<Record<string, Bound>>): Shape {
  const fields = new Map<number, ShapeField>()
  for (const field of desc.fields) {
    const bound = bounds[field.localName]
    if (bound === undefined) throw new Error(`${desc.name}.${field.name} is in no table`)
    fields.set(field.number, shapeField(field, bound, fields.size))
  }
  return { typeName: desc.typeName, fields }
}

function shapeField(field: DescField, bound: Bound, index: number): ShapeField {
  const name = `${field.parent.name}.${field.name}`
  const isList = field.fieldKind === 'list'
  const isMessage = field.message !== undefined
  const isText = field.scalar === ScalarType.STRING || field.scalar === ScalarType.BYTES
  if (isList && bound.maxCount === undefined) throw new Error(`${name} has no largest count`)
  if (isList && !isMessage && !isText) throw new Error(`${name} must be a column`)
  if (isText && bound.maxBytes === undefined) throw new Error(`${name} has no largest length`)
  if (field.message?.typeName !== bound.shape?.typeName)
    throw new Error(`${name} has another shape`)
  return {
    name: field.localName,
    wireType: isMessage || isText ? delimited : varint,
    maxBytes: bound.maxBytes ?? Infinity,
    maxCount: isList ? (bound.maxCount ?? 0) : isMessage ? 1 : Infinity,
    shape: bound.shape,
    is32Bit: field.fieldKind === 'scalar' && !longTypes.has(field.scalar),
    index,
  }
}

/**
 * Holds the bytes of a message to its shape. Returns the highest number of a field of the
 * outermost message that the schema does not have, or 0.
 *
 * @throws {Problem} Cut off, of another wire type than the schema says, or beyond a limit.
 */
export function scan(shape: Shape, bytes: Uint8Array): number {
  return new Scanner(bytes).message(shape, bytes.length)
}

class Scanner {
  readonly #bytes: Uint8Array
  #pos = 0
  #parts = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  message(shape: Shape, end: number): number {
    if (++this.#parts > maxPartsPerFrame) {
      throw new Problem(`more than ${maxPartsPerFrame} nested messages`)
    }
    let counts: number[] | undefined
    let highestUnknown = 0
    while (this.#pos < end) {
      const tag = this.#varint(end)
      if (tag > maxUint32) throw new Problem('a field number of more than 29 bits')
      const number = tag >>> 3
      if (number === 0) throw new Problem('field number 0')
      const field = shape.fields.get(number)
      if (field === undefined) {
        this.#skip(tag & 7, end)
        if (number > highestUnknown) highestUnknown = number
        continue
      }
      if (field.maxCount !== Infinity) {
        counts ??= Array.from({ length: shape.fields.size }, () => 0)
        const count = ((counts[field.index] as number) += 1)
        if (count > field.maxCount) throw atField(field, `more than ${field.maxCount}`)
      }
      this.#field(field, tag & 7, end)
    }
    return highestUnknown
  }

  #field(field: ShapeField, wireType: number, end: number): void {
    if (wireType !== field.wireType) {
      throw atField(field, `wire type ${wireType} instead of ${field.wireType}`)
    }
    if (wireType === varint) {
      const value = this.#varint(end)
      if (field.is32Bit && value > maxUint32) throw atField(field, `more than ${maxUint32}`)
      return
    }
    const length = this.#length(end)
    if (length > field.maxBytes) throw atField(field, `${length} bytes, at most ${field.maxBytes}`)
    if (field.shape === undefined) {
      this.#pos += length
      return
    }
    try {
      this.message(field.shape, this.#pos + length)
    } catch (error) {
      throw within(`.${field.name}`, error)
    }
  }

  #skip(wireType: number, end: number): void {
    if (wireType === varint) this.#varint(end)
    else if (wireType === delimited) this.#pos += this.#length(end)
    else if (wireType === fixed64) this.#pos += 8
    else if (wireType === fixed32) this.#pos += 4
    else throw new Problem(`wire type ${wireType}`)
    if (this.#pos > end) throw cutOff()
  }

  #length(end: number): number {
    const length = this.#varint(end)
    if (length > end - this.#pos) throw cutOff()
    return length
  }

  /** A varint of up to ten bytes; exact up to 2⁵³, and larger than that if it is larger. */
  #varint(end: number): number {
    let value = 0
    let scale = 1
    for (let i = 0; i < 10; i++) {
      if (this.#pos >= end) throw cutOff()
      const byte = this.#bytes[this.#pos++] as number
      value += (byte & 0x7f) * scale
      if (byte < 0x80) return value
      scale *= 0x80
    }
    throw new Problem('a number of more than ten bytes')
  }
}

function cutOff(): Problem {
  return new Problem('cut off')
}

function atField(field: ShapeField, text: string): Problem {
  return within(`.${field.name}`, new Problem(text))
}
