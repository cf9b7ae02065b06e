import type { Ballot } from './ballot.ts'
import type { Collected } from './collected.ts'
import type { Incarnation, LedgerId, Lsn, NodeId, PeerId, StorageId } from './ids.ts'
import type { Chunk, DecidedRange, LedgerInfo, Values, Voter } from './messages.ts'
import type { Ranges } from './ranges.ts'

/** This voter has taken up its office in a ledger. */
export interface OpenedEntry extends LedgerInfo {
  readonly type: 'opened'
  /** When, by the wall clock of this machine; not in journals of old. */
  readonly openedWallMs?: number | undefined
}

export interface ClosedEntry {
  readonly type: 'closed'
  readonly ledger: LedgerId
  readonly end: number
}

/** What a publisher calls a task, so that publishing it again gives the same one. */
export interface TaskKey {
  readonly key: string
  /** Stands for the record: another one is another task. */
  readonly digest: string
}

/** The request that tasks were numbered for. */
export interface Origin {
  /** Who asks: a guest, or the node itself, whose requests have no name. */
  readonly guest: PeerId
  readonly request: string
  /** Where there is one task, and it has a key. */
  readonly key?: TaskKey | undefined
}

/** Records as received; due and publication times as wall clock of this machine. */
export interface StoredEntry {
  readonly type: 'stored'
  readonly ledger: LedgerId
  readonly dueWallMs: number
  readonly publishedWallMs: number
  readonly chunk: Chunk
  /** At the node that has numbered them, where somebody may ask for the same again. */
  readonly origin?: Origin | undefined
}

/** Run grants, kept so that a handler that kills its node is still counted. */
export interface GrantedEntry {
  readonly type: 'granted'
  readonly ledger: LedgerId
  readonly claimId: number
  readonly ballot: Ballot
  readonly seqs: Ranges
}

export interface ReleasedEntry {
  readonly type: 'released'
  readonly ledger: LedgerId
  readonly ballot: Ballot
  readonly seqs: Ranges
}

export interface AcceptedEntry {
  readonly type: 'accepted'
  readonly ledger: LedgerId
  readonly ballot: Ballot
  readonly dueWallMs: number
  readonly values: readonly Values[]
}

/** Decided outcomes; with their values unless they are those accepted at the same ballot. */
export interface SettledEntry {
  readonly type: 'settled'
  readonly ledger: LedgerId
  readonly outcomes: readonly DecidedRange[]
  /** When, by the wall clock of this machine; not in journals of old. */
  readonly settledWallMs?: number | undefined
}

/** Tasks are settled, and their outcomes are not kept any more. */
export interface CollectedEntry extends Collected {
  readonly type: 'collected'
  readonly ledger: LedgerId
}

/** Nothing is left of a ledger but that all of its tasks, up to its end, are settled. */
export interface RetiredEntry {
  readonly type: 'retired'
  readonly ledger: LedgerId
  readonly epoch: number
  readonly end: number
  readonly retiredWallMs: number
  /** Those that are not done, by how they have ended. */
  readonly failed: Ranges
  readonly cancelled: Ranges
  readonly forgotten: Ranges
}

/** No counter above the mark has been promised in this ledger. */
export interface ReservedEntry {
  readonly type: 'reserved'
  readonly ledger: LedgerId
  readonly mark: number
}

/** Grants of open tasks, as a checkpoint states them: `[tasks, grants, …]` along `seqs`. */
export interface GrantsEntry {
  readonly type: 'grants'
  readonly ledger: LedgerId
  readonly seqs: Ranges
  readonly grants: readonly number[]
}

/** A guest's request and the tasks it became, as a checkpoint states it. */
export interface SubmittedEntry {
  readonly type: 'submitted'
  readonly guest: PeerId
  readonly request: string
  readonly ledger: LedgerId
  readonly seqs: Ranges
}

/** The task that a key names, as a checkpoint states it. */
export interface KeyedEntry extends TaskKey {
  readonly type: 'keyed'
  readonly queue: string
  readonly ledger: LedgerId
  readonly seq: number
}

/** The highest durable lsn seen of a peer's storage. */
export interface EchoEntry {
  readonly type: 'echo'
  readonly peer: PeerId
  readonly storageId: StorageId
  readonly lsn: Lsn
  /** Its process start that told it. Empty where a version before this one wrote the entry. */
  readonly incarnation: Incarnation
}

/** A process start began here: what was leased to an earlier one of this peer is free. */
export interface StartedEntry {
  readonly type: 'started'
  readonly node: NodeId
}

/** This storage keeps a copy of a ledger without voting in it. */
export interface ObservedEntry extends LedgerInfo {
  readonly type: 'observed'
}

/** The vote of this voter on who keeps a ledger after an epoch. */
export interface SuccessionEntry {
  readonly type: 'succession'
  readonly ledger: LedgerId
  readonly epoch: number
  readonly promised: Ballot
  readonly accepted: Ballot
  readonly voters: readonly Voter[]
}

/** This voter takes no part in its epoch any more; it names the epoch that follows. */
export interface SealedEntry extends LedgerInfo {
  readonly type: 'sealed'
}

/** This storage votes in a new epoch, by all that the entries before say of its registers. */
export interface InstalledEntry extends LedgerInfo {
  readonly type: 'installed'
}

/** Others keep the ledger, and this storage has forgotten what it held. */
export interface MovedEntry extends LedgerInfo {
  readonly type: 'moved'
}

/** The next generation of these tasks was published from here: it is not done again. */
export interface ForkedEntry {
  readonly type: 'forked'
  readonly ledger: LedgerId
  readonly seqs: Ranges
}

/** Nothing is granted before then of which this storage may not know that somebody holds it. */
export interface BlockedEntry {
  readonly type: 'blocked'
  readonly untilWallMs: number
}

/** Everything a node writes to its journal, and all that a checkpoint consists of. */
export type Entry =
  | OpenedEntry
  | ClosedEntry
  | StoredEntry
  | GrantedEntry
  | ReleasedEntry
  | AcceptedEntry
  | SettledEntry
  | ReservedEntry
  | GrantsEntry
  | SubmittedEntry
  | KeyedEntry
  | CollectedEntry
  | RetiredEntry
  | EchoEntry
  | StartedEntry
  | ObservedEntry
  | SuccessionEntry
  | SealedEntry
  | InstalledEntry
  | MovedEntry
  | ForkedEntry
  | BlockedEntry
