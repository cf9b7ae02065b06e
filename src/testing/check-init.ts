import { InvalidParametersError } from '../errors.ts'

/** Refuses what is no object, and what it has that nobody would read. */
export function checkInit(what: string, init: unknown, names: readonly string[]): void {
  if (typeof init !== 'object' || init === null || Array.isArray(init)) {
    const given = Array.isArray(init) ? 'a list' : String(init)
    throw new InvalidParametersError(`${what} takes an object, not ${given}`)
  }
  checkNames(
    what,
    Object.entries(init).flatMap(([name, value]) => (value === undefined ? [] : [name])),
    names,
  )
}

/** Refuses what is no list of such names. */
export function checkList(what: string, given: unknown, names: readonly string[]): void {
  if (!Array.isArray(given)) {
    throw new InvalidParametersError(
      `${what} must be a list such as ['${names[0]}'], not ${String(given)}`,
    )
  }
  checkNames(what, given, names)
}

/** Refuses names that nobody would read. */
export function checkNames(
  what: string,
  given: readonly unknown[],
  names: readonly string[],
): void {
  const unknown = given.map(String).find(name => !names.includes(name))
  if (unknown === undefined) return
  throw new InvalidParametersError(`${what} knows no ${unknown}; it knows ${names.join(', ')}`)
}
