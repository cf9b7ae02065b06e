import type { CollectedKind } from './collected.ts'
import type { Entry } from './entries.ts'
import type { LedgerId, Lsn, NodeId, PeerId } from './ids.ts'
import type { Fork } from './forks.ts'
import type { Hint, Message, TaskSpec, Values } from './messages.ts'
import type { Ranges } from './ranges.ts'

/** Append to the journal. Entries are numbered 1, 2, 3 … in the order of these effects. */
export interface Persist {
  readonly type: 'persist'
  readonly lsn: Lsn
  readonly entry: Entry
}

/** Send to a peer, once the journal is durable up to `after` (0: at once). Never to oneself. */
export interface Send {
  readonly type: 'send'
  readonly to: PeerId
  readonly message: Message
  readonly after: Lsn
}

/** Tell everybody, without any promise that it arrives. */
export interface Gossip {
  readonly type: 'gossip'
  readonly hints: readonly Hint[]
}

/** Run granted tasks of one claim and one spec, in columns; each ends in a `finished` input. */
export interface Run {
  readonly type: 'run'
  readonly ledger: LedgerId
  /** Counter of the ballot the runs were granted under. */
  readonly token: number
  readonly spec: TaskSpec
  readonly seqs: Ranges
  /** Number of this attempt per task, counted from 1. */
  readonly attempts: Uint32Array
  readonly lengths: Uint32Array
  readonly payload: Uint8Array
}

/** Stop runs whose results cannot count any more; no `finished` is owed for them. */
export interface Abort {
  readonly type: 'abort'
  readonly ledger: LedgerId
  readonly token: number
  readonly seqs: Ranges
  readonly reason: 'lease-lost' | 'cancelled' | 'leaving'
}

/** A majority of voters holds the tasks of a publish request. */
export interface Published {
  readonly type: 'published'
  readonly request: number
  /** The tasks in the order they were given, as runs per ledger. */
  readonly parts: readonly { readonly ledger: LedgerId; readonly seqs: Ranges }[]
  /** Whether three voters or more hold the ledger. */
  readonly durable: boolean
}

/** A publish request was not taken and nothing of it will run. */
export interface PublishRefused {
  readonly type: 'publish-refused'
  readonly request: number
  /** `full`: ask again in `retryMs`. `conflict`: its key names another task. */
  readonly reason: 'full' | 'conflict'
  readonly retryMs: number
  /** The other task, where it has a number. */
  readonly task?: { readonly ledger: LedgerId; readonly seq: number } | undefined
}

/** Decided outcomes, of tasks watched or published by this node. Durable at a majority. */
export interface OutcomesKnown {
  readonly type: 'outcomes'
  readonly ledger: LedgerId
  readonly values: readonly Values[]
  /** The generation that they are from, if it is not the first. */
  readonly fork?: Fork | undefined
}

/** Watched tasks are settled, and nobody who was asked keeps their outcomes any more. */
export interface OutcomesCollected {
  readonly type: 'outcomes-collected'
  readonly ledger: LedgerId
  readonly kind: CollectedKind
  readonly seqs: Ranges
  /** Whether they are settled in a later generation than the one that is named. */
  readonly later: boolean
}

export interface CancelEnded {
  readonly type: 'cancel-ended'
  readonly request: number
  readonly cancelled: Ranges
  /** Tasks that had another outcome first. */
  readonly tooLate: Ranges
}

/** Progress of a watched task, from wherever it runs. */
export interface ProgressSeen {
  readonly type: 'progress-seen'
  readonly ledger: LedgerId
  readonly seq: number
  readonly kind: 'progress' | 'log'
  readonly body: Uint8Array
}

/** A peer is worth a dial: it is new, or a holder's fate must be known before `L` is over. */
export interface Dial {
  readonly type: 'dial'
  readonly peer: PeerId
  /** Multiaddrs; empty to try those that are known. */
  readonly addresses: readonly string[]
}

/** Close the control stream to a peer that broke the protocol or speaks another version. */
export interface Hangup {
  readonly type: 'hangup'
  readonly peer: PeerId
  readonly reason: string
}

/** The node must stop, because its storage has lost what others rely on. */
export interface Quarantine {
  readonly type: 'quarantine'
  readonly reason: string
}

/** Something that users like to see. Carries no control flow. */
export interface Report {
  readonly type: 'report'
  readonly event:
    | { readonly type: 'peer-joined'; readonly peer: PeerId; readonly guest: boolean }
    | { readonly type: 'peer-left'; readonly peer: PeerId }
    /** A peer has come back without all that it had kept. */
    | { readonly type: 'storage-changed'; readonly peer: PeerId }
    | {
        readonly type: 'published'
        readonly ledger: LedgerId
        readonly seqs: Ranges
        readonly queue: string
      }
    | {
        readonly type: 'claimed'
        readonly ledger: LedgerId
        readonly seqs: Ranges
        readonly token: number
        readonly queue: string
      }
    | {
        readonly type: 'settled'
        readonly ledger: LedgerId
        readonly values: Values
        readonly queue: string
      }
    | {
        readonly type: 'lease-lost'
        readonly ledger: LedgerId
        readonly seqs: Ranges
        readonly token: number
      }
    | { readonly type: 'duplicate'; readonly ledger: LedgerId; readonly seqs: Ranges }
    | {
        readonly type: 'ledger-opened'
        readonly ledger: LedgerId
        readonly voters: readonly PeerId[]
      }
    | { readonly type: 'displaced'; readonly by: NodeId }
    /** Tasks whose voters were lost go on here, as another generation. */
    | {
        readonly type: 'forked'
        readonly ledger: LedgerId
        readonly count: number
        readonly generation: number
      }
    | { readonly type: 'drained' }
    | { readonly type: 'handed-over' }
}

/** Everything a node can ask for. Two interpreters: the driver and the simulator. */
export type Effect =
  | Persist
  | Send
  | Gossip
  | Run
  | Abort
  | Published
  | PublishRefused
  | OutcomesKnown
  | OutcomesCollected
  | CancelEnded
  | ProgressSeen
  | Dial
  | Hangup
  | Quarantine
  | Report
