import type { AbortOptions } from '@libp2p/interface'
import type { TaskFailedReason } from './errors.ts'
import type { TaskState } from './task-info.ts'

/** How long to wait for a task. */
export interface ResultOptions extends AbortOptions {
  /**
   * Longest wait, in milliseconds; then a `TimeoutError`. Ends the wait, not the task.
   *
   * @default Infinity
   */
  readonly timeoutMs?: number | undefined
}

/** How a task has ended. */
export interface TaskOutcome<Output = unknown> {
  readonly taskId: string
  readonly state: 'done' | 'failed' | 'cancelled'
  /** What the handler returned, of a task that is done. */
  readonly result?: Output | undefined
  /** Why it has failed, or what was given to `cancel`. */
  readonly reason?: TaskFailedReason | (string & {}) | undefined
  /** The last error of the handler, of a task that has failed. */
  readonly error?: Error | undefined
  /** Peer id of the worker of the last run; '' if none ran. */
  readonly node: string
  /** Number of the last run, counted from 1; 0 if none ran. */
  readonly attempt: number
  /**
   * Which generation of the task this is, where it is not the first: the nodes that kept that were
   * lost, and a survivor with `orphans: 'fork'` has published the task anew.
   */
  readonly generation?: number | undefined
  /** What the task is called in that generation. */
  readonly forkId?: string | undefined
}

/** What happens to a task while it is watched. */
export type TaskEvent<Output = unknown> =
  | { readonly type: 'progress'; readonly value: unknown }
  | { readonly type: 'log'; readonly line: string }
  /** A run of the task has begun on the node that is asked. */
  | { readonly type: 'attempt'; readonly node: string; readonly token: number }
  | { readonly type: 'outcome'; readonly outcome: TaskOutcome<Output> }

/** One task, wherever it is. */
export interface TaskHandle<Output = unknown> {
  readonly id: string
  /** Whether three nodes or more hold it, so that it outlives the loss of any one of them. */
  readonly durable: boolean
  /**
   * What the handler returned, once that is decided: bytes, and streams of them, as a `MeshBlob`.
   *
   * @throws {TaskFailedError} It has failed for good.
   * @throws {TaskCancelledError} It was cancelled.
   * @throws {ResultExpiredError} The result is not kept any more.
   * @throws {TaskNotFoundError} Nobody that can be reached knows the task.
   * @throws {BlobUnavailableError} No node that is up has it, since it is large and they are gone.
   * @throws {TimeoutError} `timeoutMs` have passed.
   */
  result(options?: ResultOptions): Promise<Output>
  /** How the task has ended, whichever way that is, once that is decided. */
  outcome(options?: ResultOptions): Promise<TaskOutcome<Output>>
  /** Ends the task; false if it had another outcome first. A run in progress is aborted. */
  cancel(reason?: string, options?: AbortOptions): Promise<boolean>
  /** Where the task is now, as far as this node or one it can ask knows. */
  state(options?: AbortOptions): Promise<TaskState>
  /** What happens to the task from now on; ends with its outcome. Progress and logs are lossy. */
  events(options?: AbortOptions): AsyncIterable<TaskEvent<Output>>
  /** A sentence on why the task is where it is. */
  explain(options?: AbortOptions): Promise<string>
}
