import type { TaskFailedReason } from './errors.ts'

/** Where a task is. `blocked` tasks wait for others. */
export type TaskState =
  | 'pending'
  | 'delayed'
  | 'blocked'
  | 'running'
  | 'done'
  | 'failed'
  | 'cancelled'

/** What a node knows of a task. */
export interface TaskInfo {
  readonly id: string
  readonly queue: string
  readonly state: TaskState
  readonly priority: number
  /** Runs that may end in an error before the task has failed. */
  readonly attempts: number
  /** Runs that ended in an error so far. */
  readonly failures: number
  /** Runs that were granted so far. */
  readonly grants: number
  /** Peer id of the node that runs it, or whose run gave the outcome. */
  readonly node: string | undefined
  /** Why it has failed. */
  readonly reason: TaskFailedReason | undefined
  /** Whether it has ended and its result is not kept any more. */
  readonly expired: boolean
  /** Time since it was published, in milliseconds. */
  readonly ageMs: number
  /** Time until it is due, in milliseconds; 0 when due. */
  readonly dueMs: number
  /** Which generation of the task this is, where it was asked for by its name in the first one. */
  readonly generation?: number | undefined
  /** What the task is called in that generation. */
  readonly forkId?: string | undefined
}

/** Another node as this one knows it. */
export interface PeerInfo {
  readonly peerId: string
  readonly guest: boolean
  /** Queues that it serves. */
  readonly queues: readonly string[]
  readonly concurrency: number
  /** Whether its control stream is up. */
  readonly connected: boolean
}

/** A node as it describes itself. */
export interface NodeInfo {
  readonly peerId: string
  readonly addresses: readonly string[]
  readonly guest: boolean
  readonly queues: readonly string[]
  readonly concurrency: number
  /** Handlers that run now. */
  readonly running: number
  readonly labels: Readonly<Record<string, string>>
  /** Peer ids of the nodes that it is connected to. */
  readonly peers: readonly string[]
  readonly version: string
}

/** How many tasks of a queue are where. */
export interface QueueInfo {
  readonly queue: string
  /** Connected nodes, this one among them, that serve it. */
  readonly nodes: number
  readonly pending: number
  readonly delayed: number
  readonly running: number
  readonly done: number
  readonly failed: number
  readonly cancelled: number
}
