import { InvalidParametersError } from '../errors.ts'
import { schema } from '../wire/generated/schema.ts'
import { checkNames } from './check-init.ts'
import type { HoldFilter } from './held-messages.ts'
import type { CrashOptions, Published, SettleOptions } from './test-cluster.ts'

/* What the verbs of a test cluster may be given. */

/** The longest time that can be let pass at once, in milliseconds: ten years. */
const msMax = 315_360_000_000

/** What messages are called. */
const messageTypes = Object.keys(schema.Envelope)
  .filter(name => name !== 'lsn')
  .map(name => name.replace(/[A-Z]/g, letter => `-${letter.toLowerCase()}`))

/** A node of a cluster of that size. */
export function checkNode(index: unknown, size: number): asserts index is number {
  if (!Number.isInteger(index)) {
    throw wrong(`A node is named by its index, an integer from 0 to ${size - 1}`, index)
  }
  const isThere = Number(index) >= 0 && Number(index) < size
  if (isThere) return
  throw new InvalidParametersError(`There is no node ${String(index)}; the last is ${size - 1}`)
}

/** So much time, from 0 on. */
export function checkMs(verb: string, ms: unknown): void {
  if (isNumber(ms, 0, msMax)) return
  throw wrong(`${verb} takes milliseconds, a number from 0 to ${msMax}`, ms)
}

/** A pause, which may be without end. */
export function checkPause(ms: unknown): void {
  if (ms === undefined || ms === Infinity || isNumber(ms, 0, msMax)) return
  const remedy = 'leave it out to pause until resume or heal'
  throw wrong(`pause takes milliseconds, a number from 0 to ${msMax}; ${remedy}`, ms)
}

/** How far a clock is set ahead or behind. */
export function checkSkew(ms: unknown): void {
  if (isNumber(ms, -msMax, msMax)) return
  throw wrong(`skew takes milliseconds ahead, a number from ${-msMax} to ${msMax}`, ms)
}

/** A share of all. */
export function checkProbability(verb: string, value: unknown): void {
  if (isNumber(value, 0, 1)) return
  throw wrong(`${verb} takes a share, a number from 0 to 1, such as 0.3 for 30 %`, value)
}

/** How long frames take: the least and the most. */
export function checkLatency(ms: unknown): readonly [least: number, most: number] {
  const [least, most, ...more] = Array.isArray(ms) ? (ms as unknown[]) : [ms, ms]
  const isSpan = isNumber(least, 0, msMax) && isNumber(most, least, msMax) && more.length === 0
  if (isSpan) return [least, most]
  throw wrong(`latency takes milliseconds from 0 on, or [least, most] such as [5, 80]`, ms)
}

/** Groups of nodes, of which none is in two. */
export function checkGroups(groups: readonly unknown[], size: number): void {
  if (groups.length < 2 || !groups.every(group => Array.isArray(group))) {
    const example = 'a list of nodes for each side, such as partition([0, 1], [2])'
    throw wrong(`partition takes ${example}`, groups)
  }
  const seen = new Set<number>()
  for (const index of groups.flat()) {
    checkNode(index, size)
    if (seen.has(index)) {
      throw new InvalidParametersError(
        `partition names node ${index} twice; it is on one side only`,
      )
    }
    seen.add(index)
  }
}

/** Which messages are meant. */
export function checkFilter(filter: unknown, size: number): asserts filter is HoldFilter {
  const { from, to, type } = checkOptions<HoldFilter>('hold', filter, ['from', 'to', 'type'])
  if (from !== undefined) checkNode(from, size)
  if (to !== undefined) checkNode(to, size)
  if (type === undefined || messageTypes.some(known => known === type)) return
  throw wrong(`hold takes the type of a message, one of ${messageTypes.join(', ')}`, type)
}

/** How a node crashes. */
export function checkCrash(options: unknown): asserts options is CrashOptions {
  const { power } = checkOptions<CrashOptions>('crash', options, ['power'])
  if (power === undefined || typeof power === 'boolean') return
  throw wrong('crash takes power: true or false', power)
}

/** How long is waited. */
export function checkSettle(options: unknown): asserts options is SettleOptions {
  const { limitMs } = checkOptions<SettleOptions>('settle', options, ['limitMs'])
  if (limitMs !== undefined) checkMs('settle: limitMs', limitMs)
}

/** Tasks by what was got for them. */
export function checkPublished(tasks: unknown): asserts tasks is readonly Published[] {
  if (!Array.isArray(tasks)) {
    throw wrong('assertCompleted takes a list of handles, such as [handle]', tasks)
  }
  for (const task of tasks as unknown[]) {
    if (typeof task === 'object' && task !== null && 'then' in task) {
      throw new InvalidParametersError('assertCompleted takes handles, not promises; await them')
    }
    if (typeof task === 'object' && task !== null && 'id' in task && typeof task.id === 'string') {
      continue
    }
    throw wrong('assertCompleted takes handles, or objects with the id of a task', task)
  }
}

function checkOptions<T extends object>(
  verb: string,
  options: unknown,
  known: readonly (keyof T & string)[],
): { readonly [K in keyof T]?: unknown } {
  const example = `options such as { ${known[0]}: … }`
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    throw wrong(`${verb} takes ${example}`, options)
  }
  checkNames(verb, Object.keys(options), known)
  return options
}

function isNumber(value: unknown, least: number, most: number): value is number {
  return typeof value === 'number' && value >= least && value <= most
}

function wrong(what: string, given: unknown): InvalidParametersError {
  return new InvalidParametersError(`${what}; not ${textOf(given)}`)
}

function textOf(given: unknown): string {
  const text = typeof given === 'number' ? String(given) : JSON.stringify(given)
  return text ?? String(given)
}
