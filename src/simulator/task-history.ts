import type { LedgerId, NodeId, PeerId } from '../core/ids.ts'
import { invariant } from '../core/invariant.ts'
import type { LedgerInfo, TaskSpec, Voter } from '../core/messages.ts'
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
  /** Whether it was granted by a claim that a producer had made. */
  readonly direct: boolean
  /** When the first claim under its ballot was made. */
  readonly claimedAt: number
  readonly at: number
  endedAt: number
  /** How it ended; '' while it goes on. */
  end: string
}

/** Which voters have durably accepted one value at one ballot. */
interface Tally {
  readonly epoch: number
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
  /** The same task in later generations. */
  readonly later: TaskHistory[] = []
  /** When its user was told that it is safe; Infinity before. */
  ackedAt = Infinity
  /** When it may run, as far as decided values say. */
  dueAt = 0
  /** Its delay, which a clock that is set back makes a restarted voter wait for again. */
  delayMs = 0
  /** When it must have begun, and when it must have ended; Infinity for no limit. */
  startBy = Infinity
  endBy = Infinity
  /** Voters that hold its record, or its outcome, on disk now. */
  heldBy = 0
  /** The same, with those who have handed the ledger on since. */
  wasHeldBy = 0
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
  /** Voters that count a grant of others, whom they follow, by ballot. */
  readonly takenOver = new Map<number, number>()
  /** Voters that a claim was given back to and that had not taken it back when they last granted one, by ballot. */
  readonly unheard = new Map<number, number>()
  /** Those of them that have taken it back since. */
  readonly heard = new Map<number, number>()
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

  /** Adds a voter's grant of a claim, or one that it has taken over from another voter. */
  noteGrant(ballotKey: number, bit: number, isOwn: boolean): void {
    const by = isOwn ? this.grants : this.takenOver
    by.set(ballotKey, (by.get(ballotKey) ?? 0) | bit)
    // What was taken back before this grant does not count in it; what is taken back after it does.
    for (const [given, voters] of this.heard) {
      if ((voters & bit) === 0) continue
      this.unheard.set(given, (this.unheard.get(given) ?? 0) & ~bit)
      this.heard.set(given, voters & ~bit)
    }
  }

  /** A voter is told that a claim is given back, or has taken it back. */
  noteRelease(ballotKey: number, bit: number, heard: boolean): void {
    const by = heard ? this.heard : this.unheard
    by.set(ballotKey, (by.get(ballotKey) ?? 0) | bit)
    if (!heard) this.heard.set(ballotKey, (this.heard.get(ballotKey) ?? 0) & ~bit)
  }

  /** Adds a voter's durable accept. Returns all who accepted the same at that ballot. */
  accept({ epoch, ballotKey, counter, digest }: Omit<Tally, 'mask'>, bit: number): number {
    for (const tally of this.tallies) {
      if (tally.ballotKey !== ballotKey || tally.digest !== digest) continue
      // Only accepts of one epoch make a majority.
      if (tally.epoch !== epoch) continue
      tally.mask |= bit
      return tally.mask
    }
    this.tallies.push({ epoch, ballotKey, counter, digest, mask: bit })
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
  /** Its epochs, as far as they are known. */
  readonly epochs: (LedgerInfo | undefined)[] = []
  /** The last epoch that a majority of its voters has begun: what is promised is promised by it. */
  governing = 0
  /** Since when. */
  governsSince = 0
  /** The last epoch whose voters are known to be chosen. */
  chosen = 0
  /** Voters of which each has said that nothing of it is left. */
  retiredBy = 0
  /** Voters on whose disks it is opened. */
  openedBy = 0
  /** Voters whose disks are gone for good. */
  lostBy = 0
  /** Whether no majority was left once. */
  wasLost = false
  /** Whether somebody votes on an old copy of its disk, whom nobody could tell so yet. */
  isMisled = false
  /** When the first claim under a ballot was made, by ballot. */
  readonly claimedAt = new Map<number, number>()
  /** Ballots under which their proposers have asked for something themselves. */
  readonly asked = new Set<number>()
  readonly #tasks: TaskHistory[] = []
  /** Every storage that has voted or has kept a copy, by its bit. */
  readonly #storages: Voter[] = []
  /** Voters that have begun each epoch, as masks. */
  readonly #begunBy: number[] = []

  constructor(id: LedgerId) {
    this.id = id
  }

  /** The epoch that governs. */
  get info(): LedgerInfo | undefined {
    return this.epochs[this.governing]
  }

  /** Whether so many disks are gone, or were, that no majority is left, or votes are not what they were. */
  get isLost(): boolean {
    if (this.wasLost || this.isMisled) return true
    // Where the next voters are chosen, those before can decide nothing any more.
    for (let epoch = this.governing; epoch <= Math.max(this.governing, this.chosen); epoch++) {
      const voters = this.votersIn(epoch)
      if (voters === 0 && epoch > this.governing) continue
      if (bitsIn(voters & ~this.lostBy) < majorityOf(bitsIn(voters))) return true
    }
    return false
  }

  /** Whether every majority that is left has one of these voters in it. */
  meetsEveryMajority(mask: number): boolean {
    const voters = this.votersIn(this.governing)
    return bitsIn(voters & ~(mask | this.lostBy)) < majorityOf(bitsIn(voters))
  }

  /** Learns who votes in an epoch. */
  learn(info: LedgerInfo): void {
    if (this.epochs[info.epoch] !== undefined) return
    this.epochs[info.epoch] = info
    for (const voter of info.voters) this.bitFor(voter)
  }

  /** Whether these voters are a majority of an epoch. */
  isMajorityIn(epoch: number, mask: number): boolean {
    const voters = this.votersIn(epoch)
    return voters !== 0 && bitsIn(mask & voters) >= majorityOf(bitsIn(voters))
  }

  /** Whether these voters are a majority of any epoch. */
  isMajority(mask: number): boolean {
    return this.epochs.some((_info, epoch) => this.isMajorityIn(epoch, mask))
  }

  /** A voter has durably begun an epoch. */
  begin(epoch: number, bit: number, now: number): void {
    const mask = (this.#begunBy[epoch] ?? 0) | bit
    this.#begunBy[epoch] = mask
    if (epoch <= this.governing || !this.isMajorityIn(epoch, mask)) return
    this.governing = epoch
    this.governsSince = now
  }

  /** The voters of an epoch, as a mask. */
  votersIn(epoch: number): number {
    let mask = 0
    for (const voter of this.epochs[epoch]?.voters ?? []) mask |= this.bitOf(voter)
    return mask
  }

  task(seq: number): TaskHistory {
    let task = this.#tasks[seq]
    if (task === undefined) this.#tasks[seq] = task = new TaskHistory(this, seq)
    return task
  }

  *tasks(): Generator<TaskHistory> {
    for (const task of this.#tasks) if (task !== undefined) yield task
  }

  /** The bit of a storage in masks; 0 if it has never had anything of the ledger. */
  bitOf({ peer, storageId }: Voter): number {
    const storages = this.#storages
    for (let i = 0; i < storages.length; i++) {
      if (storages[i]?.peer === peer && storages[i]?.storageId === storageId) return 2 ** i
    }
    return 0
  }

  /** The bit of a peer that votes in an epoch; 0 if it does not. */
  bitOfPeer(peer: PeerId, epoch = this.governing): number {
    const voter = this.epochs[epoch]?.voters.find(it => it.peer === peer)
    return voter === undefined ? 0 : this.bitOf(voter)
  }

  /** The same, and one of its own from now on. */
  bitFor({ peer, storageId }: Voter): number {
    const bit = this.bitOf({ peer, storageId })
    if (bit !== 0) return bit
    invariant(this.#storages.length < 31, `${peer} is one storage too many of a ledger`)
    return 2 ** (this.#storages.push({ peer, storageId }) - 1)
  }
}
