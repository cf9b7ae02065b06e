import type { Ballot } from './ballot.ts'
import type { ChangeMessage } from './change-messages.ts'
import type { CollectedTasks, LaterCollected } from './collected.ts'
import type { DirectGrant } from './direct-grant.ts'
import type { Fork } from './forks.ts'
import type { Submit, Submitted } from './guest-messages.ts'
import type { Incarnation, LedgerId, Lsn, NodeId, PeerId, StorageId } from './ids.ts'
import type { Ranges } from './ranges.ts'
import type { Timing } from './timing.ts'

/** What every task of a chunk has in common. */
export interface TaskSpec {
  readonly queue: string
  /** Higher runs first. An integer within ±1,000,000. */
  readonly priority: number
  /** Canonical label set that a worker must have; '' for any worker. */
  readonly requires: string
  /** Runs that may end in an error before the task has failed. At least 1. */
  readonly attempts: number
  readonly backoff: 'fixed' | 'exponential'
  /** Wait before the first retry, in milliseconds. */
  readonly backoffMs: number
  /** Longest wait between retries, in milliseconds. */
  readonly backoffMaxMs: number
  /** Longest time of one run, in milliseconds; 0 for no limit. */
  readonly timeoutMs: number
  /** How long a result is kept, in milliseconds. */
  readonly resultTtlMs: number
}

/** Records of tasks with consecutive sequence numbers and one spec, in columns. */
export interface Chunk extends Timing {
  readonly first: number
  readonly count: number
  readonly spec: TaskSpec
  /** Payload bytes of each task. */
  readonly lengths: Uint32Array
  /** All payloads, one behind the other. */
  readonly payload: Uint8Array
  /** What these tasks were before the voters that kept them were lost. */
  readonly fork?: Fork | undefined
}

export type OutcomeKind = 'done' | 'failed' | 'cancelled'

/** Why a task has failed for good. */
export type FailedReason =
  | 'attempts'
  | 'unrecoverable'
  | 'deliveries'
  | 'timeout'
  | 'expired'
  | 'result'

/** Values of the registers of some tasks, alike but for their bodies, in columns. */
export interface Values {
  readonly seqs: Ranges
  readonly kind: 'pending' | OutcomeKind
  /** Runs that ended in an error so far. */
  readonly failures: number
  /** `pending` only: how long until the next attempt is due, in milliseconds. */
  readonly delayMs: number
  /** `failed` only, else ''. */
  readonly reason: FailedReason | ''
  /** The peer whose run gave these values; '' if none ran. */
  readonly by: PeerId
  /** Body bytes of each task, in the order of `seqs`. */
  readonly lengths: Uint32Array
  /** Results, error notes or cancel reasons, one behind the other. */
  readonly body: Uint8Array
}

export interface Voter {
  readonly peer: PeerId
  readonly storageId: StorageId
}

/** What a node must know of a ledger before it can speak of it. */
export interface LedgerInfo {
  readonly ledger: LedgerId
  readonly epoch: number
  readonly producer: NodeId
  readonly voters: readonly Voter[]
}

/** What ranges of open tasks have in common: a claimed range has one class. */
export interface TaskClass {
  readonly queue: string
  readonly priority: number
  readonly requires: string
}

/** Open tasks of one class. */
export interface Backlog extends TaskClass {
  /** Age of the oldest of them, in milliseconds. */
  readonly ageMs: number
  /** How many there are; `seqs` may name only the first of them. */
  readonly backlog: number
  readonly seqs: Ranges
}

export interface KnownPeer {
  readonly peer: PeerId
  readonly addresses: readonly string[]
}

/** First on every control stream, in both directions. */
export interface Hello {
  readonly type: 'hello'
  /** Wire versions that the node speaks. */
  readonly minVersion: number
  readonly maxVersion: number
  readonly incarnation: Incarnation
  readonly storageId: StorageId
  readonly guest: boolean
  /** Multiaddrs at which the node can be dialled. */
  readonly addresses: readonly string[]
  /** Live full nodes that it is connected to. */
  readonly peers: readonly KnownPeer[]
  /** Queues that it serves. */
  readonly queues: readonly string[]
  readonly concurrency: number
  /** The receiver's storage and the highest durable lsn seen of it. */
  readonly echoStorageId: StorageId
  readonly echoLsn: Lsn
  /** The process start that was the last one to tell an lsn, where that is known; what those before it had told. */
  readonly echoIncarnation: Incarnation
  readonly echoBeforeLsn: Lsn
  /** Whether it understands that a ledger gets other voters. */
  readonly changes: boolean
}

export interface OpenLedger extends LedgerInfo {
  readonly type: 'open'
}

export interface LedgerOpened {
  readonly type: 'opened'
  readonly ledger: LedgerId
  readonly epoch: number
}

export interface CloseLedger {
  readonly type: 'close'
  readonly ledger: LedgerId
  readonly epoch: number
  /** No sequence number from here on will ever be used. */
  readonly end: number
}

export interface LedgerClosed extends Omit<LedgerOpened, 'type'> {
  readonly type: 'closed'
}

export interface UnknownLedger extends Omit<LedgerOpened, 'type'> {
  readonly type: 'unknown-ledger'
}

export interface Store {
  readonly type: 'store'
  readonly ledger: LedgerId
  readonly epoch: number
  /** Whether the producer stores these tasks for the first time: only then FULL may refuse. */
  readonly fresh: boolean
  readonly chunks: readonly Chunk[]
  /** Whom the producer has claimed the tasks for; with `fresh` and one chunk only. */
  readonly grant?: DirectGrant | undefined
}

export interface Stored {
  readonly type: 'stored'
  readonly ledger: LedgerId
  readonly epoch: number
  readonly counter: number
  readonly stored: Ranges
  readonly settled: Ranges
  /** Held with other bytes. */
  readonly conflict: Ranges
  /** Refused for want of room; ask again in `fullMs`. */
  readonly full: Ranges
  readonly fullMs: number
}

export type Intent = 'run' | 'raise' | 'finish' | 'cancel'

export interface Claim {
  readonly type: 'claim'
  readonly ledger: LedgerId
  readonly epoch: number
  /** Unique per proposer incarnation. */
  readonly claimId: number
  readonly ballot: Ballot
  readonly intent: Intent
  /** The tasks asked for; empty when `any` picks them. */
  readonly seqs: Ranges
  /** Lets the voter pick up to `anyCount` tasks of the first of these classes that has some. */
  readonly any: readonly TaskClass[]
  readonly anyCount: number
  /** Whether the records of what is granted are wanted, too. */
  readonly records: boolean
  /** `run`: granted like a run, but nothing is leased or counted, for nothing will run. */
  readonly idle: boolean
}

/** Tasks of a claim with the value that their register has accepted. */
export interface AcceptedValues {
  readonly ballot: Ballot
  readonly values: Values
}

export type RefusalReason =
  | 'settled'
  | 'not-due'
  | 'blocked'
  | 'held'
  | 'behind'
  | 'missing'
  /** The counter is too far above all that the voter has seen. */
  | 'leap'

export interface Refusal {
  readonly reason: RefusalReason
  readonly seqs: Ranges
  /** `not-due`, `held`: how long that will last, in milliseconds; else 0. */
  readonly ms: number
  /** `behind`: the promised counter; else 0. */
  readonly counter: number
}

export interface Claimed {
  readonly type: 'claimed'
  readonly ledger: LedgerId
  readonly epoch: number
  readonly counter: number
  readonly claimId: number
  readonly ballot: Ballot
  readonly granted: Ranges
  /** How long the tentative lease of the granted tasks lasts, in milliseconds. */
  readonly leaseMs: number
  /** Run grants so far of the granted tasks, in runs: `[tasks, grants, tasks, grants, …]`. */
  readonly grants: readonly number[]
  readonly accepted: readonly AcceptedValues[]
  /** Granted to a ballot that passes through leases, though another holder's lease is alive. */
  readonly held: Ranges
  readonly refused: readonly Refusal[]
  readonly chunks: readonly Chunk[]
}

/** One beat of a worker's session with a voter. */
export interface Renew {
  readonly type: 'renew'
  /** Rises by one with each beat to this voter. */
  readonly beat: number
  /** Claims that won their majority since the last beat. */
  readonly confirmed: readonly number[]
  /** Leases that the worker knows it holds at this voter, and `sessionDigest` of them. */
  readonly held: number
  readonly digest: number
  /** Of claims with lower numbers this voter has granted none that still waits for a majority; 0 where that is not said. */
  readonly decidedBelow: number
  /** The whole list, when the voter has asked for it. */
  readonly list?: readonly HeldLease[] | undefined
}

export interface HeldLease {
  readonly ledger: LedgerId
  readonly claimId: number
  readonly ballot: Ballot
  readonly seqs: Ranges
}

export interface Renewed {
  readonly type: 'renewed'
  readonly beat: number
  /** How long the named leases last from now, in milliseconds; 0 with `sendList`. */
  readonly leaseMs: number
  readonly sendList: boolean
  /** Leases of the list that the voter does not hold any more. */
  readonly lost: readonly LostLease[]
  /** Leases of the list in ledgers that the voter does not vote in now: it says nothing of them. */
  readonly elsewhere: readonly LostLease[]
}

export interface LostLease {
  readonly ledger: LedgerId
  readonly claimId: number
  readonly seqs: Ranges
}

/** A voter tells a holder at once that its ballot has been overtaken or the task settled. */
export interface Lost {
  readonly type: 'lost'
  readonly lost: readonly LostLease[]
  /** Whether the tasks were cancelled; else another ballot has overtaken the holder's. */
  readonly cancelled: boolean
}

export interface Release {
  readonly type: 'release'
  readonly ledger: LedgerId
  readonly epoch: number
  readonly claimId: number
  readonly ballot: Ballot
  readonly seqs: Ranges
}

export interface Settle {
  readonly type: 'settle'
  readonly ledger: LedgerId
  readonly epoch: number
  readonly ballot: Ballot
  readonly values: readonly Values[]
  /** Lsn of the proposer's own accept if it votes, else 0. */
  readonly acceptLsn: Lsn
}

export interface Accepted {
  readonly type: 'accepted'
  readonly ledger: LedgerId
  readonly epoch: number
  readonly counter: number
  readonly ballot: Ballot
  readonly accepted: Ranges
  readonly behind: Ranges
  readonly settled: Ranges
  readonly missing: Ranges
}

/** Tasks whose outcome is decided, by the ballot that decided it. */
export interface Decided {
  readonly type: 'decided'
  readonly ledger: LedgerId
  readonly epoch: number
  readonly outcomes: readonly DecidedRange[]
}

export interface DecidedRange {
  readonly ballot: Ballot
  readonly kind: OutcomeKind
  readonly seqs: Ranges
  /** The outcomes themselves, where the sender was asked for them. */
  readonly values: readonly Values[]
}

/** Asks a fellow voter for records or outcomes that it has and the sender misses. */
export interface Fetch {
  readonly type: 'fetch'
  readonly ledger: LedgerId
  readonly epoch: number
  readonly what: 'records' | 'outcomes'
  readonly seqs: Ranges
}

/** Records for a claimer that holds none. Not a STORE: the receiver need not be a voter. */
export interface Records {
  readonly type: 'records'
  readonly ledger: LedgerId
  readonly epoch: number
  readonly chunks: readonly Chunk[]
}

/** What a voter holds of a ledger, so that a fellow voter can give what is missing. */
export interface Compare {
  readonly type: 'compare'
  readonly ledger: LedgerId
  readonly epoch: number
  readonly counter: number
  /** The end given by CLOSE, or −1 while the ledger is open. */
  readonly end: number
  readonly stored: Ranges
  readonly settled: Ranges
}

/** Asks for the outcomes of tasks, now and when they are decided. */
export interface Watch {
  readonly type: 'watch'
  readonly ledger: LedgerId
  readonly seqs: Ranges
  readonly progress: boolean
}

export interface Unwatch {
  readonly type: 'unwatch'
  readonly ledger: LedgerId
  readonly seqs: Ranges
}

export interface Outcomes {
  readonly type: 'outcomes'
  readonly ledger: LedgerId
  readonly values: readonly Values[]
  /** The generation that they are from, if it is not the first. */
  readonly fork?: Fork | undefined
}

/** Asks for open tasks; the answer is a BACKLOGS. */
export interface Sync {
  readonly type: 'sync'
  readonly queues: readonly string[]
  /** Room for so many tasks, to be offered later if there are none now. */
  readonly slots: number
}

/** Open tasks per ledger, as pulled by SYNC. */
export interface Backlogs {
  readonly type: 'backlogs'
  readonly ledgers: readonly LedgerBacklog[]
  /** Whether they are for the receiver, who has waited for them, and for no other. */
  readonly offered: boolean
}

export interface LedgerBacklog {
  readonly info: LedgerInfo
  readonly counter: number
  readonly classes: readonly Backlog[]
}

/** A line of progress or log of a running task. Lossy. */
export interface Progress {
  readonly type: 'progress'
  readonly ledger: LedgerId
  readonly seq: number
  readonly token: number
  readonly kind: 'progress' | 'log'
  readonly body: Uint8Array
}

/** The node leaves on purpose: its leases end at once and nobody waits for it. */
export interface Goodbye {
  readonly type: 'goodbye'
}

export type Message =
  | Hello
  | Goodbye
  | OpenLedger
  | LedgerOpened
  | CloseLedger
  | LedgerClosed
  | UnknownLedger
  | Store
  | Stored
  | Claim
  | Claimed
  | Renew
  | Renewed
  | Lost
  | Release
  | Settle
  | Accepted
  | Decided
  | Fetch
  | Records
  | Compare
  | CollectedTasks
  | LaterCollected
  | Watch
  | Unwatch
  | Outcomes
  | Sync
  | Backlogs
  | Submit
  | Submitted
  | Progress
  | ChangeMessage

/** A message as it travels: every frame shows how much of the sender's journal is durable. */
export interface Envelope {
  readonly lsn: Lsn
  readonly message: Message
}

/** Open tasks of a ledger, from a voter. A hint: it may be late, twice or never. */
export interface Announce {
  readonly type: 'announce'
  readonly info: LedgerInfo
  /** Makes each announcement new to gossip's cache of what it has seen. */
  readonly round: number
  readonly counter: number
  readonly classes: readonly Backlog[]
}

/** Somebody holds these tasks now. A hint. */
export interface Taken {
  readonly type: 'taken'
  readonly ledger: LedgerId
  readonly seqs: Ranges
}

/** What a worker has room for. A hint. */
export interface Presence {
  readonly type: 'presence'
  readonly queues: readonly string[]
  readonly concurrency: number
  readonly free: number
}

export type Hint = Announce | Taken | Presence
