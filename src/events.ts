import type { TaskFailedReason } from './errors.ts'

/** Another node has joined or left. */
export interface PeerDetail {
  readonly peerId: string
  /** Whether it neither works nor votes. */
  readonly guest?: boolean | undefined
}

/** A task of a queue. */
export interface TaskDetail {
  readonly taskId: string
  readonly queue: string
}

/** This node has the lease of a task. */
export interface ClaimedDetail extends TaskDetail {
  /** Peer id of the worker. */
  readonly node: string
  /** Fencing token of the run. */
  readonly token: number
}

/** What a running task has said. */
export interface ProgressDetail {
  readonly taskId: string
  readonly kind: 'progress' | 'log'
  /** The progress value, or the line. */
  readonly value: unknown
}

/** A task has its result. */
export interface DoneDetail extends TaskDetail {
  /** Peer id of the worker. */
  readonly node: string
  /** Number of the run that gave the result, counted from 1. */
  readonly attempt: number
  /** A `MeshBlob` where it is over 64 KiB, also of JSON. */
  readonly result: unknown
}

/** A task has failed for good. */
export interface FailedDetail extends TaskDetail {
  /** Peer id of the worker of the last run; '' if none ran. */
  readonly node: string
  /** Number of the last run that ended in an error. */
  readonly attempt: number
  readonly reason: TaskFailedReason
  /** The last error of the handler, where there was one. */
  readonly error: Error | undefined
}

/** A task was cancelled. */
export interface CancelledDetail extends TaskDetail {
  readonly reason: string
}

/** A run of this node cannot count any more. */
export interface LeaseLostDetail {
  readonly taskId: string
  readonly token: number
}

/** Something that a user should know, and that stops nothing. */
export interface WarningDetail {
  readonly message: string
  /** The queue in question, where there is one. */
  readonly queue?: string | undefined
}

/** The storage in the data directory had lost something, and another one has taken its place. */
export interface SetAsideDetail {
  readonly storageId: string
  /** What was missing or changed. */
  readonly problem: string
  /** Where it is kept now. */
  readonly folder: string
  /** Open tasks and results that nobody else kept, as far as they could be counted: they are lost. */
  readonly tasksLost: number
  readonly resultsLost: number
  /** Open tasks of which others keep a copy: they go on. */
  readonly tasksShared: number
  /** Open tasks of which that cannot be told any more. */
  readonly tasksUnclear: number
  /** All of it, and what to do, in one line. */
  readonly message: string
}

/**
 * What a node tells of itself. Events only report: they are made where somebody listens, and a
 * task's may come from each node that learns of it.
 *
 * | event | when |
 * | --- | --- |
 * | `peer:joined`, `peer:left` | a control stream to another node has opened or closed |
 * | `task:published` | a majority of voters holds a task published here |
 * | `task:claimed` | this node has the lease of a task |
 * | `task:progress` | a task that is watched here said something |
 * | `task:done`, `task:failed`, `task:cancelled` | a task's outcome is decided |
 * | `lease:lost` | a run of this node cannot count any more |
 * | `storage:set-aside` | the node has started on a new storage, since the one before had lost something |
 * | `warning` | something is odd |
 * | `error` | the node has stopped, since it cannot go on |
 */
export interface MeshNodeEvents {
  'peer:joined': CustomEvent<PeerDetail>
  'peer:left': CustomEvent<PeerDetail>
  'task:published': CustomEvent<TaskDetail>
  'task:claimed': CustomEvent<ClaimedDetail>
  'task:progress': CustomEvent<ProgressDetail>
  'task:done': CustomEvent<DoneDetail>
  'task:failed': CustomEvent<FailedDetail>
  'task:cancelled': CustomEvent<CancelledDetail>
  'lease:lost': CustomEvent<LeaseLostDetail>
  'storage:set-aside': CustomEvent<SetAsideDetail>
  warning: CustomEvent<WarningDetail>
  error: CustomEvent<Error>
}
