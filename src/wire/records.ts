import type { Message as WireMessage } from '@bufbuild/protobuf'
import type { GenMessage } from '@bufbuild/protobuf/codegenv2'
import type { Field } from './fields.ts'
import { Problem, demand, within } from './problem.ts'
import { shapeOf } from './scan.ts'
import type { Bound, Shape } from './scan.ts'

/** A nested message: whoever reads one that must be there gets a problem if it is not. */
export interface RecordField<T, W> extends Field<T, W | undefined> {
  readonly bound: { readonly shape: Shape }
  toWire(value: T): W
}

/** A field for each property of `T` but its `type`, of the same name in the generated message. */
export type Fields<T, W> = {
  readonly [K in Exclude<keyof T, 'type'>]-?: K extends keyof W ? Field<T[K], W[K]> : never
}

type AnyField = Field<unknown, unknown>
type AnyRecord = RecordField<unknown, unknown>

/**
 * A message type as a table of its fields. `type` is what the core's form says of itself, if it
 * is one of a union; `check` throws unless the fields agree with each other.
 */
export function record<T extends object, W extends WireMessage>(
  schema: GenMessage<W>,
  fields: Fields<T, W>,
  options: { type?: string; check?: (value: T) => void } = {},
): RecordField<T, W> {
  const { type, check } = options
  const names = Object.keys(fields)
  const translators = Object.values<AnyField>(fields)
  const bounds: Record<string, Bound> = {}
  for (const [i, name] of names.entries()) bounds[name] = (translators[i] as AnyField).bound

  const translate = (
    from: Readonly<Record<string, unknown>>,
    to: Record<string, unknown>,
    direction: 'toWire' | 'fromWire',
  ): void => {
    for (let i = 0; i < names.length; i++) {
      const name = names[i] as string
      try {
        to[name] = (translators[i] as AnyField)[direction](from[name])
      } catch (error) {
        throw within(`.${name}`, error)
      }
    }
  }

  return {
    bound: { shape: shapeOf(schema, bounds) },
    toWire(value) {
      check?.(value)
      const wire = { $typeName: schema.typeName }
      translate(value as Record<string, unknown>, wire, 'toWire')
      return wire as unknown as W
    },
    fromWire(wire) {
      if (wire === undefined) throw new Problem('missing')
      const value: Record<string, unknown> = type === undefined ? {} : { type }
      translate(wire, value, 'fromWire')
      check?.(value as T)
      return value as T
    },
  }
}

/** A list of at most `maxCount` values. */
export function list<T, W>(
  item: { readonly bound: Bound; toWire(value: T): W; fromWire(wire: NoInfer<W>): T },
  maxCount: number,
): Field<readonly T[], W[]> {
  const each = <A, B>(values: readonly A[], translate: (value: A) => B): B[] => {
    demand(values.length <= maxCount, `${values.length} values, at most ${maxCount}`)
    const all: B[] = []
    for (let i = 0; i < values.length; i++) {
      try {
        all.push(translate(values[i] as A))
      } catch (error) {
        throw within(`[${i}]`, error)
      }
    }
    return all
  }
  return {
    bound: { ...item.bound, maxCount },
    toWire: values => each(values, value => item.toWire(value)),
    fromWire: wires => each(wires, wire => item.fromWire(wire)),
  }
}

/** One of a closed set of words, as a number of an enum. */
export function choice<T extends string, E extends number>(
  numbers: Readonly<Record<T, E>>,
): Field<T, E> {
  const words = new Map(Object.entries(numbers).map(([word, number]) => [number, word as T]))
  return {
    bound: {},
    toWire(value) {
      demand(Object.hasOwn(numbers, value), `unknown kind ${value}`)
      return numbers[value]
    },
    fromWire(wire) {
      const word = words.get(wire)
      if (word === undefined) throw new Problem(`unknown kind ${wire}`)
      return word
    },
  }
}

/** A message that is in no list of the core's, only its one field is. */
export function wrapped<T, W extends WireMessage, K extends keyof W & string>(
  schema: GenMessage<W>,
  name: K,
  field: Field<T, W[K]>,
): Field<T | undefined, W | undefined> {
  const inner = record<Record<K, T>, W>(schema, { [name]: field } as unknown as Fields<
    Record<K, T>,
    W
  >)
  return {
    bound: inner.bound,
    toWire: value =>
      value === undefined ? undefined : inner.toWire({ [name]: value } as Record<K, T>),
    fromWire: wire => (wire === undefined ? undefined : inner.fromWire(wire)[name]),
  }
}

/** What the generated codec has for a `oneof`. */
interface OneOf {
  readonly case: string | undefined
  readonly value?: unknown
}

/** A `oneof` of messages, one for each member of a union of the core. */
export interface UnionField<T, W> {
  /** Limits by the name of the member's field. */
  readonly bounds: Readonly<Record<string, Bound>>
  toWire(value: T): W
  /** `undefined` if none is there, or one that this version does not know. */
  fromWire(wire: W): T | undefined
}

/** A table for each member of a union, by its `type`; `held-lease` is the field `heldLease`. */
export function union<T extends { readonly type: string }, W extends OneOf>(cases: {
  readonly [K in T['type']]: RecordField<Extract<T, { readonly type: K }>, WireMessage>
}): UnionField<T, W> {
  const byType = new Map<string, { readonly name: string; readonly record: AnyRecord }>()
  const byName = new Map<string, AnyRecord>()
  const bounds: Record<string, Bound> = {}
  for (const [type, record] of Object.entries<AnyRecord>(cases)) {
    const name = type.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase())
    byType.set(type, { name, record })
    byName.set(name, record)
    bounds[name] = record.bound
  }
  return {
    bounds,
    toWire(value) {
      const entry = byType.get(value.type)
      if (entry === undefined) throw new Problem(`unknown kind ${value.type}`)
      try {
        return { case: entry.name, value: entry.record.toWire(value) } as unknown as W
      } catch (error) {
        throw within(`.${entry.name}`, error)
      }
    },
    fromWire(wire) {
      if (wire.case === undefined) return undefined
      try {
        return byName.get(wire.case)?.fromWire(wire.value) as T | undefined
      } catch (error) {
        throw within(`.${wire.case}`, error)
      }
    },
  }
}
