import type { Ballot } from './ballot.ts'
import type { Collected } from './collected.ts'
import type { LedgerId } from './ids.ts'
import type { Chunk, DecidedRange, LedgerInfo, Values, Voter } from './messages.ts'
import type { Ranges } from './ranges.ts'

/* What nodes say to each other when a ledger gets other voters. */

/**
 * Asks a voter about who keeps the ledger after this epoch: without voters for a promise, with
 * voters to accept them.
 */
export interface Elect {
  readonly type: 'elect'
  readonly ledger: LedgerId
  /** The epoch that is to end. */
  readonly epoch: number
  readonly ballot: Ballot
  readonly voters: readonly Voter[]
}

export interface Elected {
  readonly type: 'elected'
  readonly ledger: LedgerId
  readonly epoch: number
  /** The ballot of the ELECT. */
  readonly ballot: Ballot
  /** Whether it was promised or accepted. */
  readonly granted: boolean
  /** Highest counter promised. */
  readonly counter: number
  /** What has been accepted, and at which ballot; nobody at none. */
  readonly accepted: Ballot
  readonly voters: readonly Voter[]
}

/** Asks a node to keep a copy of a ledger without voting; answered once it has caught up. */
export interface Invite extends LedgerInfo {
  readonly type: 'invite'
  /** Whether it is wanted for itself, and not on the way to a vote: then nobody waits for an answer. */
  readonly standing: boolean
}

export interface Invited {
  readonly type: 'invited'
  readonly ledger: LedgerId
  readonly epoch: number
}

/** Which tasks are asked for, and what the asker has of them. */
interface Copying {
  readonly ledger: LedgerId
  readonly epoch: number
  /** The tasks from `from` up to, not including, `to`. */
  readonly from: number
  readonly to: number
  readonly stored: Ranges
  readonly settled: Ranges
}

/** Asks for records and outcomes that the sender lacks; answered by a STATE. */
export interface Observe extends Copying {
  readonly type: 'observe'
}

/** Ends the epoch at a voter for the sake of its decided successor; answered by a STATE. */
export interface Seal extends Copying {
  readonly type: 'seal'
  /** The voters of the next epoch. */
  readonly voters: readonly Voter[]
}

/** Registers of open tasks that are all alike. */
export interface RegisterGroup {
  readonly seqs: Ranges
  readonly promised: Ballot
  readonly accepted: Ballot
  /** What was accepted, one item; none with no ballot. */
  readonly values: readonly Values[]
  readonly grants: number
  /** The lease they are under; no ballot for none. */
  readonly lease: Ballot
  readonly claimId: number
  readonly tentative: boolean
  /** How long a failed task still waits, in milliseconds. */
  readonly dueMs: number
}

/** A part of what a node holds of a ledger. */
export interface State extends Collected {
  readonly type: 'state'
  readonly ledger: LedgerId
  /** The epoch that the sender votes in, or has sealed. */
  readonly epoch: number
  /** Whether this counts for a new voter: the epoch is sealed, or the next one begun. */
  readonly sealed: boolean
  /** Whether the sender votes in that epoch still, and may accept more there; older nodes say false. */
  readonly voting: boolean
  readonly from: number
  /** What comes next, or 0 if nothing does. */
  readonly next: number
  readonly counter: number
  /** The end given by CLOSE, or −1 while the ledger is open. */
  readonly end: number
  /** How long no new run is to be granted, in milliseconds. */
  readonly blockedMs: number
  readonly registers: readonly RegisterGroup[]
  readonly outcomes: readonly DecidedRange[]
  readonly chunks: readonly Chunk[]
}

/** Tells a member of the next epoch to take up its office, by what the voters before it hold. */
export interface Install extends LedgerInfo {
  readonly type: 'install'
  /** The voters of the epoch before. */
  readonly before: readonly Voter[]
  /** The end given by CLOSE, or −1 while the ledger is open. */
  readonly end: number
}

export interface Installed {
  readonly type: 'installed'
  readonly ledger: LedgerId
  readonly epoch: number
}

/** The epoch that was asked about is over: others keep the ledger now. */
export interface Moved {
  readonly type: 'moved'
  readonly ledger: LedgerId
  /** The epoch that was asked about. */
  readonly epoch: number
  readonly info: LedgerInfo
}

/** Everything about other voters for a ledger. */
export type ChangeMessage =
  | Elect
  | Elected
  | Invite
  | Invited
  | Observe
  | Seal
  | State
  | Install
  | Installed
  | Moved
