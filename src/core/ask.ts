import { sameBallot } from './ballot.ts'
import {
  ASKING,
  type Claiming,
  claimMs,
  type ClaimingInit,
  createClaiming,
  DROPPED,
  eachTask,
  fixSeqs,
  setPhase,
  tally,
  tasksWhere,
} from './claim.ts'
import { addRecords, recordsFor, toldAfter } from './claim-records.ts'
import type { Millis, PeerId } from './ids.ts'
import type { Claim, Claimed, Records, Refusal } from './messages.ts'
import { type Outbox, send } from './outbox.ts'
import { patienceMs, sawAnswer, sawLate } from './pace.ts'
import {
  maxRepairs,
  endCancel,
  endIfDone,
  nextBallot,
  type ProposerState,
  release,
  retryLater,
  sawCounter,
} from './proposer.ts'
import { bitsIn, firstUp, voterIndex } from './quorum.ts'
import { countOf, fromSeqs, type Ranges } from './ranges.ts'
import { startFetched, win } from './win.ts'

/** The most attempts that a task can have: more failures are none that anybody could have counted. */
const maxFailures = 2 ** 31 - 1

/** Starts a claim: asks every voter that is up, or the first one where that is wiser. */
export function openClaim(
  proposer: ProposerState,
  outbox: Outbox,
  want: Omit<ClaimingInit, 'id' | 'ballot' | 'startedAt'>,
  now: Millis,
): Claiming {
  const ballot = nextBallot(proposer, want.info.ledger)
  const id = proposer.nextClaimId++
  const claiming = createClaiming({ ...want, id, ballot, startedAt: now })
  claiming.giveUpAt = now + patienceMs(proposer.pace, claimMs)
  proposer.claims.set(id, claiming)
  proposer.byBallot.set(`${want.info.ledger}|${ballot.counter}`, claiming)
  askNext(proposer, outbox, claiming, now)
  return claiming
}

/** Asks the voters that are to be asked now. */
export function askNext(
  proposer: ProposerState,
  outbox: Outbox,
  claiming: Claiming,
  now: Millis,
): void {
  const { voters } = claiming.info
  const single = claiming.sequential || (claiming.any.length > 0 && claiming.count === 0)
  for (let v = 0; v < voters.length; v++) {
    const peer = voters[v]?.peer ?? ''
    if ((claiming.asked & (1 << v)) !== 0) continue
    claiming.asked |= 1 << v
    if (!proposer.up.has(peer)) {
      refuseAll(claiming, v)
      continue
    }
    claiming.sentAt[v] = now
    // A voter that is asked before it is given the records could only say that it misses them.
    const after =
      peer === proposer.self ? 0 : toldAfter(proposer, claiming.info.ledger, claiming.seqs)
    send(outbox, peer, claimMessage(proposer, claiming, v), after)
    if (single) break
  }
}

function claimMessage(proposer: ProposerState, claiming: Claiming, v: number): Claim {
  const { info, id, ballot, intent } = claiming
  const first = (claiming.asked & ((1 << v) - 1)) === 0 || claiming.answered === 0
  const holds = proposer.voter?.ledgers.has(info.ledger) ?? false
  const picked = claiming.count > 0
  return {
    type: 'claim',
    ledger: info.ledger,
    epoch: info.epoch,
    claimId: id,
    ballot,
    intent,
    // What is lost, or ended elsewhere, is not asked for: nobody would give it back.
    seqs: tasksWhere(claiming, at => claiming.phase[at] === ASKING),
    any: picked ? [] : claiming.any,
    anyCount: picked ? 0 : claiming.anyCount,
    records: intent === 'run' && !holds && first && v === firstUp(info, proposer.up),
    idle: intent === 'run' && claiming.expiry === true,
  }
}

/** A voter that is down refuses whatever it has not answered. */
export function refuseAll(claiming: Claiming, v: number): void {
  const bit = 1 << v
  claiming.answered |= bit
  for (let at = 0; at < claiming.count; at++) {
    if (((claiming.grants[at] as number) & bit) === 0) {
      claiming.refusals[at] = (claiming.refusals[at] as number) | bit
    }
  }
}

/** Takes in a voter's answer to a claim. */
export function onClaimed(
  proposer: ProposerState,
  outbox: Outbox,
  from: PeerId,
  claimed: Claimed,
  now: Millis,
): void {
  sawCounter(proposer, claimed.ledger, claimed.counter)
  for (const refusal of claimed.refused) {
    if (refusal.counter > 0) sawCounter(proposer, claimed.ledger, refusal.counter)
    proposer.news.refused.push({ ledger: claimed.ledger, refusal, from })
  }
  const claiming = proposer.claims.get(claimed.claimId)
  if (claiming === undefined || claiming.info.ledger !== claimed.ledger) {
    sawLate(proposer.pace, claimed.claimId, now)
    giveBackStray(outbox, from, claimed)
    return
  }
  const v = voterIndex(claiming.info, from)
  if (claimed.epoch !== claiming.info.epoch) return
  if (v < 0 || !sameBallot(claiming.ballot, claimed.ballot)) return
  const sentAt = claiming.sentAt[v] as number
  if (sentAt > 0 && from !== proposer.self) sawAnswer(proposer.pace, now - sentAt)
  claiming.answered |= 1 << v
  if (claiming.count === 0) pick(proposer, outbox, claiming, claimed, now)
  addRecords(claiming, claimed.chunks, now)
  noteGrants(claiming, v, claimed)
  noteRefusals(proposer, outbox, claiming, v, claimed, now)
  count(proposer, outbox, claiming, now)
}

/**
 * Of any task, the first voter's answer tells which ones the claim is about. One that grants nobody
 * anything for a while leaves it to the next one.
 */
function pick(
  proposer: ProposerState,
  outbox: Outbox,
  claiming: Claiming,
  { granted, refused }: Claimed,
  now: Millis,
): void {
  const { info, any: classes } = claiming
  if (granted.length > 0) fixSeqs(claiming, granted)
  else if (refused.some(({ reason }) => reason === 'blocked'))
    askNext(proposer, outbox, claiming, now)
  else proposer.news.exhausted.push({ info, classes, silent: false })
}

/** A grant for a claim that is over: its lease must not live on. */
function giveBackStray(outbox: Outbox, from: PeerId, claimed: Claimed): void {
  if (claimed.leaseMs === 0 || claimed.granted.length === 0) return
  const { ledger, epoch, claimId, ballot, granted } = claimed
  send(outbox, from, { type: 'release', ledger, epoch, claimId, ballot, seqs: granted })
}

function noteGrants(claiming: Claiming, v: number, claimed: Claimed): void {
  const bit = 1 << v
  // A grant that comes after the first beat needs one of its own.
  if (claimed.granted.length > 0) claiming.confirmed &= ~bit
  let run = 0
  let left = claimed.grants[0] ?? 0
  eachTask(claiming, claimed.granted, at => {
    claiming.grants[at] = (claiming.grants[at] as number) | bit
    claiming.refusals[at] = (claiming.refusals[at] as number) & ~bit
    while (left === 0 && run + 2 < claimed.grants.length) {
      run += 2
      left = claimed.grants[run] ?? 0
    }
    left -= 1
    const grants = claimed.grants[run + 1] ?? 0
    if (grants > (claiming.maxGrants[at] as number)) claiming.maxGrants[at] = grants
  })
  for (const accepted of claimed.accepted) {
    eachTask(claiming, accepted.values.seqs, (at, seq) => {
      // What the majority had accepted by which it was won stays its base, whoever answers later.
      if (claiming.phase[at] !== ASKING) return
      const base = claiming.base.get(seq)
      if (base === undefined || accepted.ballot.counter > base.ballot.counter) {
        claiming.base.set(seq, accepted)
        claiming.failures[at] = Math.min(maxFailures, accepted.values.failures)
      }
    })
  }
  eachTask(claiming, claimed.held, (_, seq) => claiming.held.add(seq))
  if (claimed.leaseMs > 0 && !claiming.direct) {
    // Two drifts: ours may be fast while the voter's is slow.
    const sentAt = claiming.sentAt[v] as number
    claiming.until[v] = sentAt + claimed.leaseMs * 0.98
    claiming.giveUpAt = Math.min(claiming.giveUpAt, sentAt + claimed.leaseMs)
  }
}

function noteRefusals(
  proposer: ProposerState,
  outbox: Outbox,
  claiming: Claiming,
  v: number,
  claimed: Claimed,
  now: Millis,
): void {
  const bit = 1 << v
  for (const refusal of claimed.refused) {
    if (refusal.reason === 'missing' && repair(proposer, outbox, claiming, v, refusal, now))
      continue
    if (refusal.reason === 'settled') {
      settledElsewhere(proposer, outbox, claiming, refusal.seqs, v)
      continue
    }
    // Asked one after the other, the first voter that somebody else has won is the last: a loser
    // must hold nothing.
    const all = claiming.sequential && isTaken(refusal) ? 0xff : bit
    eachTask(claiming, refusal.seqs, at => {
      if (((claiming.grants[at] as number) & bit) !== 0) return
      claiming.refusals[at] = (claiming.refusals[at] as number) | all
    })
  }
}

function isTaken({ reason }: Refusal): boolean {
  return reason === 'held' || reason === 'behind' || reason === 'not-due'
}

/** One voter that knows the decision is enough: there is nothing to claim any more. */
function settledElsewhere(
  proposer: ProposerState,
  outbox: Outbox,
  claiming: Claiming,
  seqs: Ranges,
  v: number,
): void {
  const over: number[] = []
  eachTask(claiming, seqs, (at, seq) => {
    if (claiming.phase[at] !== ASKING) return
    setPhase(claiming, at, DROPPED)
    over.push(seq)
  })
  if (over.length === 0) return
  const { info, hand } = claiming
  const { ledger } = info
  release(outbox, claiming, fromSeqs(over))
  endCancel(proposer, outbox, claiming, fromSeqs(over), info.voters[v]?.peer ?? '')
  if (hand === undefined) return
  proposer.duplicates += over.length
  const event = { type: 'duplicate', ledger, seqs: fromSeqs(over) } as const
  outbox.effects.push({ type: 'report', event })
}

/** Gives a voter the records that it misses and asks it again. MISSING is not a promise. */
function repair(
  proposer: ProposerState,
  outbox: Outbox,
  claiming: Claiming,
  v: number,
  refusal: Refusal,
  now: Millis,
): boolean {
  const peer = claiming.info.voters[v]?.peer ?? ''
  const { ledger, epoch } = claiming.info
  const chunks = recordsFor(proposer, claiming, refusal.seqs, now)
  let given = 0
  for (const chunk of chunks) given += chunk.count
  claiming.repairs += 1
  if (given < countOf(refusal.seqs) || claiming.repairs > maxRepairs) return false
  const after = toldAfter(proposer, ledger, refusal.seqs)
  for (const chunk of chunks) {
    send(outbox, peer, { type: 'store', ledger, epoch, fresh: false, chunks: [chunk] }, after)
  }
  const again = { ...claimMessage(proposer, claiming, v), seqs: refusal.seqs, records: false }
  send(outbox, peer, again, after)
  claiming.doubtful |= 1 << v
  return true
}

/** Acts on what the votes say now. */
export function count(
  proposer: ProposerState,
  outbox: Outbox,
  claiming: Claiming,
  now: Millis,
): void {
  const verdict = (at: number) =>
    claiming.phase[at] === ASKING
      ? tally(claiming, claiming.grants[at] as number, claiming.refusals[at] as number)
      : 'past'
  const won = tasksWhere(claiming, at => verdict(at) === 'won')
  const lost = tasksWhere(claiming, at => verdict(at) === 'lost')
  if (won.length > 0) win(proposer, outbox, claiming, won, now)
  if (lost.length > 0) lose(proposer, outbox, claiming, lost, now)
  const waiting = bitsIn(claiming.asked) > bitsIn(claiming.answered)
  const unasked = bitsIn(claiming.asked) < claiming.info.voters.length
  const undecided = tasksWhere(claiming, at => claiming.phase[at] === ASKING).length > 0
  if (!waiting && unasked && undecided) askNext(proposer, outbox, claiming, now)
  if (!waiting && !unasked && undecided) {
    const rest = tasksWhere(claiming, at => claiming.phase[at] === ASKING)
    lose(proposer, outbox, claiming, rest, now)
  }
  endIfDone(proposer, claiming)
}

/** Gives up tasks for which no majority is to be had under this ballot. */
export function lose(
  proposer: ProposerState,
  outbox: Outbox,
  claiming: Claiming,
  seqs: Ranges,
  now: Millis,
): void {
  eachTask(claiming, seqs, at => setPhase(claiming, at, DROPPED))
  const { intent, cancel, hand, tries, info, expiry } = claiming
  if (intent === 'run') {
    release(outbox, claiming, seqs)
    proposer.news.lost.push({ ledger: info.ledger, seqs })
    return
  }
  // The limit is looked at again anyway.
  if (expiry === true) return
  retryLater(proposer, info, seqs, { intent, cancel, hand, tries: tries + 1 }, now)
}

/** Takes records in that a voter was asked for. */
export function onRecords(
  proposer: ProposerState,
  outbox: Outbox,
  records: Records,
  now: Millis,
): void {
  for (const claiming of proposer.claims.values()) {
    if (claiming.info.ledger !== records.ledger) continue
    addRecords(claiming, records.chunks, now)
    startFetched(proposer, outbox, claiming, now)
  }
}
