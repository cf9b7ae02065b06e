import { type AbortOptions, InvalidParametersError } from '@libp2p/interface'
import { checkInteger, checkQueue, type Labels, labelsOf } from './config.ts'
import type { TaskSpec } from './core/messages.ts'
import type { Timing } from './core/timing.ts'
import { notSupported } from './errors.ts'
import { maxKeyBytes, maxPriority, maxVoters } from './wire/limits.ts'
import type { Backoff, TaskDefaults } from './worker/definition.ts'

/** What a task asks of the node that runs it. */
export interface TaskRequires {
  /** Labels that the node must have, each with that very value. */
  readonly labels?: Labels | undefined
}

/** How a task is published. What is left out is the definition's, then the default here. */
export interface PublishOptions extends AbortOptions {
  /**
   * Higher runs first. An integer within ±1,000,000.
   *
   * @default 0
   */
  readonly priority?: number | undefined
  /**
   * Time before the task is due, in milliseconds.
   *
   * @default 0
   */
  readonly delayMs?: number | undefined
  /** When the task is due, instead of `delayMs`: a date, or milliseconds since 1970. */
  readonly runAt?: Date | number | undefined
  /**
   * Runs that may end in an error before the task has failed.
   *
   * @default 3
   */
  readonly attempts?: number | undefined
  /**
   * Wait before a task that ended in an error is tried again; `maxMs` is an hour unless given.
   *
   * @default { type: 'exponential', delayMs: 1_000 }
   */
  readonly backoff?: Backoff | undefined
  /**
   * Longest time of one run, in milliseconds; 0 for no limit.
   *
   * @default 0
   */
  readonly timeoutMs?: number | undefined
  /** What a node must have in order to run the task; its labels are compared as text. */
  readonly requires?: TaskRequires | undefined
  /**
   * Longest time that the task may wait for its first run once it is due, in milliseconds; then
   * it has failed (`expired`). 0 for no limit.
   *
   * @default 0
   */
  readonly queueTimeoutMs?: number | undefined
  /**
   * When the task has failed (`expired`) unless it has ended, also while it runs: a date, or
   * milliseconds since 1970.
   */
  readonly expiresAt?: Date | number | undefined
  /**
   * How long the result is kept, in milliseconds.
   *
   * @default 86_400_000
   */
  readonly resultTtlMs?: number | undefined
  /**
   * How many nodes must have the task on their disks before it counts as published: at most the voters
   * of a ledger, so 3 unless `voters` says otherwise. While there are fewer nodes it waits. A majority
   * must have it in any case.
   */
  readonly copies?: number | undefined
  /**
   * Names the task in its queue, so that publishing it again gives the same task instead of another
   * one: whoever does not know whether a publish has succeeded asks again. Of one task, up to 256
   * bytes long. The node that publishes remembers it, or for a command the node that it goes
   * through, while the task is open and as long as anything of its ledger is left; two nodes that
   * publish under the same key at the same time may both do so.
   */
  readonly key?: string | undefined
}

/** What holds where neither a publish nor a definition says anything. */
export const publishDefaults = Object.freeze({
  priority: 0,
  delayMs: 0,
  attempts: 3,
  backoff: Object.freeze({ type: 'exponential', delayMs: 1_000 }),
  timeoutMs: 0,
  queueTimeoutMs: 0,
  resultTtlMs: 86_400_000,
} satisfies PublishOptions)

/** Longest wait between two tries where none is given, in milliseconds. */
const backoffMaxMs = 3_600_000

/** Longest duration of a task's settings, in milliseconds: ten years. */
const durationMsMax = 315_360_000_000

const supported: ReadonlySet<string> = new Set<keyof PublishOptions>([
  'priority',
  'delayMs',
  'runAt',
  'attempts',
  'backoff',
  'timeoutMs',
  'queueTimeoutMs',
  'expiresAt',
  'requires',
  'resultTtlMs',
  'copies',
  'key',
  'signal',
])

/** What tasks that are published together have in common. */
export interface PublishPlan {
  readonly spec: TaskSpec
  readonly timing: Timing
  /** Voters that must hold it; 0 for a majority. */
  readonly copies: number
  /** What the one task is called. */
  readonly key?: string | undefined
}

/**
 * The spec and the timing that follow from a publish's options and the definition's defaults.
 *
 * @throws {InvalidParametersError} An option is out of bounds or not supported.
 */
export function planPublish(
  queue: string,
  definition: TaskDefaults,
  options: PublishOptions,
  nowWallMs: number,
): PublishPlan {
  checkQueue(queue)
  for (const [name, value] of Object.entries(options)) {
    if (value !== undefined && !supported.has(name)) throw notSupported(`publish: ${name}`)
  }
  const backoff: Backoff = options.backoff ?? definition.backoff ?? publishDefaults.backoff
  const spec: TaskSpec = {
    queue,
    priority: options.priority ?? definition.priority ?? publishDefaults.priority,
    requires: requiredLabels(options.requires ?? {}),
    attempts: options.attempts ?? definition.attempts ?? publishDefaults.attempts,
    backoff: backoff.type,
    backoffMs: backoff.delayMs,
    backoffMaxMs: backoff.maxMs ?? Math.max(backoffMaxMs, backoff.delayMs),
    timeoutMs: options.timeoutMs ?? definition.timeoutMs ?? publishDefaults.timeoutMs,
    resultTtlMs: options.resultTtlMs ?? definition.resultTtlMs ?? publishDefaults.resultTtlMs,
  }
  checkSpec(spec)
  const { key, copies = 0 } = options
  checkKey(key)
  if (options.copies !== undefined) checkInteger('copies', copies, 1, maxVoters)
  return { spec, timing: timingOf(options, nowWallMs), copies, key }
}

function checkSpec(spec: TaskSpec): void {
  checkInteger('priority', spec.priority, -maxPriority, maxPriority)
  checkInteger('attempts', spec.attempts, 1, 2 ** 31 - 1)
  checkInteger('backoff.delayMs', spec.backoffMs, 0, durationMsMax)
  checkInteger('backoff.maxMs', spec.backoffMaxMs, spec.backoffMs, durationMsMax)
  checkInteger('timeoutMs', spec.timeoutMs, 0, 2 ** 31 - 1)
  checkInteger('resultTtlMs', spec.resultTtlMs, 0, durationMsMax)
  if (spec.backoff === 'fixed' || spec.backoff === 'exponential') return
  throw new InvalidParametersError(`backoff.type must be 'fixed' or 'exponential'`)
}

function checkKey(key: unknown): void {
  if (key === undefined) return
  const bytes = typeof key === 'string' ? Buffer.byteLength(key) : 0
  if (bytes > 0 && bytes <= maxKeyBytes) return
  throw new InvalidParametersError(`key must be a text of 1 to ${maxKeyBytes} bytes`)
}

function timingOf(options: PublishOptions, nowWallMs: number): Timing {
  const { queueTimeoutMs = publishDefaults.queueTimeoutMs, expiresAt } = options
  checkInteger('queueTimeoutMs', queueTimeoutMs, 0, durationMsMax)
  const delayMs = delayOf(options, nowWallMs)
  const startWithinMs = queueTimeoutMs === 0 ? 0 : delayMs + queueTimeoutMs
  if (expiresAt === undefined) return { ageMs: 0, delayMs, startWithinMs, endWithinMs: 0 }
  const endWithinMs = untilDate('expiresAt', expiresAt, nowWallMs)
  if (endWithinMs <= 0) {
    const agoMs = -endWithinMs
    throw new InvalidParametersError(`expiresAt was ${agoMs} ms ago; give a time that is to come`)
  }
  return { ageMs: 0, delayMs, startWithinMs, endWithinMs }
}

function requiredLabels({ labels = {}, ...rest }: TaskRequires): string {
  for (const name of Object.keys(rest)) throw notSupported(`publish: requires.${name}`)
  for (const [name, value] of Object.entries(labels)) {
    if (typeof value === 'object') throw notSupported(`publish: a range of label ${name}`)
  }
  const texts = Object.entries(labelsOf(labels)).map(([name, text]) => `${name}=${text}`)
  return texts.join(',')
}

function delayOf({ delayMs, runAt }: PublishOptions, nowWallMs: number): number {
  if (runAt === undefined) {
    if (delayMs === undefined) return publishDefaults.delayMs
    checkInteger('delayMs', delayMs, 0, durationMsMax)
    return delayMs
  }
  if (delayMs !== undefined) {
    throw new InvalidParametersError('delayMs and runAt exclude each other; leave one out')
  }
  return Math.max(0, untilDate('runAt', runAt, nowWallMs))
}

/** Milliseconds until a date; not above 0 if it is over. */
function untilDate(name: string, date: Date | number, nowWallMs: number): number {
  const at = typeof date === 'number' ? date : date.getTime()
  if (!Number.isFinite(at)) throw new InvalidParametersError(`${name} must be a valid date`)
  const waitMs = Math.ceil(at - nowWallMs)
  if (waitMs > 0) checkInteger(`The time until ${name}, in milliseconds,`, waitMs, 0, durationMsMax)
  return waitMs
}
