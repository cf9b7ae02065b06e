import { InvalidParametersError, TimeoutError } from '@libp2p/interface'
import { maxPayloadBytes } from './wire/limits.ts'

export { InvalidParametersError, NotStartedError, TimeoutError } from '@libp2p/interface'
export {
  BlobCorruptError,
  BlobUnavailableError,
  FileChangedError,
  NoRoomAtPeersError,
  NoSpaceError,
} from './blobs/errors.ts'
export { QuarantinedError } from './driver/errors.ts'
export { ListenFailedError } from './libp2p/errors.ts'
export {
  StoreClosedError,
  StoreCorruptError,
  StoreFailedError,
  StoreLockedError,
  StoreVersionError,
} from './store/errors.ts'
export { HandlerModuleError, LeaseLostError, UnrecoverableError } from './worker/errors.ts'

/** Why a task has failed for good. */
export type TaskFailedReason =
  | 'attempts'
  | 'unrecoverable'
  | 'deliveries'
  | 'timeout'
  | 'expired'
  | 'dependency'
  | 'result'

/**
 * The task has ended without a result. `cause` is the last error of its handler, where there was
 * one. A failed task stays failed: publish a new one to try again.
 */
export class TaskFailedError extends Error {
  static override name = 'TaskFailedError'

  readonly taskId: string
  readonly reason: TaskFailedReason
  /** Runs that ended in an error. */
  readonly attempts: number

  constructor(taskId: string, reason: TaskFailedReason, attempts: number, options?: ErrorOptions) {
    const cause = options?.cause instanceof Error ? `: ${options.cause.message}` : ''
    super(`Task ${taskId} has failed (${reason}, ${attempts} attempts)${cause}`, options)
    this.name = 'TaskFailedError'
    this.taskId = taskId
    this.reason = reason
    this.attempts = attempts
  }
}

/**
 * The key names a task that was published with another input or other options. Nothing was published:
 * take another key, or ask for the very same task.
 */
export class TaskExistsError extends Error {
  static override name = 'TaskExistsError'

  readonly queue: string
  readonly key: string
  /** The task that has the key; `undefined` while it is being published itself. */
  readonly taskId: string | undefined

  constructor(queue: string, key: string, taskId: string | undefined, options?: ErrorOptions) {
    const task = taskId === undefined ? 'another task' : `task ${taskId}`
    const differs = 'with another input or other options'
    super(
      `Key ${key} in queue ${queue} names ${task}, published ${differs}; take another key`,
      options,
    )
    this.name = 'TaskExistsError'
    this.queue = queue
    this.key = key
    this.taskId = taskId
  }
}

/** Somebody cancelled the task before it had another outcome. */
export class TaskCancelledError extends Error {
  static override name = 'TaskCancelledError'

  readonly taskId: string
  /** What was given to `cancel`; '' for nothing. */
  readonly reason: string

  constructor(taskId: string, reason: string, options?: ErrorOptions) {
    super(`Task ${taskId} was cancelled${reason === '' ? '' : `: ${reason}`}`, options)
    this.name = 'TaskCancelledError'
    this.taskId = taskId
    this.reason = reason
  }
}

/**
 * The task has ended, but how is not kept any more: its `resultTtlMs` is over, or the nodes that
 * kept it needed the room. Ask earlier, or publish with a longer one.
 */
export class ResultExpiredError extends Error {
  static override name = 'ResultExpiredError'

  readonly taskId: string
  /** How the task has ended; undefined where nobody knows even that. */
  readonly state: 'done' | 'failed' | 'cancelled' | undefined

  constructor(taskId: string, state?: 'done' | 'failed' | 'cancelled', options?: ErrorOptions) {
    const ended = state === undefined ? '' : ` (${state})`
    super(`The result of task ${taskId}${ended} is not kept any more`, options)
    this.name = 'ResultExpiredError'
    this.taskId = taskId
    this.state = state
  }
}

/** No node that can be reached has heard of the task: check the id, the mesh and who is up. */
export class TaskNotFoundError extends Error {
  static override name = 'TaskNotFoundError'

  readonly taskId: string
  /** Nodes that were asked. */
  readonly asked: number

  constructor(taskId: string, asked: number, options?: ErrorOptions) {
    super(`Task ${taskId} is not known here nor to any of ${asked} connected nodes`, options)
    this.name = 'TaskNotFoundError'
    this.taskId = taskId
    this.asked = asked
  }
}

/**
 * The nodes that kept the task have lost it: the last of them has come back without what it had on its
 * disk. Publish it again. A ledger that three nodes keep survives the loss of one of them.
 */
export class TaskLostError extends Error {
  static override name = 'TaskLostError'

  readonly taskId: string
  /** The node that has lost its disk. */
  readonly peerId: string

  constructor(taskId: string, peerId: string, options?: ErrorOptions) {
    super(
      `Task ${taskId} is lost: node ${peerId} has lost its disk, and no other that is connected ` +
        'keeps the task; publish it again',
      options,
    )
    this.name = 'TaskLostError'
    this.taskId = taskId
    this.peerId = peerId
  }
}

/**
 * The payload is larger than the node can keep in memory. Give it a `dataDir`: then the disk is
 * the limit.
 */
export class PayloadTooLargeError extends Error {
  static override name = 'PayloadTooLargeError'

  readonly queue: string
  readonly payloadBytes: number
  readonly limitBytes: number

  constructor(
    queue: string,
    payloadBytes: number,
    limitBytes: number = maxPayloadBytes,
    options?: ErrorOptions,
  ) {
    super(
      `Input of ${payloadBytes} bytes for ${queue} is over the limit of ${limitBytes} bytes ` +
        '(maxPayloadBytes); give the node a dataDir',
      options,
    )
    this.name = 'PayloadTooLargeError'
    this.queue = queue
    this.payloadBytes = payloadBytes
    this.limitBytes = limitBytes
  }
}

/**
 * The input cannot be published: it is not JSON, or the schema of its definition refuses it.
 * Nothing of the call has been published.
 */
export class InvalidInputError extends Error {
  static override name = 'InvalidInputError'

  readonly queue: string
  /** Place of the input among those of the call, from 0. */
  readonly index: number

  constructor(queue: string, index: number, reason: string, options?: ErrorOptions) {
    super(`Input ${index} for ${queue} cannot be published: ${reason}`, options)
    this.name = 'InvalidInputError'
    this.queue = queue
    this.index = index
  }
}

/** Too few nodes can be reached. Try again when more of them are up. */
export class QuorumUnavailableError extends Error {
  static override name = 'QuorumUnavailableError'

  readonly needed: number
  readonly reached: number

  constructor(needed: number, reached: number, options?: ErrorOptions) {
    super(`${needed} connected nodes are needed, ${reached} were reached`, options)
    this.name = 'QuorumUnavailableError'
    this.needed = needed
    this.reached = reached
  }
}

/** The node was stopped, or has stopped by itself (`cause` says why). Make a new one. */
export class NodeStoppedError extends Error {
  static override name = 'NodeStoppedError'

  constructor(options?: ErrorOptions) {
    super('The node has stopped', options)
    this.name = 'NodeStoppedError'
  }
}

/** An option that other versions may have: refused rather than ignored. */
export function notSupported(name: string, remedy = 'leave it out'): InvalidParametersError {
  return new InvalidParametersError(`${name} is not supported by this version; ${remedy}`)
}

/** The error of a wait that took too long. */
export function timedOut(what: string, timeoutMs: number): TimeoutError {
  return new TimeoutError(`${what} took longer than ${timeoutMs} ms`)
}

/** Whatever was thrown, as an error. */
export function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown))
}
