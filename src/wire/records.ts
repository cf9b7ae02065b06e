import type { Field } from './fields.ts'
import { schema } from './generated/schema.ts'
import { Problem, demand, within } from './problem.ts'
import type { Reader } from './reader.ts'
import { wireTypes } from './reader.ts'
import type { Writer } from './writer.ts'

/** A field for each property of `T` but its `type`. */
export type Fields<T> = { readonly [K in Exclude<keyof T, 'type'>]-?: Field<T[K]> }

/** The name of a message of the schema. */
export type MessageName = keyof typeof schema

/** A field with its place in the schema. */
interface Slot {
  readonly name: string
  readonly tag: number
  readonly field: Field<unknown>
  /** One bit for each field of a message. */
  readonly bit: number
}

/**
 * A message type as a table of its fields; the schema has fields of the same names and kinds and
 * gives their numbers. `type` is what the core's form says of itself, if it is one of a union;
 * `check` throws unless the fields agree with each other.
 */
export function record<T extends object>(
  name: MessageName,
  fields: Fields<T>,
  options: { type?: string; check?: (value: T) => void } = {},
): Field<T> {
  const { type, check } = options
  const slots = slotsOf(name, fields)
  const byNumber: (Slot | undefined)[] = []
  if (slots.length > 31) throw new TypeError(`${name} has more than 31 fields`)
  let all = 0
  for (const slot of slots) {
    byNumber[slot.tag >>> 3] = slot
    all |= slot.bit
  }
  // All objects of a type come about in one way, with their properties in one order.
  const blank: Record<string, unknown> = type === undefined ? {} : { type }
  for (const field of Object.keys(fields)) blank[field] = undefined

  const read = (input: Reader): T => {
    const value = { ...blank }
    let at: Slot | undefined
    /** The places of the fields that have come, as bits. */
    let seen = 0
    try {
      while (input.more) {
        at = undefined
        const tag = input.tag()
        at = byNumber[tag >>> 3]
        if (at === undefined) {
          input.skip(tag & 7)
          continue
        }
        const before = (seen & at.bit) === 0 ? undefined : value[at.name]
        seen |= at.bit
        value[at.name] = readSlot(at, tag, input, before)
      }
      if (seen !== all) {
        for (at of slots) {
          if ((seen & at.bit) === 0) value[at.name] = at.field.absent()
        }
      }
    } catch (error) {
      throw at === undefined ? error : within(`.${at.name}`, error)
    }
    check?.(value as T)
    return value as T
  }

  return {
    ...messageField(name),
    write(out, tag, value) {
      check?.(value)
      const from = value as Readonly<Record<string, unknown>>
      const before = out.used
      let i = slots.length
      try {
        while (--i >= 0) {
          const slot = slots[i] as Slot
          slot.field.write(out, slot.tag, from[slot.name])
        }
      } catch (error) {
        throw within(`.${slots[i]?.name}`, error)
      }
      out.part(tag, before)
    },
    read(input, before) {
      demand(before === undefined, 'there twice')
      return input.part(read)
    },
    absent() {
      throw new Problem('missing')
    },
  }
}

function readSlot(slot: Slot, tag: number, input: Reader, before: unknown): unknown {
  if (tag !== slot.tag) throw new Problem(`wire type ${tag & 7} instead of ${slot.tag & 7}`)
  return slot.field.read(input, before)
}

/**
 * The fields of a table in the order of their numbers, after a look whether it and the schema
 * agree: about all fields of the message, or about those of one of its `oneof`s.
 */
function slotsOf(
  message: MessageName,
  table: Readonly<Record<string, Field<unknown>>>,
  ofOneof?: string,
): Slot[] {
  const slots: Slot[] = []
  const left = new Map(Object.entries(table))
  for (const [name, [number, type, oneof]] of Object.entries<SchemaField>(schema[message])) {
    if (oneof !== ofOneof) continue
    const field = left.get(name)
    const typeHere = field === undefined ? 'nothing' : `${field.kind}${field.repeated ? '[]' : ''}`
    if (field === undefined || typeHere !== type) {
      throw new TypeError(`${message}.${name} is ${type} in the schema, ${typeHere} in the table`)
    }
    slots.push({ name, tag: (number << 3) | field.wireType, field, bit: 1 << slots.length })
    left.delete(name)
  }
  if (left.size > 0) throw new TypeError(`${message} has no ${[...left.keys()].join()}`)
  return slots.toSorted((a, b) => a.tag - b.tag)
}

type SchemaField = readonly [number: number, type: string, oneof?: string]

function messageField(name: MessageName): { kind: string; repeated: false; wireType: number } {
  return { kind: name, repeated: false, wireType: wireTypes.delimited }
}

/** A list of at most `maxCount` values of a kind that is written whatever its value. */
export function list<T>(item: Field<T>, maxCount: number): Field<readonly T[]> {
  const tooMany = (count: number): Problem => new Problem(`${count} values, at most ${maxCount}`)
  return {
    kind: item.kind,
    repeated: true,
    wireType: item.wireType,
    write(out, tag, values) {
      if (values.length > maxCount) throw tooMany(values.length)
      let i = values.length
      try {
        while (--i >= 0) item.write(out, tag, values[i] as T)
      } catch (error) {
        throw within(`[${i}]`, error)
      }
    },
    read(input, before) {
      const values = (before ?? []) as T[]
      if (values.length === maxCount) throw tooMany(maxCount + 1)
      try {
        values.push(item.read(input, undefined))
      } catch (error) {
        throw within(`[${values.length}]`, error)
      }
      return values
    },
    absent: () => [],
  }
}

/** A field that may be absent, and is written whatever its value if it is not. */
export function optional<T>(field: Field<T>): Field<T | undefined> {
  return {
    ...field,
    write(out, tag, value) {
      if (value !== undefined) field.write(out, tag, value)
    },
    absent: () => undefined,
  }
}

/** A message that the core has only the one field of. */
export function wrapped<T>(message: MessageName, name: string, field: Field<T>): Field<T> {
  const inner = record<Record<string, T>>(message, { [name]: field })
  return {
    ...messageField(message),
    write: (out, tag, value) => inner.write(out, tag, { [name]: value }),
    read: (input, before) => {
      demand(before === undefined, 'there twice')
      return inner.read(input, undefined)[name] as T
    },
    absent: () => inner.absent()[name] as T,
  }
}

/** The members of a union as the fields of a `oneof`. */
export interface Union<T> {
  write(out: Writer, value: T): void
  /** Whether what is behind a tag is a member. */
  has(tag: number): boolean
  /** The member behind a tag. */
  read(input: Reader, tag: number): T
}

/**
 * A union of the core whose members are the fields of a `oneof`: of the name of their `type`, as
 * `heldLease` for `held-lease`.
 */
export function union<T extends { readonly type: string }>(
  message: MessageName,
  oneof: string,
  members: { readonly [K in T['type']]: Field<Extract<T, { readonly type: K }>> },
): Union<T> {
  const table: Record<string, Field<unknown>> = {}
  const types: Record<string, string> = {}
  for (const [type, member] of Object.entries<Field<unknown>>(members)) {
    const name = type.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase())
    table[name] = member
    types[name] = type
  }
  const slots = slotsOf(message, table, oneof)
  const byType = new Map(slots.map(slot => [types[slot.name], slot]))
  const byNumber: (Slot | undefined)[] = []
  for (const slot of slots) byNumber[slot.tag >>> 3] = slot
  return {
    write(out, value) {
      const slot = byType.get(value.type)
      if (slot === undefined) throw new Problem(`unknown kind '${value.type}'`)
      try {
        slot.field.write(out, slot.tag, value)
      } catch (error) {
        throw within(`.${slot.name}`, error)
      }
    },
    has: tag => byNumber[tag >>> 3] !== undefined,
    read(input, tag) {
      const slot = byNumber[tag >>> 3]
      if (slot === undefined) throw new Problem(`unknown kind ${tag >>> 3}`)
      try {
        return readSlot(slot, tag, input, undefined) as T
      } catch (error) {
        throw within(`.${slot.name}`, error)
      }
    },
  }
}
