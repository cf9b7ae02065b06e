import type { LedgerId, NodeId, PeerId, StorageId } from '../core/ids.ts'
import type { LedgerInfo, TaskSpec } from '../core/messages.ts'
import { bitsIn, majorityOf } from '../core/quorum.ts'
import type { Plan } from './plans.ts'
import type { ValueDigest } from './value-digest.ts'

/** One run of one task, from the effect that asked for it. */
export interface RunHistory {
  readonly task: TaskHistory
  readonly index: number
  readonly node: NodeId
  readonly peer: PeerId
  readonly token: number
  readonly ballotKey: number
  /** When the first claim under its ballot was made. */
  readonly claimedAt: number
  readonly at: number
  endedAt: number
  /** How it ended; '' while it goes on. */
  end: string
}

/** Which voters have durably accepted one value at one ballot. */
interface Tally {
  readonly ballotKey: number
  readonly counter: number
  readonly digest: ValueDigest
  mask: number
}

/** A value that a majority has durably accepted at one ballot. */
export interface Chosen {
  readonly digest: ValueDigest
  readonly counter: number
  readonly at: number
}

/** A value chosen that leaves a task open, and the failures that it counts. */
export interface Retry {
  readonly digest: ValueDigest
  readonly counter: number
  readonly failures: number
}

/** All that has ever happened to one task. */
export class TaskHistory {
  readonly ledger: LedgerHistory
  readonly seq: number
  plan: Plan | undefined
  spec: TaskSpec | undefined
  payloadDigest = 0
  /** When its user was told that it is safe; Infinity before. */
  ackedAt = Infinity
  /** When it may run, as far as decided values say. */
  dueAt = 0
  /** When it must have begun, and when it must have ended; Infinity for no limit. */
  startBy = Infinity
  endBy = Infinity
  /** Voters that hold its record, or its outcome, on disk now. */
  heldBy = 0
  /** Voters that know its outcome. */
  settledBy = 0
  /** Terminal values chosen; more than one entry is a violation unless the digest is the same. */
  readonly chosen: Chosen[] = []
  /** Values chosen that say after how many failures the task is tried again. */
  readonly retries: Retry[] = []
  readonly tallies: Tally[] = []
  readonly runs: RunHistory[] = []
  /** Voters that granted a run, by ballot. */
  readonly grants = new Map<number, number>()
  /** Digests of the reasons for which users have asked to cancel it. */
  readonly cancelReasons = new Set<number>()
  /** Digests of results that runs have returned, and who ran. */
  readonly results = new Map<number, PeerId>()
  /** Runs that threw or took too long. */
  errors = 0
  /** How its runs have ended. */
  readonly ends = new Set<string>()

  constructor(ledger: LedgerHistory, seq: number) {
    this.ledger = ledger
    this.seq = seq
  }

  /** The first terminal value that a majority accepted. */
  get decided(): Chosen | undefined {
    return this.chosen[0]
  }

  get name(): string {
    return `${this.ledger.id.slice(0, 8)}-${this.seq}`
  }

  /** Adds a voter's durable accept. Returns all who accepted the same at that ballot. */
  accept(ballotKey: number, counter: number, digest: ValueDigest, bit: number): number {
    for (const tally of this.tallies) {
      if (tally.ballotKey !== ballotKey || tally.digest !== digest) continue
      tally.mask |= bit
      return tally.mask
    }
    this.tallies.push({ ballotKey, counter, digest, mask: bit })
    return bit
  }

  /** A majority has accepted a terminal value. Returns it unless that was known. */
  choose(digest: ValueDigest, counter: number, at: number): Chosen | undefined {
    if (this.chosen.some(one => one.counter === counter && one.digest === digest)) return undefined
    const chosen = { digest, counter, at }
    this.chosen.push(chosen)
    return chosen
  }
}

/** All that has ever happened in one ledger. */
export class LedgerHistory {
  readonly id: LedgerId
  info: LedgerInfo | undefined
  /** Voters of which each has said that nothing of it is left. */
  retiredBy = 0
  /** Voters on whose disks it is opened. */
  openedBy = 0
  /** Voters whose disks are gone for good. */
  lostBy = 0
  /** Whether somebody votes on an old copy of its disk, whom nobody could tell so yet. */
  isMisled = false
  /** When the first claim under a ballot was made, by ballot. */
  readonly claimedAt = new Map<number, number>()
  readonly #tasks: TaskHistory[] = []

  constructor(id: LedgerId) {
    this.id = id
  }

  /** How many voters are a majority; Infinity while the voters are unknown. */
  get majority(): number {
    return this.info === undefined ? Infinity : majorityOf(this.info.voters.length)
  }

  /** Whether so many disks are gone that no majority is left, or one's votes are not what they were. */
  get isLost(): boolean {
    if (this.isMisled) return true
    return (this.info?.voters.length ?? 0) - bitsIn(this.lostBy) < this.majority
  }

  /** Whether every majority that is left has one of these voters in it. */
  meetsEveryMajority(mask: number): boolean {
    const others = (this.info?.voters.length ?? 0) - bitsIn(mask | this.lostBy)
    return others < this.majority
  }

  task(seq: number): TaskHistory {
    let task = this.#tasks[seq]
    if (task === undefined) this.#tasks[seq] = task = new TaskHistory(this, seq)
    return task
  }

  *tasks(): Generator<TaskHistory> {
    for (const task of this.#tasks) if (task !== undefined) yield task
  }

  /** The bit of a voter in masks; 0 if it does not vote, or not on the disk that it has now. */
  bitOf({ peer, storageId }: { readonly peer: PeerId; readonly storageId: StorageId }): number {
    const voters = this.info?.voters ?? []
    for (let i = 0; i < voters.length; i++) {
      const voter = voters[i]
      if (voter?.peer === peer) return voter.storageId === storageId ? 2 ** i : 0
    }
    return 0
  }
}
