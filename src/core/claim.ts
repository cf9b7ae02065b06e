import type { Ballot } from './ballot.ts'
import type { Millis } from './ids.ts'
import type {
  AcceptedValues,
  Chunk,
  Intent,
  LedgerInfo,
  Settle,
  TaskClass,
  Values,
} from './messages.ts'
import { bitsIn, majorityOf } from './quorum.ts'
import { countOf, pushRun, type Ranges } from './ranges.ts'
import { positionIn } from './values.ts'

/** Where a task of a claim stands, in `Claiming.phase`. */
export const ASKING = 0
/** Won, but its record is not here yet. */
export const FETCHING = 1
export const RUNNING = 2
export const SETTLING = 3
/** Decided, or a retry is accepted: nothing more to do. */
export const ENDED = 4
/** Lost, released or overtaken. */
export const DROPPED = 5

/** How long a claim waits for a majority at least, in milliseconds. */
export const claimMs = 1_000

/** How long a claim that a producer made may run without any voter's word, in milliseconds. */
export const unconfirmedMs = 980

/** One SETTLE under way, kept to be sent again byte for byte. */
export interface Settling {
  message: Settle
  sentAt: Millis
  resent: boolean
  /** Tasks of it that are neither decided nor dropped. */
  open: number
}

/** A claim of some tasks under one ballot, from CLAIM to the decision. */
export interface Claiming {
  readonly id: number
  /** Replaced when the ledger gets other voters. */
  info: LedgerInfo
  readonly ballot: Ballot
  readonly intent: Intent
  /** Classes that the first voter picks from; empty where `seqs` are given. */
  readonly any: readonly TaskClass[]
  readonly anyCount: number
  /** Whether voters are asked one after the other, so that a loser holds nothing. */
  readonly sequential: boolean
  readonly startedAt: Millis
  /** When a majority is not waited for any longer: at the latest when the first lease that it was granted ends. */
  giveUpAt: Millis
  seqs: Ranges
  count: number
  /** Per task: who granted, refused, accepted, was ahead; bit masks over the voters. */
  grants: Uint8Array
  refusals: Uint8Array
  accepts: Uint8Array
  nacks: Uint8Array
  phase: Uint8Array
  /** Failures in the base, and the largest count of grants. */
  failures: Uint32Array
  maxGrants: Uint32Array
  /** Accepted value of the highest ballot among the grants, for the tasks that have one. */
  readonly base: Map<number, AcceptedValues>
  /** Tasks under another holder's live lease. */
  readonly held: Set<number>
  /** Per voter: when it was asked; until when its lease is to be trusted. */
  sentAt: Float64Array
  until: Float64Array
  /** Voters that have been asked, have answered, know that the claim is won; bit masks. */
  asked: number
  answered: number
  confirmed: number
  /** Voters that have lost the ledger: whoever is in their place grants and accepts nothing. */
  gone: number
  /** Voters that may count a grant that is none to the claim: overtaken since, asked again, or down before they had answered. */
  doubtful: number
  /** Records that came with grants, with what was left of their times at `chunksAt`. */
  chunks: readonly Chunk[]
  chunksAt: Millis
  readonly settlings: Settling[]
  /** Tasks that are neither ended nor dropped; and those that need a slot now or soon. */
  open: number
  live: number
  /** Tasks that are won, and run or are about to. */
  won: number
  /** When missing records are asked for again, and how often they were; repairs of voters. */
  fetchAt: Millis
  fetches: number
  repairs: number
  /** The queue that a run is for. */
  readonly queue: string
  /** `cancel`: whose request it is, and the reason. */
  readonly cancel: CancelRequest | undefined
  /** The time of its tasks is up: it is to fail them, if they are as the voter took them to be. */
  readonly expiry?: boolean | undefined
  /** `raise`: the result in hand, and what the base was when the run was granted. */
  readonly hand: Hand | undefined
  /** How often it has been tried under earlier ballots. */
  readonly tries: number
  /** Whether a producer has made the claim: when its voters granted it is not known here. */
  readonly direct: boolean
}

export interface CancelRequest {
  readonly request: number
  readonly reason: Uint8Array
}

export interface Hand {
  readonly values: Values
  /** Ballot counter of the base of each task that had one. */
  readonly base: ReadonlyMap<number, number>
  /** Counters of this proposer's own earlier ballots for these tasks. */
  readonly own: readonly number[]
}

export type ClaimingInit = Pick<
  Claiming,
  'id' | 'info' | 'ballot' | 'intent' | 'any' | 'anyCount' | 'sequential' | 'startedAt' | 'seqs'
> &
  Pick<Claiming, 'cancel' | 'hand' | 'tries' | 'queue'> &
  Partial<Pick<Claiming, 'direct' | 'expiry'>>

/** A claim that nobody has been asked for yet. */
export function createClaiming(init: ClaimingInit): Claiming {
  const voters = init.info.voters.length
  const claiming: Claiming = {
    direct: false,
    giveUpAt: init.startedAt + claimMs,
    ...init,
    count: 0,
    grants: none,
    refusals: none,
    accepts: none,
    nacks: none,
    phase: none,
    failures: noCounts,
    maxGrants: noCounts,
    base: new Map(),
    held: new Set(),
    sentAt: new Float64Array(voters),
    until: new Float64Array(voters),
    asked: 0,
    answered: 0,
    confirmed: 0,
    gone: 0,
    doubtful: 0,
    chunks: [],
    chunksAt: init.startedAt,
    settlings: [],
    open: 0,
    live: 0,
    won: 0,
    fetchAt: Infinity,
    fetches: 0,
    repairs: 0,
  }
  fixSeqs(claiming, init.seqs)
  return claiming
}

const none = new Uint8Array(0)
const noCounts = new Uint32Array(0)

/** Settles which tasks the claim is about; with `any` the first voter's answer tells. */
export function fixSeqs(claiming: Claiming, seqs: Ranges): void {
  const count = countOf(seqs)
  const columns = new Uint8Array(count * 5)
  const counts = new Uint32Array(count * 2)
  claiming.seqs = seqs
  claiming.count = count
  claiming.open = count
  claiming.live = count
  claiming.grants = columns.subarray(0, count)
  claiming.refusals = columns.subarray(count, count * 2)
  claiming.accepts = columns.subarray(count * 2, count * 3)
  claiming.nacks = columns.subarray(count * 3, count * 4)
  claiming.phase = columns.subarray(count * 4)
  claiming.failures = counts.subarray(0, count)
  claiming.maxGrants = counts.subarray(count)
}

/** Calls back with each task of `seqs` that the claim is about, and its place in the columns. */
export function eachTask(
  claiming: Claiming,
  seqs: Ranges,
  task: (at: number, seq: number) => void,
): void {
  const all = claiming.seqs
  for (let i = 0; i < seqs.length; i += 2) {
    const end = (seqs[i] as number) + (seqs[i + 1] as number)
    let before = 0
    for (let k = 0; k < all.length; k += 2) {
      const first = all[k] as number
      const count = all[k + 1] as number
      const from = Math.max(first, seqs[i] as number)
      const to = Math.min(first + count, end)
      for (let seq = from; seq < to; seq++) task(before + seq - first, seq)
      before += count
    }
  }
}

/** The tasks of the claim for which `holds`, ascending. */
export function tasksWhere(claiming: Claiming, holds: (at: number) => boolean): number[] {
  const found: number[] = []
  eachTask(claiming, claiming.seqs, (at, seq) => {
    if (holds(at)) pushRun(found, seq, 1)
  })
  return found
}

/** A task's place in the columns. */
export function placeOf(claiming: Claiming, seq: number): number {
  return positionIn(claiming.seqs, seq)
}

/** What the votes so far say of a task: `mask` of those for it, `against` of the others. */
export function tally(claiming: Claiming, mask: number, against: number): 'won' | 'lost' | 'open' {
  const voters = claiming.info.voters.length
  const majority = majorityOf(voters)
  if (bitsIn(mask) >= majority) return 'won'
  return voters - bitsIn(against & ((1 << voters) - 1)) < majority ? 'lost' : 'open'
}

/**
 * Until when the holder of a task may believe in its lease: of the voters that have granted this task, a
 * majority will keep it so long. What others renew, for other tasks of the claim, says nothing of it.
 */
export function leasedUntil(claiming: Claiming, grants: number): Millis {
  const until = largest(claiming.until, grants, majorityOf(claiming.until.length))
  return claiming.direct ? Math.max(until, claiming.startedAt + unconfirmedMs) : until
}

/** The same of the first of its tasks that are won; Infinity for none. */
export function deadlineOf(claiming: Claiming): Millis {
  let first = Infinity
  let before = -1
  for (let at = 0; at < claiming.count; at++) {
    const grants = claiming.grants[at] as number
    if (grants === before || !isWon(claiming.phase[at] as number)) continue
    first = Math.min(first, leasedUntil(claiming, grants))
    before = grants
  }
  return first
}

/** Tasks in a phase that their holder must not believe in any more. */
export function overdueIn(claiming: Claiming, phase: number, now: Millis): number[] {
  return tasksWhere(claiming, at => {
    if (claiming.phase[at] !== phase) return false
    return now >= leasedUntil(claiming, claiming.grants[at] as number)
  })
}

/** Of those numbers whose place is in a bit mask the one with this rank; the largest has rank 1. */
function largest(numbers: Float64Array, mask: number, rank: number): number {
  for (let i = 0; i < numbers.length; i++) {
    const one = numbers[i] as number
    if ((mask & (1 << i)) === 0) continue
    let above = 0
    let equal = 0
    for (let k = 0; k < numbers.length; k++) {
      const other = numbers[k] as number
      if ((mask & (1 << k)) === 0) continue
      if (other > one) above += 1
      else if (other === one) equal += 1
    }
    if (above < rank && above + equal >= rank) return one
  }
  return 0
}

/** Whether voters are still asked for some of its tasks. */
export function isAsking({ count, live, won }: Claiming): boolean {
  return count === 0 || live > won
}

function isWon(phase: number): boolean {
  return phase === FETCHING || phase === RUNNING
}

/** Moves tasks to a phase; those that were open before count as closed in the last two. */
export function setPhase(claiming: Claiming, at: number, phase: number): void {
  const before = claiming.phase[at] as number
  claiming.phase[at] = phase
  if (before < ENDED && phase >= ENDED) claiming.open -= 1
  if (before <= RUNNING && phase > RUNNING) claiming.live -= 1
  claiming.won += Number(isWon(phase)) - Number(isWon(before))
}
