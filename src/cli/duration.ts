import { InvalidArgumentError } from 'commander'

const unitsMs: Readonly<Record<string, number>> = {
  '': 1,
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
}

/**
 * Reads `1500`, `500ms`, `1.5s`, `2m`, `1h` or `7d` as milliseconds, which is also what a bare
 * number means, as in the library.
 *
 * @throws {InvalidArgumentError} It is none of these.
 */
export function parseDuration(text: string): number {
  const [, digits, unit = ''] = /^(\d{1,12}(?:\.\d{1,6})?)(ms|s|m|h|d)?$/.exec(text) ?? []
  const factor = unitsMs[unit]
  if (digits === undefined || factor === undefined) {
    throw new InvalidArgumentError('Expected a duration such as 500ms, 30s, 5m, 2h or 7d.')
  }
  return Math.round(Number(digits) * factor)
}

/**
 * Reads a moment, as milliseconds since 1970: a date such as `2030-01-31T12:00Z`, or a duration
 * from now on.
 *
 * @throws {InvalidArgumentError} It is neither.
 */
export function parseWhen(text: string): number {
  const isDate = /^\d{4}-\d{2}-\d{2}/.test(text)
  const at = isDate ? Date.parse(text) : Date.now() + parseDuration(text)
  if (Number.isFinite(at)) return at
  throw new InvalidArgumentError('Expected a date such as 2030-01-31T12:00Z, or a duration.')
}

/** A whole number from `min` to `max`, from an option's text. */
export function parseInteger(text: string, min: number, max = Number.MAX_SAFE_INTEGER): number {
  const value = Number(text)
  if (/^-?\d+$/.test(text) && value >= min && value <= max) return value
  const isBounded = max < Number.MAX_SAFE_INTEGER || value > max
  throw new InvalidArgumentError(
    `Expected a whole number ${isBounded ? `from ${min} to ${max}` : `of at least ${min}`}.`,
  )
}

/** A duration for people: `7s`, `3m 20s`, `2h 5m`. */
export function formatDuration(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1_000))
  const minutes = Math.floor(seconds / 60)
  if (minutes === 0) return `${seconds}s`
  const hours = Math.floor(minutes / 60)
  return hours === 0 ? `${minutes}m ${seconds % 60}s` : `${hours}h ${minutes % 60}m`
}
