/**
 * Thrown by a handler to say that trying again is of no use: the task fails at once, whatever
 * attempts it has left. Also what a payload that the definition's schema refuses ends in.
 */
export class UnrecoverableError extends Error {
  static override name = 'UnrecoverableError'

  constructor(message?: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'UnrecoverableError'
  }
}

/**
 * The lease expired, or another node took the task over, before this run finished. Reason of the
 * context's `signal`; the run's result is dropped, since the newer lease decides the outcome.
 */
export class LeaseLostError extends Error {
  static override name = 'LeaseLostError'

  readonly taskId: string
  /** Fencing token of the lease that was lost. */
  readonly token: number

  constructor(taskId: string, token: number, options?: ErrorOptions) {
    super(`Lease ${token} on task ${taskId} was lost`, options)
    this.name = 'LeaseLostError'
    this.taskId = taskId
    this.token = token
  }
}

/**
 * A module with handlers cannot be used: it is missing, throws when imported, or exports a queue
 * that another one exports too. Mend the file and start again.
 */
export class HandlerModuleError extends Error {
  static override name = 'HandlerModuleError'

  readonly file: string
  readonly reason: string

  constructor(file: string, reason: string, options?: ErrorOptions) {
    super(`Handler module ${file} cannot be used: ${reason}`, options)
    this.name = 'HandlerModuleError'
    this.file = file
    this.reason = reason
  }
}

/**
 * What runs a handler has ended before the handler did: by `process.exit`, by a crash in native
 * code, by a signal, or since memory was used up. Its task is tried again as its attempts allow.
 */
export class HandlerCrashedError extends Error {
  static override name = 'HandlerCrashedError'

  readonly reason: string

  constructor(reason: string, queue?: string, options?: ErrorOptions) {
    super(`Handler${queue === undefined ? '' : ` of ${queue}`} has crashed: ${reason}`, options)
    this.name = 'HandlerCrashedError'
    this.reason = reason
  }

  /** The same, of a handler that is known. */
  of(queue: string): HandlerCrashedError {
    return new HandlerCrashedError(this.reason, queue, { cause: this.cause })
  }
}

/** Whether a value says that trying again is of no use. By name, since copies of a class differ. */
export function isUnrecoverable(error: unknown): boolean {
  return isErrorLike(error) && error.name === 'UnrecoverableError'
}

/** What can be told of an error. */
export interface ErrorLike {
  readonly name: unknown
  readonly message: unknown
  readonly stack?: unknown
}

/** Whether a value can be told as an error; those of other realms are no `Error` of this one. */
export function isErrorLike(error: unknown): error is ErrorLike {
  return typeof error === 'object' && error !== null && 'name' in error && 'message' in error
}
