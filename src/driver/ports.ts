import type { Effect, Run } from '../core/effects.ts'
import type { Entry } from '../core/entries.ts'
import type { LedgerId, Lsn, Millis, PeerId, StorageId } from '../core/ids.ts'
import type { Finished, Reported } from '../core/inputs.ts'
import type { Losses } from '../core/losses.ts'
import type { Envelope, Hint } from '../core/messages.ts'
import type { Ranges } from '../core/ranges.ts'

/** What the network tells the driver. Called synchronously, never before `start` resolves. */
export interface NetworkEvents {
  /** The control stream to a peer is open, in both directions; at most one per peer. */
  up(peer: PeerId): void
  /** It has closed. The network redials for ever, with backoff. */
  down(peer: PeerId): void
  /** A redial failed. Refused: every address answered that nobody listens there. */
  unreachable(peer: PeerId, refused: boolean): void
  /**
   * One frame of a control stream. While promises that it returned are pending the network
   * reads less and less from that peer, in the end nothing.
   */
  message(from: PeerId, envelope: Envelope): void | Promise<void>
  hints(from: PeerId, hints: readonly Hint[]): void
  /** The node's multiaddrs have changed. */
  listening(addresses: readonly string[]): void
}

/** Answers one bounded request of a peer. A rejection resets the stream. */
export type QueryHandler = (from: PeerId, request: Uint8Array) => Promise<Uint8Array>

/** How a node talks to others. */
export interface Network {
  readonly peer: PeerId
  start(events: NetworkEvents): Promise<void>
  stop(): Promise<void>
  addresses(): readonly string[]
  /** Queues a frame; frames to one peer keep their order. Dropped while it is not up. */
  send(to: PeerId, envelope: Envelope): void
  /** Publishes hints; batched, signed per batch, rate-capped, lossy. */
  gossip(hints: readonly Hint[]): void
  /** Learns addresses of a peer and sees to it that it is connected. */
  dial(peer: PeerId, addresses: readonly string[]): void
  /** Closes the control stream to a peer and does not redial for a while. */
  hangup(peer: PeerId, reason: string): void
  /** One bounded request and its answer, on a stream of their own. */
  query(to: PeerId, request: Uint8Array, options: { signal: AbortSignal }): Promise<Uint8Array>
  onQuery(handler: QueryHandler): void
}

/** What a store found when it was opened. */
export interface Opened {
  readonly storageId: StorageId
  /** Last entry recovered; 0 for an empty store. */
  readonly lsn: Lsn
  /** Whether nothing that was written can be missing, synced or not. */
  readonly intact: boolean
  /** The storage that was here before, if it had lost something. */
  readonly setAside?: SetAside | undefined
}

/** A storage that must not be used any more, and is kept for whoever wants to look at it. */
export interface SetAside {
  readonly storageId: StorageId
  /** What was missing or changed. */
  readonly problem: string
  /** Where it is now. */
  readonly folder: string
  /** When it was set aside, in ISO 8601. */
  readonly at: string
  /** What it kept, as far as it could still be read. */
  readonly losses: Losses
}

/** Where a node keeps its entries. */
export interface Store {
  /**
   * Opens and verifies.
   *
   * @throws {StoreLockedError} Another process has it.
   * @throws {StoreCorruptError} Something that was durable is missing or changed.
   * @throws {StoreVersionError} A newer version wrote it.
   */
  open(): Promise<Opened>
  /** The checkpoint's entries, then the journal's, in order. */
  replay(): AsyncIterable<readonly Entry[]>
  /** Appends; what it wrote is durable when `onDurable` has named its lsn. Returns the last lsn. */
  append(entries: readonly Entry[]): Lsn
  /** Called with the lsn up to which the journal is durable; synchronously within `append` if so. */
  onDurable(listener: (lsn: Lsn) => void): void
  /** Called once if a write or sync fails; nothing is durable any more after that. */
  onFailed(listener: (error: Error) => void): void
  /** Whether the journal has grown enough since the last checkpoint for another one. */
  readonly wantsCheckpoint: boolean
  /** Replaces everything up to `lsn` by these entries. Appends go on meanwhile. */
  checkpoint(lsn: Lsn, entries: Iterable<Entry>): Promise<void>
  /** Other nodes have seen more of the journal than there is: nobody may open it again. */
  outdate?(): void
  close(): Promise<void>
}

/** What the worker tells the driver. */
export interface WorkerEvents {
  finished(finished: Finished): void
  reported(reported: Reported): void
}

/** Runs handlers. */
export interface Worker {
  start(events: WorkerEvents): Promise<void>
  /** Queues runs; they start as slots are free, higher priority first. */
  run(run: Run): void
  /** Ends runs, started or not; nothing is reported of them any more. */
  abort(ledger: LedgerId, token: number, seqs: Ranges, reason: string): void
  /** Gives back what has not started, as `finished` of kind `released`. */
  drain(): void
  stop(): Promise<void>
}

/** A clock and one timer. */
export interface Clock {
  now(): Millis
  /** Wall clock minus monotonic clock, in milliseconds. */
  wallOffsetMs(): number
  /** Calls back once at or after `at`, instead of any earlier request. */
  wake(at: Millis, callback: () => void): void
  stop(): void
}

/** Effects that concern the application: the driver hands them on. */
export type ApplicationEffect = Extract<
  Effect,
  {
    type:
      | 'published'
      | 'publish-refused'
      | 'outcomes'
      | 'outcomes-collected'
      | 'cancel-ended'
      | 'progress-seen'
      | 'quarantine'
      | 'report'
  }
>
