import { InvalidMessageError } from '@libp2p/interface'

/** An object that came as JSON, nothing of it checked. */
export type Fields = Readonly<Record<string, unknown>>

/** Longest text in a field, in characters. */
const textCharsMax = 4_096

/** Most elements of a list. */
const listMax = 4_096

/** A value that must be an object. */
export function asFields(value: unknown): Fields {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Fields
  throw new InvalidMessageError('An object was expected')
}

/** A value that must be a text. */
export function asText(value: unknown): string {
  if (typeof value === 'string' && value.length <= textCharsMax) return value
  throw new InvalidMessageError('A text was expected')
}

/** A field that must be a text. */
export function text(fields: Fields, name: string): string {
  return asText(fields[name])
}

/** A field that may be left out, and is a text otherwise. */
export function optionalText(fields: Fields, name: string): string | undefined {
  return fields[name] === undefined ? undefined : asText(fields[name])
}

/** A field that must be a count, at most `max`. */
export function count(fields: Fields, name: string, max = Number.MAX_SAFE_INTEGER): number {
  const value = fields[name]
  if (typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= max) {
    return value
  }
  throw new InvalidMessageError(`${name} must be a count up to ${max}`)
}

/** A field that must be a list, each element read by `read`. */
export function list<T>(fields: Fields, name: string, read: (value: unknown) => T): T[] {
  const values = fields[name]
  if (Array.isArray(values) && values.length <= listMax) return values.map(value => read(value))
  throw new InvalidMessageError(`${name} must be a list of at most ${listMax}`)
}
