import { type Avoided, avoidUntil, withoutAvoided } from './avoided.ts'
import { type Claiming, ENDED, tasksWhere } from './claim.ts'
import { type Hints } from './hints.ts'
import type { LedgerId, Millis } from './ids.ts'
import { addRun } from './intervals.ts'
import { chunkOfSeq, type Ledger } from './ledger.ts'
import { majorityIsHere, type Membership } from './membership.ts'
import type { LedgerInfo, TaskClass, TaskSpec } from './messages.ts'
import type { Outbox } from './outbox.ts'
import { openClaim } from './ask.ts'
import { hasAudience } from './announce.ts'
import type { ProposerState } from './proposer.ts'
import { hashText, mix, nextFraction } from './random.ts'
import { rankIn, rivalsFor } from './rivals.ts'
import { firstUp, voterIndex } from './quorum.ts'
import { countOf, type Ranges, subtract } from './ranges.ts'
import { use, usePerQueue } from './usage.ts'
import { makeDue, type VoterState } from './voter.ts'

/** Tasks that one claim asks for at the most. */
export const maxClaimTasks = 100

/** Claims that may wait for their majority at the same time. */
export const maxClaimsInFlight = 2

/** How much later each next worker may claim what the first one has not; and the last one. */
export const staggerMs = 25
const maxStaggerMs = 1_000

/** Tasks with neighbouring numbers that have the same order of workers. */
const blockTasks = 32

/** Blocks that are looked at per claim. */
const maxBlocks = 512

/** A minute of waiting weighs as much as one step of priority. */
const ageingMs = 60_000

/** Time over which the rate of finished tasks is averaged, in milliseconds. */
const rateMs = 50

/** How long a first voter that was silent, or had nothing that this node sees, is not asked to pick. */
const unpickedMs = 5_000
const missedMs = 1_000

/** How long what the first voter was asked for, or does not have, is left alone: it is on its way. */
const givenMs = 50

/** Runs that take less are short, in milliseconds; how long their first beat may wait. */
const shortRunMs = 50
const deferBeatMs = 200

/** What a node serves, and what it has learnt about the pace of its work. */
export interface DispatchState {
  readonly queues: ReadonlyMap<string, number>
  readonly concurrency: number
  readonly labels: ReadonlySet<string>
  readonly selfHash: number
  draining: boolean
  /** Finished tasks per millisecond, and when that was last reckoned. */
  rate: number
  rateAt: Millis
  /** Round trip of a claim, in milliseconds. */
  rttMs: number
  readonly avoided: Map<LedgerId, Avoided[]>
  readonly contention: Map<LedgerId, number>
  readonly servedAt: Map<LedgerId, number>
  /** Until when tasks of a ledger are claimed by number, instead of letting its first voter pick. */
  readonly unpicked: Map<LedgerId, Millis>
  serves: number
  /** When something that is waited for may be claimed. */
  wakeAt: Millis
}

/** Tasks that could be claimed, of one class in one ledger. */
interface Candidate {
  readonly info: LedgerInfo
  readonly taskClass: TaskClass
  readonly open: Ranges
  readonly priority: number
  readonly seenAt: (seq: number) => Millis
  readonly served: number
}

/** Nothing served yet. */
export function createDispatch(
  peer: string,
  queues: readonly { readonly queue: string; readonly concurrency: number }[],
  concurrency: number,
  labels: readonly string[] = [],
): DispatchState {
  return {
    queues: new Map(queues.map(({ queue, concurrency: slots }) => [queue, slots])),
    concurrency,
    labels: new Set(labels),
    selfHash: hashText(peer),
    draining: false,
    rate: 0,
    rateAt: 0,
    rttMs: 1,
    avoided: new Map(),
    contention: new Map(),
    servedAt: new Map(),
    unpicked: new Map(),
    serves: 0,
    wakeAt: Infinity,
  }
}

/** Learns that runs have ended. */
export function sawFreed(dispatch: DispatchState, count: number, now: Millis): void {
  const fade = Math.max(0, 1 - (now - dispatch.rateAt) / rateMs)
  dispatch.rate = dispatch.rate * fade + count / rateMs
  dispatch.rateAt = now
}

/** Learns how long a claim took. */
export function sawRoundTrip(dispatch: DispatchState, ms: number): void {
  dispatch.rttMs += (Math.min(50, Math.max(1, ms)) - dispatch.rttMs) / 8
}

/** Tasks of a ledger are left alone for a while, longer each time in a row. */
export function avoid(
  dispatch: DispatchState,
  ledger: LedgerId,
  seqs: Ranges,
  forMs: number,
  now: Millis,
): void {
  const list = dispatch.avoided.get(ledger) ?? []
  avoidUntil(list, seqs, now + forMs, now)
  dispatch.avoided.set(ledger, list)
}

/** Nothing is left of a ledger. */
export function forgetLedger(dispatch: DispatchState, ledger: LedgerId): void {
  dispatch.avoided.delete(ledger)
  dispatch.contention.delete(ledger)
  dispatch.servedAt.delete(ledger)
  dispatch.unpicked.delete(ledger)
}

/** How long to stay away from what was lost: random, doubling, at most 5 s. */
export function contend(
  dispatch: DispatchState,
  proposer: ProposerState,
  ledger: LedgerId,
): number {
  const times = Math.min(8, dispatch.contention.get(ledger) ?? 0)
  dispatch.contention.set(ledger, times + 1)
  return Math.min(5_000, 20 * 2 ** times) * (0.5 + nextFraction(proposer.random))
}

/** Claims work for the slots that are free, and for those that will be in one round trip. */
export function dispatchWork(
  dispatch: DispatchState,
  proposer: ProposerState,
  outbox: Outbox,
  members: Membership,
  hints: Hints,
  now: Millis,
): boolean {
  dispatch.wakeAt = Infinity
  if (dispatch.draining || dispatch.concurrency === 0) return false
  let claimed = false
  // Where runs are over in a moment, so is a lease: its first beat can wait a little.
  const short = dispatch.rate * shortRunMs > dispatch.concurrency
  proposer.confirmMs = short ? deferBeatMs : 0
  for (let claims = 0; claims < 8; claims++) {
    const { live, asking } = use(proposer)
    const ahead = Math.min(maxClaimTasks, Math.floor(dispatch.rate * dispatch.rttMs * 2))
    const room = dispatch.concurrency + ahead - live
    const enough = ahead > 0 ? Math.max(1, (dispatch.concurrency + ahead) >>> 1) : 1
    if (asking >= maxClaimsInFlight || room < enough) return claimed
    if (!seesWork(proposer.voter, hints, now)) return claimed
    const perQueue = usePerQueue(proposer)
    const candidates = candidatesFor(dispatch, proposer, members, hints, perQueue, ahead, now)
    if (
      !claimBest(dispatch, proposer, outbox, members, candidates, { room, ahead, perQueue }, now)
    ) {
      return claimed
    }
    claimed = true
  }
  return claimed
}

/** Whether any open task is known: in most turns none is. */
function seesWork(voter: VoterState | undefined, hints: Hints, now: Millis): boolean {
  let isReady = false
  for (const ledger of voter?.ledgers.values() ?? []) {
    if (ledger.office !== 'voter' || now < ledger.blockedUntil) continue
    makeDue(ledger, now)
    isReady ||= ledger.readySpecs.length > 0
  }
  if (isReady) return true
  for (const { classes } of hints.values()) if (classes.size > 0) return true
  return false
}

function candidatesFor(
  dispatch: DispatchState,
  proposer: ProposerState,
  members: Membership,
  hints: Hints,
  perQueue: ReadonlyMap<string, number>,
  ahead: number,
  now: Millis,
): Candidate[] {
  const found: Candidate[] = []
  const own = proposer.voter ?? { peer: proposer.self, storageId: '' }
  const hasRoom = ({ queue, requires }: TaskClass) => {
    if (requires !== '' && !requires.split(',').every(label => dispatch.labels.has(label)))
      return false
    const slots = dispatch.queues.get(queue)
    return slots !== undefined && (perQueue.get(queue) ?? 0) < slots + ahead
  }
  const add = (
    info: LedgerInfo,
    taskClass: TaskClass,
    seqs: Ranges,
    publishedAt: Millis,
    seenAt: Candidate['seenAt'],
  ) => {
    if (!majorityIsHere(members, own, info.voters)) return
    const avoided = dispatch.avoided.get(info.ledger) ?? []
    const others = withoutOwn(proposer, info.ledger, seqs)
    const { open, wakeAt } = withoutAvoided(avoided, others, now)
    dispatch.wakeAt = Math.min(dispatch.wakeAt, wakeAt)
    if (open.length === 0) return
    const priority = taskClass.priority + Math.floor(Math.max(0, now - publishedAt) / ageingMs)
    const served = dispatch.servedAt.get(info.ledger) ?? 0
    found.push({ info, taskClass, open, priority, seenAt, served })
  }
  for (const ledger of proposer.voter?.ledgers.values() ?? []) {
    if (ledger.office !== 'voter' || now < ledger.blockedUntil) continue
    for (const index of ledger.readySpecs) {
      const spec = ledger.specs[index] as TaskSpec
      if (!hasRoom(spec)) continue
      const ready = ledger.ready[index] as number[]
      const publishedAt = chunkOfSeq(ledger, ready[0] as number)?.publishedAt ?? now
      add(ledger.info, spec, ready, publishedAt, seq => readyAt(ledger, seq))
    }
  }
  for (const { info, classes } of hints.values()) {
    for (const known of classes.values()) {
      if (known.seqs.length === 0 || !hasRoom(known)) continue
      add(info, known, known.seqs, known.publishedAt, () => known.seenAt)
    }
  }
  return found
}

function readyAt(ledger: Ledger, seq: number): Millis {
  const chunk = chunkOfSeq(ledger, seq)
  return chunk === undefined ? 0 : Math.max(chunk.seenAt, chunk.dueAt)
}

/** What this node has claimed already is not claimed again while that is under way. */
function withoutOwn(proposer: ProposerState, ledger: LedgerId, seqs: Ranges): Ranges {
  let open = seqs
  for (const claiming of proposer.claims.values()) {
    if (claiming.live > 0 && claiming.info.ledger === ledger)
      open = subtract(open, goesOn(claiming))
  }
  return open
}

/** Tasks of a claim that are not over. Of those with it in one claim, one may be due again already. */
function goesOn(claiming: Claiming): Ranges {
  if (claiming.open === claiming.count || claiming.count === 0) return claiming.seqs
  return tasksWhere(claiming, at => (claiming.phase[at] as number) < ENDED)
}

/** Higher priority first; of equals, the ledger that was served least recently. */
function claimBest(
  dispatch: DispatchState,
  proposer: ProposerState,
  outbox: Outbox,
  members: Membership,
  candidates: Candidate[],
  { room, ahead, perQueue }: { room: number; ahead: number; perQueue: ReadonlyMap<string, number> },
  now: Millis,
): boolean {
  candidates.sort((a, b) => b.priority - a.priority || a.served - b.served)
  for (const candidate of candidates) {
    const { queue } = candidate.taskClass
    const slots = (dispatch.queues.get(queue) ?? 0) + ahead - (perQueue.get(queue) ?? 0)
    const want = Math.min(room, slots, maxClaimTasks)
    const seqs = select(dispatch, members, candidate, want, now)
    if (seqs.length === 0) continue
    const { ledger } = candidate.info
    dispatch.serves += 1
    dispatch.servedAt.set(ledger, dispatch.serves)
    const contended = (dispatch.contention.get(ledger) ?? 0) > 0
    const { priority, requires } = candidate.taskClass
    const picked = isPicked(dispatch, proposer, members, candidate.info, now)
    const any = picked ? [{ queue, priority, requires }] : []
    const claim = {
      info: candidate.info,
      intent: 'run',
      seqs: any.length > 0 ? [] : seqs,
      any,
      anyCount: any.length > 0 ? countOf(seqs) : 0,
      sequential: contended && !picked,
      queue,
      cancel: undefined,
      hand: undefined,
      tries: 0,
    } as const
    openClaim(proposer, outbox, claim, now)
    // What is picked need not be what is seen here: that is not asked for twice meanwhile.
    if (picked) avoid(dispatch, ledger, seqs, givenMs, now)
    return true
  }
  return false
}

/**
 * Whether the first live voter is to pick what a worker gets, so that no two are given the same. It
 * picks for itself, and where all workers vote each sees well enough what the others have.
 */
function isPicked(
  dispatch: DispatchState,
  { self, up }: ProposerState,
  members: Membership,
  info: LedgerInfo,
  now: Millis,
): boolean {
  const first = firstUp(info, up)
  if (info.voters[first]?.peer === self || (dispatch.unpicked.get(info.ledger) ?? 0) > now)
    return false
  return voterIndex(info, self) < 0 || hasAudience(members, info)
}

/** The first voter has not answered who asked it to pick, or it had nothing to give. */
export function sawUnpicked(
  dispatch: DispatchState,
  ledger: LedgerId,
  own: Ledger | undefined,
  silent: boolean,
  now: Millis,
): void {
  dispatch.unpicked.set(ledger, now + (silent ? unpickedMs : missedMs))
  if (silent || own === undefined) return
  for (const ready of own.ready) {
    if (ready.length > 0) avoid(dispatch, ledger, [...ready], givenMs, now)
  }
}

/** Tasks whose turn it is for this worker: its own blocks first, others' after their stagger. */
function select(
  dispatch: DispatchState,
  members: Membership,
  { open, info, taskClass, seenAt }: Candidate,
  want: number,
  now: Millis,
): number[] {
  const rivals = rivalsFor(members, taskClass.queue, now)
  const salt = hashText(info.ledger)
  const taken: number[] = []
  const later: { first: number; count: number; rank: number }[] = []
  let left = want
  let blocks = 0
  for (let i = 0; i < open.length && left > 0 && blocks < maxBlocks; i += 2) {
    const end = (open[i] as number) + (open[i + 1] as number)
    let first = open[i] as number
    while (first < end && left > 0 && blocks < maxBlocks) {
      blocks += 1
      const block = Math.floor(first / blockTasks)
      const count = Math.min(end, (block + 1) * blockTasks) - first
      const rank = rankIn(dispatch.selfHash, rivals, mix(salt, block))
      if (rank === 0) {
        const some = Math.min(count, left)
        addRun(taken, first, some)
        left -= some
      } else later.push({ first, count, rank })
      first += count
    }
  }
  later.sort((a, b) => a.rank - b.rank || a.first - b.first)
  for (const { first, count, rank } of later) {
    if (left === 0) break
    const at = seenAt(first) + Math.min(maxStaggerMs, rank * staggerMs)
    if (at > now) {
      dispatch.wakeAt = Math.min(dispatch.wakeAt, at)
      continue
    }
    const some = Math.min(count, left)
    addRun(taken, first, some)
    left -= some
  }
  return taken
}
