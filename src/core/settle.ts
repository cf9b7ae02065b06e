import {
  type Claiming,
  DROPPED,
  eachTask,
  ENDED,
  placeOf,
  RUNNING,
  setPhase,
  SETTLING,
  type Settling,
  tally,
} from './claim.ts'
import type { Millis, PeerId } from './ids.ts'
import type { Finished } from './inputs.ts'
import type { Accepted, DecidedRange, Settle, Values } from './messages.ts'
import { type Outbox, send } from './outbox.ts'
import {
  maxRepairs,
  endCancel,
  endIfDone,
  type ProposerState,
  release,
  retryLater,
  sawCounter,
} from './proposer.ts'
import { patienceMs } from './pace.ts'
import { bitsIn, majorityOf, voterIndex } from './quorum.ts'
import { countOf, intersect, pushRun, type Ranges, subtract, take } from './ranges.ts'
import { retryDelayMs } from './retry.ts'
import { groupRuns, isTerminal, pickValues, sliceValues } from './values.ts'
import { onSettle } from './voter-settle.ts'
import { recordsFor, specOfTask } from './claim-records.ts'

/** How long a SETTLE waits for an answer at least before it is sent again, in milliseconds. */
export const resettleMs = 2_000

/** Bytes of values that one SETTLE carries at the most. */
const maxSettleBytes = 192 * 1_024

/** Phase 2: proposes values for tasks of a claim that a majority has promised. */
export function settleValues(
  proposer: ProposerState,
  outbox: Outbox,
  claiming: Claiming,
  values: readonly Values[],
  now: Millis,
): void {
  let group: Values[] = []
  let bytes = 0
  for (const part of values.flatMap(splitValues)) {
    const size = part.body.length + 8 * part.lengths.length
    if (group.length > 0 && bytes + size > maxSettleBytes) {
      settleGroup(proposer, outbox, claiming, group, now)
      group = []
      bytes = 0
    }
    group.push(part)
    bytes += size
  }
  if (group.length > 0) settleGroup(proposer, outbox, claiming, group, now)
}

/** The same values in parts that fit a SETTLE. */
function splitValues(values: Values): Values[] {
  const count = values.lengths.length
  if (count < 2 || values.body.length + 8 * count <= maxSettleBytes) return [values]
  const left = take(values.seqs, count >>> 1)
  const right = subtract(values.seqs, left)
  return [...splitValues(sliceValues(values, left)), ...splitValues(sliceValues(values, right))]
}

function settleGroup(
  proposer: ProposerState,
  outbox: Outbox,
  claiming: Claiming,
  values: readonly Values[],
  now: Millis,
): void {
  const { ledger, epoch, voters } = claiming.info
  const { ballot } = claiming
  const base: Settle = { type: 'settle', ledger, epoch, ballot, values, acceptLsn: 0 }
  const message = { ...base, acceptLsn: voteOneself(proposer, outbox, claiming, base, now) }
  let open = 0
  for (const part of values) open += part.lengths.length
  claiming.settlings.push({ message, sentAt: now, resent: false, open })
  for (const { peer } of voters) {
    if (peer !== proposer.self) send(outbox, peer, message)
  }
}

/** The own accept comes first, so that others may count it once its lsn is durable. */
export function voteOneself(
  proposer: ProposerState,
  outbox: Outbox,
  claiming: Claiming,
  settle: Settle,
  now: Millis,
): number {
  if (proposer.voter === undefined || voterIndex(claiming.info, proposer.self) < 0) return 0
  let tasks = 0
  for (const { lengths } of settle.values) tasks += lengths.length
  const accepted = onSettle(proposer.voter, outbox, proposer.self, settle, now)
  // Others count it for every task of the message: it must hold for every one.
  return accepted === tasks ? outbox.lsn : 0
}

/** Takes in the results of runs. */
export function onFinished(
  proposer: ProposerState,
  outbox: Outbox,
  finished: Finished,
  now: Millis,
): void {
  const claiming = proposer.byBallot.get(`${finished.ledger}|${finished.token}`)
  if (claiming === undefined) return
  const running: number[] = []
  eachTask(claiming, finished.seqs, (at, seq) => {
    if (claiming.phase[at] === RUNNING) pushRun(running, seq, 1)
  })
  if (running.length === 0) return
  proposer.news.freed.push({ ledger: finished.ledger, count: countOf(running) })
  if (finished.kind === 'released') {
    eachTask(claiming, running, at => setPhase(claiming, at, DROPPED))
    release(outbox, claiming, running)
    endIfDone(proposer, claiming)
    return
  }
  eachTask(claiming, running, at => setPhase(claiming, at, SETTLING))
  settleValues(proposer, outbox, claiming, valuesFor(proposer, claiming, finished, running), now)
}

/** The values that results of runs stand for: outcomes, or another attempt after a wait. */
function valuesFor(
  proposer: ProposerState,
  claiming: Claiming,
  finished: Finished,
  running: Ranges,
): Values[] {
  const by = proposer.self
  const { seqs, lengths, body, kind } = finished
  if (kind === 'released') return []
  const groups = groupRuns(running, seq => claiming.failures[placeOf(claiming, seq)] ?? 0)
  const values: Values[] = []
  for (const [before, group] of groups) {
    const all: Values = {
      seqs,
      kind: 'done',
      failures: before,
      delayMs: 0,
      reason: '',
      by,
      lengths,
      body,
    }
    const part = pickValues(all, group)
    if (part === undefined) continue
    if (kind === 'done') values.push(part)
    else values.push(...failedValues(proposer, claiming, part, kind))
  }
  return values
}

function failedValues(
  proposer: ProposerState,
  claiming: Claiming,
  part: Values,
  kind: 'error' | 'unrecoverable' | 'timeout' | 'result',
): Values[] {
  const failures = part.failures + 1
  const bySpec = groupRuns(part.seqs, seq => specOfTask(proposer, claiming, seq))
  const values: Values[] = []
  for (const [spec, group] of bySpec) {
    const some = pickValues(part, group)
    if (some === undefined) continue
    const final = kind === 'unrecoverable' || kind === 'result'
    if (!final && spec !== undefined && failures < spec.attempts) {
      const delayMs = retryDelayMs(spec, failures, proposer.random)
      values.push({ ...some, kind: 'pending', failures, delayMs })
      continue
    }
    const reason = kind === 'error' ? 'attempts' : kind
    values.push({ ...some, kind: 'failed', failures, reason })
  }
  return values
}

/** Takes in a voter's answer to a SETTLE. */
export function onAccepted(
  proposer: ProposerState,
  outbox: Outbox,
  from: PeerId,
  accepted: Accepted,
  now: Millis,
): void {
  sawCounter(proposer, accepted.ledger, accepted.counter)
  const claiming = proposer.byBallot.get(`${accepted.ledger}|${accepted.ballot.counter}`)
  if (claiming === undefined || accepted.ballot.proposer !== proposer.node) return
  const v = voterIndex(claiming.info, from)
  // Votes of one epoch only are counted together.
  if (v < 0 || accepted.epoch !== claiming.info.epoch) return
  const bit = 1 << v
  eachTask(claiming, accepted.accepted, at => {
    claiming.accepts[at] = (claiming.accepts[at] as number) | bit
  })
  eachTask(claiming, accepted.behind, at => {
    claiming.nacks[at] = (claiming.nacks[at] as number) | bit
  })
  if (accepted.missing.length > 0) restore(proposer, outbox, claiming, v, accepted.missing, now)
  if (accepted.settled.length > 0) overtaken(proposer, outbox, claiming, accepted.settled, from)
  countAccepts(proposer, outbox, claiming, now)
}

/** A voter that misses the record gets it, and then the SETTLE again. */
function restore(
  proposer: ProposerState,
  outbox: Outbox,
  claiming: Claiming,
  v: number,
  missing: Ranges,
  now: Millis,
): void {
  const peer = claiming.info.voters[v]?.peer ?? ''
  const { ledger, epoch } = claiming.info
  const chunks = recordsFor(proposer, claiming, missing, now)
  claiming.repairs += 1
  if (chunks.length === 0 || claiming.repairs > maxRepairs) return
  for (const chunk of chunks) {
    send(outbox, peer, { type: 'store', ledger, epoch, fresh: false, chunks: [chunk] })
  }
  for (const { message } of claiming.settlings) {
    if (message.values.some(values => intersect(values.seqs, missing).length > 0)) {
      send(outbox, peer, message)
    }
  }
}

/** Tasks that were decided before this node's value got there. */
function overtaken(
  proposer: ProposerState,
  outbox: Outbox,
  claiming: Claiming,
  settled: Ranges,
  from: PeerId,
): void {
  const dropped: number[] = []
  eachTask(claiming, settled, (at, seq) => {
    if (claiming.phase[at] !== SETTLING) return
    setPhase(claiming, at, DROPPED)
    pushRun(dropped, seq, 1)
  })
  closeSettling(claiming, dropped)
  if (dropped.length === 0 || claiming.intent === 'finish') return
  if (claiming.cancel !== undefined) {
    endCancel(proposer, outbox, claiming, dropped, from)
    return
  }
  const { ledger } = claiming.info
  // Sent twice, a value may well be the one that was decided.
  if (claiming.settlings.some(({ resent }) => resent)) return
  proposer.duplicates += countOf(dropped)
  outbox.effects.push({ type: 'report', event: { type: 'duplicate', ledger, seqs: dropped } })
}

/** Acts on what the accepts say now. */
export function countAccepts(
  proposer: ProposerState,
  outbox: Outbox,
  claiming: Claiming,
  now: Millis,
): void {
  const decided: number[] = []
  const displaced: number[] = []
  const silent = silentVoters(proposer, claiming)
  const hopeless = isHopeless(claiming)
  eachTask(claiming, claiming.seqs, (at, seq) => {
    if (claiming.phase[at] !== SETTLING) return
    const accepts = claiming.accepts[at] as number
    const nacks = claiming.nacks[at] as number
    const against = nacks === 0 && !hopeless ? 0 : nacks | (silent & ~accepts)
    const verdict = tally(claiming, accepts, against)
    if (verdict === 'won') pushRun(decided, seq, 1)
    else if (verdict === 'lost') pushRun(displaced, seq, 1)
  })
  if (decided.length > 0) tellDecided(proposer, outbox, claiming, decided)
  if (displaced.length > 0) displace(proposer, claiming, displaced, now)
  endIfDone(proposer, claiming)
}

/** Whether so many voters have lost the ledger that the others are no majority, and never will be. */
function isHopeless({ info, gone }: Claiming): boolean {
  const { length } = info.voters
  return length - bitsIn(gone) < majorityOf(length)
}

/**
 * Voters that accept nothing for now, as long as the others are a majority. Where one is ahead already
 * they are not waited for: under a higher ballot the others can settle without them. Those that have
 * lost the ledger are not waited for in any case.
 */
function silentVoters(proposer: ProposerState, claiming: Claiming): number {
  const { info, gone } = claiming
  if (isHopeless(claiming)) return gone
  let silent = gone
  for (const [v, { peer }] of info.voters.entries()) if (!proposer.up.has(peer)) silent |= 1 << v
  const { length } = info.voters
  return length - bitsIn(silent) < majorityOf(length) ? 0 : silent
}

function tellDecided(
  proposer: ProposerState,
  outbox: Outbox,
  claiming: Claiming,
  seqs: Ranges,
): void {
  const { ledger, epoch, voters } = claiming.info
  const { ballot } = claiming
  const outcomes: DecidedRange[] = []
  for (const { message } of claiming.settlings) {
    for (const values of message.values) {
      const both = intersect(values.seqs, seqs)
      if (both.length === 0 || !isTerminal(values)) continue
      outcomes.push({ ballot, kind: values.kind, seqs: both, values: [] })
      if (claiming.cancel === undefined) continue
      const { request } = claiming.cancel
      const cancelled = values.kind === 'cancelled' ? both : []
      const tooLate = values.kind === 'cancelled' ? [] : both
      proposer.news.cancelEnded.push({ request, cancelled, tooLate })
    }
  }
  closeSettling(claiming, seqs)
  eachTask(claiming, seqs, at => setPhase(claiming, at, ENDED))
  if (outcomes.length === 0) return
  for (const { peer } of voters) send(outbox, peer, { type: 'decided', ledger, epoch, outcomes })
}

function closeSettling(claiming: Claiming, seqs: Ranges): void {
  for (const settling of claiming.settlings) {
    for (const values of settling.message.values) {
      settling.open -= countOf(intersect(values.seqs, seqs))
    }
  }
}

/** A higher ballot is ahead at a majority: read what it did, and settle what may be settled. */
function displace(proposer: ProposerState, claiming: Claiming, seqs: Ranges, now: Millis): void {
  const { info, intent, cancel, hand, tries } = claiming
  closeSettling(claiming, seqs)
  eachTask(claiming, seqs, at => setPhase(claiming, at, DROPPED))
  // The limit is looked at again anyway.
  if (claiming.expiry === true) return
  if (intent === 'finish' || intent === 'cancel') {
    retryLater(proposer, info, seqs, { intent, cancel, hand: undefined, tries: tries + 1 }, now)
    return
  }
  for (const { message } of claiming.settlings) {
    for (const values of message.values) {
      const part = pickValues(values, seqs)
      // Whoever has overtaken may have begun the task; its limit is looked at again.
      if (part === undefined || part.reason === 'expired') continue
      const own = [...(hand?.own ?? []), claiming.ballot.counter]
      const base = hand?.base ?? baseCounters(claiming)
      const next = { intent: 'raise', cancel: undefined, tries: tries + 1 } as const
      retryLater(proposer, info, part.seqs, { ...next, hand: { values: part, base, own } }, now)
    }
  }
}

function baseCounters(claiming: Claiming): Map<number, number> {
  const counters = new Map<number, number>()
  for (const [seq, { ballot }] of claiming.base) counters.set(seq, ballot.counter)
  return counters
}

/** Sends again what voters have not answered: all of it to one that is back, or what is late. */
export function resettle(
  proposer: ProposerState,
  outbox: Outbox,
  claiming: Claiming,
  now: Millis,
  only?: PeerId,
): void {
  const waitMs = patienceMs(proposer.pace, resettleMs)
  for (const settling of claiming.settlings) {
    if (settling.open <= 0) continue
    if (only === undefined && now < settling.sentAt + waitMs) continue
    if (only === undefined) settling.sentAt = now
    settling.resent = true
    for (const [v, { peer }] of claiming.info.voters.entries()) {
      if (only !== undefined && peer !== only) continue
      if (!proposer.up.has(peer) || !unanswered(claiming, settling, v)) continue
      send(outbox, peer, settling.message)
    }
  }
}

function unanswered(claiming: Claiming, settling: Settling, v: number): boolean {
  const bit = 1 << v
  let waiting = false
  for (const values of settling.message.values) {
    eachTask(claiming, values.seqs, at => {
      if (claiming.phase[at] !== SETTLING) return
      const answered = (claiming.accepts[at] as number) | (claiming.nacks[at] as number)
      if ((answered & bit) === 0) waiting = true
    })
  }
  return waiting
}
