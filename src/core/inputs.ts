import type { TaskKey } from './entries.ts'
import type { LedgerId, Lsn, PeerId } from './ids.ts'
import type { Envelope, Hint, TaskSpec } from './messages.ts'
import type { Timing } from './timing.ts'
import type { Ranges } from './ranges.ts'

/** Time has passed; given when `wakeAt` says so, and harmless at any other moment. */
export interface Tick {
  readonly type: 'tick'
}

/** The node is dialable at these multiaddrs. */
export interface Listening {
  readonly type: 'listening'
  readonly addresses: readonly string[]
}

/** A control stream to a peer is open; HELLO may be sent. */
export interface PeerUp {
  readonly type: 'peer-up'
  readonly peer: PeerId
}

/** The control stream to a peer has closed. The network redials by itself. */
export interface PeerDown {
  readonly type: 'peer-down'
  readonly peer: PeerId
}

/** A redial failed. Refused: the machine answered that nothing listens there any more. */
export interface PeerUnreachable {
  readonly type: 'peer-unreachable'
  readonly peer: PeerId
  readonly refused: boolean
}

export interface Received extends Envelope {
  readonly type: 'received'
  readonly from: PeerId
}

export interface Hinted {
  readonly type: 'hinted'
  readonly from: PeerId
  readonly hints: readonly Hint[]
}

/** The journal is durable up to here. */
export interface Durable {
  readonly type: 'durable'
  readonly lsn: Lsn
}

/** Tasks to publish, of one spec, in columns; answered by `published` with the same request. */
export interface Publish {
  readonly type: 'publish'
  readonly request: number
  /** Voters that must hold them before they are published; a majority must in any case. */
  readonly copies?: number | undefined
  /** One task only: what it is called. */
  readonly key?: TaskKey | undefined
  readonly spec: TaskSpec
  readonly timing: Timing
  readonly lengths: Uint32Array
  readonly payload: Uint8Array
}

/** Results of some runs of one granted ballot, alike but for their bodies, in columns. */
export interface Finished {
  readonly type: 'finished'
  readonly ledger: LedgerId
  readonly token: number
  readonly seqs: Ranges
  /**
   * `error` may be retried, `unrecoverable` not, `timeout` is an error named so at the end,
   * `result` is a result that cannot be kept (too large, not JSON), `released` was never started.
   */
  readonly kind: 'done' | 'error' | 'unrecoverable' | 'timeout' | 'result' | 'released'
  readonly lengths: Uint32Array
  readonly body: Uint8Array
}

/** Asks to end tasks before they are done; answered by `cancel-ended`. */
export interface Cancel {
  readonly type: 'cancel'
  readonly request: number
  readonly ledger: LedgerId
  readonly seqs: Ranges
  readonly reason: Uint8Array
}

/** The application waits for outcomes; answered by `outcomes` now or when they are decided. */
export interface WatchTasks {
  readonly type: 'watch-tasks'
  readonly ledger: LedgerId
  readonly seqs: Ranges
  readonly progress: boolean
}

export interface UnwatchTasks {
  readonly type: 'unwatch-tasks'
  readonly ledger: LedgerId
  readonly seqs: Ranges
}

/** A running task says something. */
export interface Reported {
  readonly type: 'reported'
  readonly ledger: LedgerId
  readonly seq: number
  readonly token: number
  readonly kind: 'progress' | 'log'
  readonly body: Uint8Array
}

/** Stop claiming; what runs goes on. Once all of it is decided, a report says so. */
export interface Drain {
  readonly type: 'drain'
}

/** Let others keep what this node votes on, as it is about to stop; a report says when that is done. */
export interface HandOver {
  readonly type: 'hand-over'
  /** Who has the blobs that are named in ledgers; none of those that are not told of are given away. */
  readonly blobsAt?: ReadonlyMap<LedgerId, ReadonlySet<PeerId>> | undefined
}

/** Release every lease and say goodbye. */
export interface Leave {
  readonly type: 'leave'
}

/** The wall clock moved against the monotonic one. */
export interface ClockJumped {
  readonly type: 'clock-jumped'
  /** Wall clock minus monotonic clock, in milliseconds. */
  readonly wallOffsetMs: number
}

/** Everything that can happen to a node. */
export type Input =
  | Tick
  | Listening
  | PeerUp
  | PeerDown
  | PeerUnreachable
  | Received
  | Hinted
  | Durable
  | Publish
  | Finished
  | Cancel
  | WatchTasks
  | UnwatchTasks
  | Reported
  | Drain
  | HandOver
  | Leave
  | ClockJumped
