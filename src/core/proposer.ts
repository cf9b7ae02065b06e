import type { Ballot } from './ballot.ts'
import { type Claiming, deadlineOf, eachTask } from './claim.ts'
import { type CollectedKind, collectedKinds, pickCollected } from './collected.ts'
import type { LedgerId, Millis, NodeId, PeerId } from './ids.ts'
import type { LedgerInfo, Refusal, TaskClass, Values } from './messages.ts'
import { votedLedger } from './office.ts'
import { type Outbox, send } from './outbox.ts'
import { createPace, type Pace } from './pace.ts'
import { nextFraction, type Random } from './random.ts'
import { fromSeqs, intersect, type Ranges, subtract } from './ranges.ts'
import { valuesOf, type VoterState } from './voter.ts'

/** Longest wait before a lost claim is tried again, in milliseconds. */
export const maxBackoffMs = 5_000

/** How often a raise, a finish or a cancel is tried before it is left to others. */
export const maxTries = 12

/** How often one claim gives voters records that they miss. */
export const maxRepairs = 16

/** What a proposer tells the rest of its node. */
export interface ProposerNews {
  /** Runs that have begun; the tasks' queue is that of the spec. */
  readonly won: {
    info: LedgerInfo
    seqs: Ranges
    token: number
    queue: string
    askedAt: Millis
  }[]
  /** Claimed tasks that somebody else has, or that are settled. */
  readonly refused: { ledger: LedgerId; refusal: Refusal; from: PeerId }[]
  /** Classes of which the voter that was to pick a task has none to give, or has not said so in time. */
  readonly exhausted: { info: LedgerInfo; classes: readonly TaskClass[]; silent: boolean }[]
  /** Claims for a run that ended without one, by task. */
  readonly lost: { ledger: LedgerId; seqs: Ranges }[]
  /** Runs that ended, so that their slots are free. */
  readonly freed: { ledger: LedgerId; count: number }[]
  readonly cancelEnded: { request: number; cancelled: Ranges; tooLate: Ranges }[]
}

/** Tasks of a cancel that are decided elsewhere: how is not known here yet. */
export interface CancelWait {
  readonly request: number
  readonly ledger: LedgerId
  readonly seqs: Ranges
}

/** A claim to be tried again. */
export interface Retry {
  readonly at: Millis
  readonly info: LedgerInfo
  readonly seqs: Ranges
  readonly again: Pick<Claiming, 'intent' | 'cancel' | 'hand' | 'tries'>
}

/** Beats to one voter. */
export interface Beats {
  readonly peer: PeerId
  beat: number
  /** When the next one is due. */
  at: Millis
  /** Beats that are not answered yet, with the claims that they named. */
  waiting: { beat: number; sentAt: Millis; claims: Claiming[] }[]
}

/** Everything a node knows and owes as a proposer. */
export interface ProposerState {
  readonly self: PeerId
  readonly node: NodeId
  readonly leaseMs: number
  readonly maxDeliveries: number
  readonly random: Random
  /** The voter of the same node, whose accepts count once they are durable. */
  readonly voter: VoterState | undefined
  /** Peers with a live control stream, this one among them. */
  readonly up: Set<PeerId>
  readonly claims: Map<number, Claiming>
  /** The same by `ledger|counter`. */
  readonly byBallot: Map<string, Claiming>
  readonly counters: Map<LedgerId, number>
  readonly beats: Map<PeerId, Beats>
  nextClaimId: number
  /** How long answers take. */
  readonly pace: Pace
  /** Until then runs go on past the end of their leases: the machine has slept, and voters are asked. */
  trustUntil: Millis
  /** How long a fresh lease may wait for its first beat: 0 unless runs are known to be short. */
  confirmMs: number
  retries: Retry[]
  cancelWaits: CancelWait[]
  /** Results of this node that another outcome had overtaken. */
  duplicates: number
  news: ProposerNews
}

/** No claims. */
export function createProposer(
  init: Pick<ProposerState, 'self' | 'node' | 'leaseMs' | 'maxDeliveries' | 'random' | 'voter'>,
): ProposerState {
  return {
    ...init,
    up: new Set([init.self]),
    claims: new Map(),
    byBallot: new Map(),
    counters: new Map(),
    beats: new Map(),
    nextClaimId: 1,
    pace: createPace(),
    trustUntil: -Infinity,
    confirmMs: 0,
    retries: [],
    cancelWaits: [],
    duplicates: 0,
    news: noNews(),
  }
}

/** Whether something is to be handed on. */
export function hasNews({ news }: ProposerState): boolean {
  return (
    news.won.length > 0 ||
    news.refused.length > 0 ||
    news.exhausted.length > 0 ||
    news.lost.length > 0 ||
    news.freed.length > 0 ||
    news.cancelEnded.length > 0
  )
}

/** Nothing new. */
export function noNews(): ProposerNews {
  return { won: [], refused: [], exhausted: [], lost: [], freed: [], cancelEnded: [] }
}

/** Learns how far a ledger's counters have got. */
export function sawCounter(proposer: ProposerState, ledger: LedgerId, counter: number): void {
  if (counter > (proposer.counters.get(ledger) ?? 0)) proposer.counters.set(ledger, counter)
}

/** The next ballot of this node in a ledger. Never given twice. */
export function nextBallot(proposer: ProposerState, ledger: LedgerId): Ballot {
  const own = proposer.voter?.ledgers.get(ledger)?.counter ?? 0
  const counter = Math.max(own, proposer.counters.get(ledger) ?? 0) + 1
  proposer.counters.set(ledger, counter)
  return { counter, proposer: proposer.node }
}

/** Until when the runs of a claim go on unless its leases are renewed. */
export function runsUntil({ trustUntil }: ProposerState, claiming: Claiming): Millis {
  return Math.max(deadlineOf(claiming), trustUntil)
}

/** Forgets a claim of which nothing is left. */
export function endIfDone(proposer: ProposerState, claiming: Claiming): void {
  if (claiming.open > 0) return
  // Of any task, somebody is still to pick.
  if (claiming.count === 0 && claiming.asked !== claiming.answered) return
  forgetClaim(proposer, claiming)
}

/** Forgets a claim: what is granted to it from now on is given back. */
export function forgetClaim(proposer: ProposerState, { id, info, ballot }: Claiming): void {
  proposer.claims.delete(id)
  proposer.byBallot.delete(`${info.ledger}|${ballot.counter}`)
}

/** Tries a claim again under a new ballot, after a random wait that doubles. */
export function retryLater(
  proposer: ProposerState,
  info: LedgerInfo,
  seqs: Ranges,
  again: Retry['again'],
  now: Millis,
): void {
  if (again.tries >= maxTries) {
    const { cancel } = again
    if (cancel !== undefined) {
      proposer.news.cancelEnded.push({ request: cancel.request, cancelled: [], tooLate: [] })
    }
    return
  }
  const backoffMs =
    Math.min(maxBackoffMs, 20 * 2 ** again.tries) * (0.5 + nextFraction(proposer.random))
  proposer.retries.push({ at: now + backoffMs, info, seqs, again })
}

/** Tells the voters that granted tasks, or may have, that they are not wanted. */
export function release(outbox: Outbox, claiming: Claiming, seqs: Ranges): void {
  const { info, id, ballot, intent, expiry, asked, answered, doubtful } = claiming
  if (intent !== 'run' || expiry === true) return
  for (const [v, { peer }] of info.voters.entries()) {
    const bit = 1 << v
    // A grant that is still on its way counts, until its voter hears that nothing will run.
    const isUnheard = (((asked & ~answered) | doubtful) & bit) !== 0
    const granted: number[] = []
    eachTask(claiming, seqs, (at, seq) => {
      if (!isUnheard && ((claiming.grants[at] as number) & bit) === 0) return
      claiming.grants[at] = (claiming.grants[at] as number) & ~bit
      granted.push(seq)
    })
    if (granted.length === 0) continue
    const { ledger, epoch } = info
    const runs = fromSeqs(granted)
    send(outbox, peer, { type: 'release', ledger, epoch, claimId: id, ballot, seqs: runs })
  }
}

/**
 * A cancel has come to tasks that a voter calls settled. What this node has accepted itself need not
 * be what was decided: it says how they ended only once it knows.
 */
export function endCancel(
  proposer: ProposerState,
  outbox: Outbox,
  claiming: Claiming,
  seqs: Ranges,
  from: PeerId,
): void {
  if (claiming.cancel === undefined) return
  const { request } = claiming.cancel
  const { ledger: id, epoch } = claiming.info
  const ledger = proposer.voter && votedLedger(proposer.voter, id)
  if (ledger === undefined) {
    // Nobody tells a node that does not vote: to call it too late promises nothing.
    proposer.news.cancelEnded.push({ request, cancelled: [], tooLate: seqs })
    return
  }
  const known = intersect(seqs, ledger.settled)
  const unknown = subtract(seqs, known)
  if (known.length > 0) {
    const collected = pickCollected(ledger.collected, known)
    const gone = collectedKinds.map(kind => ({ kind, seqs: collected[kind] }))
    tellCancelled(proposer, request, [...valuesOf(ledger, known), ...gone])
  }
  if (unknown.length === 0) return
  proposer.cancelWaits.push({ request, ledger: id, seqs: unknown })
  send(outbox, from, { type: 'fetch', ledger: id, epoch, what: 'outcomes', seqs: unknown })
}

/** Answers cancels that wait for outcomes in ledgers whose votes have gone to others. */
export function endUntoldCancels(proposer: ProposerState): void {
  const { voter, cancelWaits, news } = proposer
  proposer.cancelWaits = cancelWaits.filter(({ request, ledger, seqs }) => {
    if (voter !== undefined && votedLedger(voter, ledger) !== undefined) return true
    news.cancelEnded.push({ request, cancelled: [], tooLate: seqs })
    return false
  })
}

function tellCancelled(proposer: ProposerState, request: number, outcomes: readonly Ended[]): void {
  for (const { kind, seqs } of outcomes) {
    if (seqs.length === 0) continue
    const cancelled = kind === 'cancelled' ? seqs : []
    const tooLate = kind === 'cancelled' ? [] : seqs
    proposer.news.cancelEnded.push({ request, cancelled, tooLate })
  }
}

/** How some tasks have ended. */
export interface Ended {
  readonly kind: Values['kind'] | CollectedKind
  readonly seqs: Ranges
}

/** Tells the cancels that have waited for outcomes how their tasks ended. */
export function answerCancels(proposer: ProposerState, ledger: LedgerId, outcome: Ended): void {
  if (proposer.cancelWaits.length === 0) return
  const rest: CancelWait[] = []
  for (const wait of proposer.cancelWaits) {
    const seqs = wait.ledger === ledger ? intersect(wait.seqs, outcome.seqs) : []
    if (seqs.length > 0) tellCancelled(proposer, wait.request, [{ ...outcome, seqs }])
    const left = seqs.length > 0 ? subtract(wait.seqs, seqs) : wait.seqs
    if (left.length > 0) rest.push({ ...wait, seqs: left })
  }
  proposer.cancelWaits = rest
}
