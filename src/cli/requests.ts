import type { PublishOptions, TaskState } from '../index.ts'
import type { RunReply, RunRequest } from './run/requests.ts'

/** Publishes the inputs that follow. */
export interface PublishRequest {
  readonly op: 'publish'
  readonly queue: string
  readonly options: PublishOptions
  /** Whether outcomes are wanted, too. */
  readonly wait: boolean
  /** Whether inputs name files: `fileInput`. */
  readonly files?: boolean | undefined
  /** Folder that the blobs of results are saved to, before their outcomes are told. */
  readonly saveTo?: string | undefined
  /** Give up when nobody serves the queue or takes the tasks for this long, in milliseconds. */
  readonly waitTimeoutMs: number
}

/** Lists tasks that the mesh knows, newest ledgers first. */
export interface TasksRequest {
  readonly op: 'tasks'
  readonly queue?: string | undefined
  readonly state?: TaskState | undefined
  /** How many at most. */
  readonly limit: number
}

/** Shows one task. */
export interface TaskRequest {
  readonly op: 'task'
  readonly id: string
  /** Folder that the blobs of the result are saved to. */
  readonly saveTo?: string | undefined
}

/** Tells what happens to a task from now on, up to its outcome. */
export interface LogsRequest {
  readonly op: 'logs'
  readonly id: string
}

export interface CancelRequest {
  readonly op: 'cancel'
  readonly ids: readonly string[]
  readonly reason?: string | undefined
}

/** Lists the nodes of the mesh. */
export interface NodesRequest {
  readonly op: 'nodes'
}

/** Asks how a node stands in its network. */
export interface HealthRequest {
  readonly op: 'health'
}

/** What a command asks of a node, whether over its control socket or within a guest. */
export type Request =
  | PublishRequest
  | RunRequest
  | TasksRequest
  | TaskRequest
  | LogsRequest
  | CancelRequest
  | NodesRequest
  | HealthRequest

/** Tasks have been published. */
export interface PublishedReply {
  readonly type: 'published'
  readonly taskIds: readonly string[]
  readonly durable: boolean
}

/** Nobody is known to serve the queue at the moment. */
export interface UnservedReply {
  readonly type: 'unserved'
  readonly queue: string
}

/** A task has been decided. */
export interface OutcomeReply {
  readonly type: 'outcome'
  readonly taskId: string
  readonly state: 'done' | 'failed' | 'cancelled'
  /** A blob is told by its size and its hash. */
  readonly result?: unknown
  /** Whether the result is bytes. */
  readonly raw?: boolean | undefined
  readonly reason?: string | undefined
  readonly error?: string | undefined
  /** Peer id of the worker; absent if none ran. */
  readonly node?: string | undefined
  readonly attempt?: number | undefined
  /** Where it is not the first, and what the task is called there. */
  readonly generation?: number | undefined
  readonly forkId?: string | undefined
}

/** One row of a list. */
export interface RowReply {
  readonly type: 'row'
  readonly row: Readonly<Record<string, unknown>>
}

export type Reply = PublishedReply | UnservedReply | OutcomeReply | RowReply | RunReply
