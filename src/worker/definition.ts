import { InvalidParametersError } from '@libp2p/interface'
import type { StandardSchemaV1 } from '@standard-schema/spec'

/** Wait before a task that ended in an error is tried again. */
export interface Backoff {
  readonly type: 'fixed' | 'exponential'
  /** Wait before the first retry, in milliseconds. */
  readonly delayMs: number
  /** Longest wait between retries, in milliseconds. */
  readonly maxMs?: number | undefined
}

/** What every publish of a task takes from its definition. */
export interface TaskDefaults {
  /** Runs that may end in an error before the task has failed. At least 1. */
  readonly attempts?: number | undefined
  readonly backoff?: Backoff | undefined
  /** Longest time of one run, in milliseconds; 0 for no limit. */
  readonly timeoutMs?: number | undefined
  /** Higher runs first. An integer within ±1,000,000. */
  readonly priority?: number | undefined
  /** How long the result is kept, in milliseconds. */
  readonly resultTtlMs?: number | undefined
}

/** A task that a handler has published. */
export interface PublishedTask {
  readonly id: string
  /** Whether three nodes or more hold it. */
  readonly durable: boolean
}

/** How a handler publishes; what is left out is the definition's, then the mesh's default. */
export interface ContextPublishOptions extends TaskDefaults {
  /** Time before the task is due, in milliseconds. */
  readonly delayMs?: number | undefined
}

/**
 * What a handler knows of its run. Members may be taken out of it (`{ signal, progress }`), and
 * cost nothing until they are asked for.
 */
export interface TaskContext {
  /**
   * Aborted when the run's result cannot count any more: its lease is lost (`LeaseLostError`),
   * its time is up (`TimeoutError`), the task was cancelled or the node stops (`AbortError`).
   * A handler in a thread that does not end within a grace period is ended with its thread.
   */
  readonly signal: AbortSignal
  /** Rises with every new run of the task anywhere: a store that keeps it can refuse older runs. */
  readonly token: number
  /** Number of this run of the task, counted from 1. */
  readonly attempt: number
  readonly taskId: string
  /** Peer id of the node that runs the handler. */
  readonly node: string
  /**
   * Tells whoever watches the task how far it is: any JSON of up to 8 KiB. Lossy: of values that
   * follow each other quickly only the latest is sent.
   *
   * @throws {TypeError} The value is not JSON or too large.
   */
  readonly progress: (value: unknown) => void
  /** Tells whoever watches the task a line, cut at 8 KiB. Lossy: a flood of lines is thinned. */
  readonly log: (line: string) => void
  /** Publishes another task; resolves when the mesh holds it. */
  readonly publish: (
    task: string | { readonly name: string },
    input: unknown,
    options?: ContextPublishOptions,
  ) => Promise<PublishedTask>
}

/** Limits that hold in the whole mesh. Not supported by this version. */
export interface TaskLimit<Input> {
  readonly concurrency?: number | undefined
  readonly rate?: { readonly max: number; readonly perMs: number } | undefined
  /** Tasks with the same key share the limit. */
  readonly key?: ((input: Input) => string) | undefined
}

/** What a definition consists of, besides its handler and its schema. */
export interface TaskSettings extends TaskDefaults {
  /** Runs of this queue at the same time on one node; at most the node's own number counts. */
  readonly concurrency?: number | undefined
}

/** A definition's handler gets what its schema makes of the payload. */
export interface TaskInit<Schema extends StandardSchemaV1, Output> extends TaskSettings {
  /** Checks the payload wherever the task runs: any Standard Schema (zod, valibot, arktype …). */
  readonly input: Schema
  /** Refused with `InvalidParametersError`, since this version does not support it. */
  readonly limit?: TaskLimit<StandardSchemaV1.InferOutput<Schema>> | undefined
  run(input: StandardSchemaV1.InferOutput<Schema>, ctx: TaskContext): Output | Promise<Output>
}

/** Without a schema the handler gets the payload as it was published. */
export interface UncheckedTaskInit<Input, Output> extends TaskSettings {
  readonly input?: undefined
  /** Refused with `InvalidParametersError`, since this version does not support it. */
  readonly limit?: TaskLimit<Input> | undefined
  run(input: Input, ctx: TaskContext): Output | Promise<Output>
}

/**
 * A queue with its handler: what nodes run and what publishers type their tasks by.
 * `Input` is what is published, `Output` what the handler returns.
 */
export interface TaskDefinition<Input, Output> extends TaskDefaults {
  /** The queue. */
  readonly name: string
  readonly input?: StandardSchemaV1<Input> | undefined
  readonly concurrency?: number | undefined
  run(input: unknown, ctx: TaskContext): Output | Promise<Output>
  /** For inference only, never set. */
  readonly '~types'?: { readonly input: Input; readonly output: Output } | undefined
}

/** The least that a node needs of a definition in order to run its tasks. */
export interface TaskDefinitionLike {
  /** The queue. */
  readonly name: string
  readonly input?: StandardSchemaV1 | undefined
  readonly concurrency?: number | undefined
  run(input: unknown, ctx: TaskContext): unknown
}

/**
 * Defines a queue and its handler. A handler that throws is tried again; `UnrecoverableError`
 * and a payload that the schema refuses fail the task at once.
 *
 * @throws {InvalidParametersError} A setting is out of bounds, or `limit` is given.
 */
export function defineTask<Schema extends StandardSchemaV1, Output>(
  queue: string,
  init: TaskInit<Schema, Output>,
): TaskDefinition<StandardSchemaV1.InferInput<Schema>, Output>
export function defineTask<Input, Output>(
  queue: string,
  init: UncheckedTaskInit<Input, Output>,
): TaskDefinition<Input, Output>
export function defineTask(queue: string, init: LooseInit): TaskDefinition<unknown, unknown> {
  checkQueue(queue)
  checkSettings(queue, init)
  const { input, concurrency, attempts, backoff, timeoutMs, priority, resultTtlMs } = init
  return Object.freeze({
    name: queue,
    input,
    concurrency,
    attempts,
    backoff,
    timeoutMs,
    priority,
    resultTtlMs,
    // Called on `init`, whose `run` may be a method that uses its siblings.
    run: (value: unknown, ctx: TaskContext) => init.run(value, ctx),
  })
}

/** Bytes that the name of a queue may have. */
const maxQueueBytes = 256

/**
 * Checks the name of a queue.
 *
 * @throws {InvalidParametersError} It is empty or too long.
 */
export function checkQueue(queue: unknown): void {
  if (typeof queue !== 'string' || queue === '') {
    throw new InvalidParametersError('A queue needs a name that is not empty')
  }
  if (Buffer.byteLength(queue) > maxQueueBytes) {
    throw new InvalidParametersError(
      `The name of queue ${queue.slice(0, 32)}… has more than ${maxQueueBytes} bytes`,
    )
  }
}

function checkSettings(queue: string, init: LooseInit): void {
  if (typeof init.run !== 'function') {
    throw new InvalidParametersError(`Task ${queue} needs a function run(input, ctx)`)
  }
  if (init.input !== undefined && typeof init.input['~standard']?.validate !== 'function') {
    throw new InvalidParametersError(`input of task ${queue} is not a Standard Schema`)
  }
  if (init.limit !== undefined) {
    throw new InvalidParametersError(`limit of task ${queue} is not supported by this version yet`)
  }
  const check = (name: string, value: number | undefined, min: number, max: number): void => {
    if (value === undefined || (Number.isInteger(value) && value >= min && value <= max)) return
    throw new InvalidParametersError(
      `${name} of task ${queue} must be an integer from ${min} to ${max}, not ${value}`,
    )
  }
  check('attempts', init.attempts, 1, 2 ** 31 - 1)
  check('concurrency', init.concurrency, 1, 2 ** 31 - 1)
  check('timeoutMs', init.timeoutMs, 0, maxMs)
  check('priority', init.priority, -1_000_000, 1_000_000)
  check('resultTtlMs', init.resultTtlMs, 0, Number.MAX_SAFE_INTEGER)
  check('backoff.delayMs', init.backoff?.delayMs, 0, maxMs)
  check('backoff.maxMs', init.backoff?.maxMs, 0, maxMs)
  const type: unknown = init.backoff?.type ?? 'fixed'
  if (type !== 'fixed' && type !== 'exponential') {
    throw new InvalidParametersError(`backoff.type of task ${queue} must be fixed or exponential`)
  }
}

/** An init without its types; callers of plain JavaScript may give anything. */
type LooseInit = TaskSettings & Omit<TaskDefinitionLike, 'name'> & { readonly limit?: unknown }

/** What a timer of this platform can wait. */
const maxMs = 2 ** 31 - 1
