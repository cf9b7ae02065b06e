import { LeaseLostError } from './errors.ts'

/** What is known of the run that is stopped. */
export interface AbortedRun {
  readonly taskId: string
  readonly token: number
  readonly timeoutMs: number
}

/** What the run's signal is aborted with, for a reason of the port or `timeout`. */
export function abortError(reason: string, run: AbortedRun): Error {
  switch (reason) {
    case 'lease-lost':
      return new LeaseLostError(run.taskId, run.token)
    case 'timeout':
      return new DOMException(
        `Run of task ${run.taskId} took longer than ${run.timeoutMs} ms`,
        'TimeoutError',
      )
    case 'cancelled':
      return new DOMException(`Task ${run.taskId} was cancelled`, 'AbortError')
    case 'leaving':
      return new DOMException(`The node that runs task ${run.taskId} stops`, 'AbortError')
    default:
      return new DOMException(`Run of task ${run.taskId} was stopped: ${reason}`, 'AbortError')
  }
}
