import {
  ASKING,
  type Claiming,
  eachTask,
  FETCHING,
  isAsking,
  overdueIn,
  RUNNING,
  tasksWhere,
} from './claim.ts'
import type { Millis, PeerId } from './ids.ts'
import { sessionDigest } from './lease.ts'
import type { HeldLease, Lost, LostLease, Renewed, UnknownLedger } from './messages.ts'
import { type Outbox, send } from './outbox.ts'
import { askNext, count, lose, openClaim, refuseAll } from './ask.ts'
import { type Beats, type ProposerState, runsUntil } from './proposer.ts'
import { bitsIn, majorityOf, voterIndex } from './quorum.ts'
import { awaitLate, patienceMs, sawAnswer } from './pace.ts'
import { pushRun } from './ranges.ts'
import { countAccepts, resettle } from './settle.ts'
import { dropRuns, pickedLate } from './drop-runs.ts'
import { fetchMissing } from './win.ts'

/** How long a beat waits for its answer before another is sent, in milliseconds. */
export const beatMs = 500

/** Beats that may be unanswered at one voter. */
const maxWaiting = 8

/**
 * Tasks that this voter has granted to a claim, won or still open: the voter counts them all
 * once it knows of the claim, and must not take back what is on its way to a majority.
 */
function heldAt(claiming: Claiming, v: number): number {
  const bit = 1 << v
  let held = 0
  for (let at = 0; at < claiming.count; at++) {
    const live = (claiming.phase[at] as number) <= RUNNING
    if (live && ((claiming.grants[at] as number) & bit) !== 0) held += 1
  }
  return held
}

/** Sends the beats that are due: at once for a claim that was won, else every third of `L`. */
export function beatAll(proposer: ProposerState, outbox: Outbox, now: Millis): void {
  for (const peer of dueVoters(proposer, now)) {
    const list: { claiming: Claiming; count: number }[] = []
    for (const claiming of proposer.claims.values()) {
      if (claiming.intent !== 'run' || claiming.live === 0) continue
      const v = voterIndex(claiming.info, peer)
      const held = v < 0 ? 0 : heldAt(claiming, v)
      // What is not confirmed yet is tentative at the voter, too, and not counted there.
      const named = (claiming.confirmed & (1 << v)) !== 0 || isFresh(proposer, claiming, v, now)
      if (held > 0 && named) list.push({ claiming, count: held })
      else if (held === 0 && v >= 0) claiming.confirmed |= 1 << v
    }
    const beats = beatsOf(proposer, peer)
    if (list.length > 0) sendBeat(proposer, outbox, peer, beats, list, now)
    else rest(beats)
  }
}

function isFresh(proposer: ProposerState, claiming: Claiming, v: number, now: Millis): boolean {
  const bit = 1 << v
  const answered = (claiming.answered & bit) !== 0
  if (!answered || claiming.won === 0 || (claiming.confirmed & bit) !== 0) return false
  return now >= claiming.startedAt + proposer.confirmMs
}

/** Voters that must hear of a claim, or whose turn for a beat has come. */
function dueVoters(proposer: ProposerState, now: Millis): Iterable<PeerId> {
  let due: Set<PeerId> | undefined
  for (const claiming of proposer.claims.values()) {
    if (claiming.intent !== 'run' || claiming.won === 0) continue
    if ((claiming.answered & ~claiming.confirmed) === 0) continue
    for (let v = 0; v < claiming.info.voters.length; v++) {
      const peer = claiming.info.voters[v]?.peer ?? ''
      if (isFresh(proposer, claiming, v, now) && proposer.up.has(peer))
        (due ??= new Set()).add(peer)
    }
  }
  for (const beats of proposer.beats.values()) {
    if (!proposer.up.has(beats.peer)) rest(beats)
    else if (beats.at <= now) (due ??= new Set()).add(beats.peer)
  }
  return due ?? nobody
}

const nobody: readonly PeerId[] = []

/** No beat is due. The count goes on: an old answer must not pass for that to a later beat. */
function rest(beats: Beats): void {
  beats.at = Infinity
  beats.waiting = []
}

function beatsOf(proposer: ProposerState, peer: PeerId): Beats {
  let beats = proposer.beats.get(peer)
  if (beats === undefined) proposer.beats.set(peer, (beats = { peer, beat: 0, at: 0, waiting: [] }))
  return beats
}

function sendBeat(
  proposer: ProposerState,
  outbox: Outbox,
  peer: PeerId,
  beats: Beats,
  list: readonly { claiming: Claiming; count: number }[],
  now: Millis,
): void {
  beats.beat += 1
  const confirmed: number[] = []
  for (const { claiming } of list) {
    const bit = 1 << voterIndex(claiming.info, peer)
    if ((claiming.confirmed & bit) === 0) confirmed.push(claiming.id)
    claiming.confirmed |= bit
  }
  const { held, digest } = sessionDigest(
    list.map(({ claiming, count }) => ({ claimId: claiming.id, count })),
  )
  beats.waiting.push({
    beat: beats.beat,
    sentAt: now,
    claims: list.map(({ claiming }) => claiming),
  })
  if (beats.waiting.length > maxWaiting) beats.waiting.shift()
  beats.at = now + proposer.leaseMs / 3
  const decidedBelow = decidedBelowOf(proposer, peer)
  send(outbox, peer, { type: 'renew', beat: beats.beat, confirmed, held, digest, decidedBelow })
}

/** The number of the first claim that a majority is still waited for of which a voter may be. */
function decidedBelowOf({ claims, nextClaimId }: ProposerState, peer: PeerId): number {
  let below = nextClaimId
  for (const claiming of claims.values()) {
    if (claiming.intent !== 'run' || !isAsking(claiming)) continue
    const v = voterIndex(claiming.info, peer)
    if (v >= 0 && mayGrant(claiming, v)) below = Math.min(below, claiming.id)
  }
  return below
}

/** Whether a voter has granted a claim, or may yet: one that is down has refused. */
function mayGrant({ answered, doubtful, grants }: Claiming, v: number): boolean {
  const bit = 1 << v
  return ((~answered | doubtful) & bit) !== 0 || grants.some(by => (by & bit) !== 0)
}

/** Takes in a voter's answer to a beat. */
export function onRenewed(
  proposer: ProposerState,
  outbox: Outbox,
  from: PeerId,
  renewed: Renewed,
  now: Millis,
): void {
  const beats = proposer.beats.get(from)
  const at = beats?.waiting.findIndex(({ beat }) => beat === renewed.beat) ?? -1
  const waiting = beats?.waiting[at]
  if (beats === undefined || waiting === undefined) return
  if (from !== proposer.self) sawAnswer(proposer.pace, now - waiting.sentAt)
  if (renewed.sendList) {
    sendList(proposer, outbox, from, beats, now)
    return
  }
  beats.waiting.splice(0, at + 1)
  const elsewhere = new Set(renewed.elsewhere.map(({ claimId }) => claimId))
  if (elsewhere.size > 0) beats.at = Math.min(beats.at, now + beatMs)
  for (const claiming of waiting.claims) {
    if (elsewhere.has(claiming.id)) continue
    const v = voterIndex(claiming.info, from)
    const until = waiting.sentAt + renewed.leaseMs * 0.98
    if (v >= 0 && until > (claiming.until[v] as number)) claiming.until[v] = until
  }
  // A claim that has moved to other voters since the beat was sent is not lost by its answer.
  const named = new Set(waiting.claims.map(({ id }) => id))
  const lost = renewed.lost.filter(({ claimId }) => named.has(claimId))
  loseAt(proposer, outbox, from, lost, 'lease-lost')
}

function sendList(
  proposer: ProposerState,
  outbox: Outbox,
  peer: PeerId,
  beats: Beats,
  now: Millis,
): void {
  const list: HeldLease[] = []
  const counts: { claimId: number; count: number }[] = []
  const claims: Claiming[] = []
  const confirmed: number[] = []
  for (const claiming of proposer.claims.values()) {
    const v = voterIndex(claiming.info, peer)
    const held = v < 0 || claiming.intent !== 'run' ? 0 : heldAt(claiming, v)
    const named = claiming.won > 0 || (claiming.confirmed & (1 << v)) !== 0
    if (held === 0 || !named) continue
    const seqs = tasksWhere(claiming, at => {
      const granted = ((claiming.grants[at] as number) & (1 << v)) !== 0
      return granted && (claiming.phase[at] as number) <= RUNNING
    })
    const { ballot, id: claimId, info } = claiming
    list.push({ ledger: info.ledger, claimId, ballot, seqs })
    counts.push({ claimId, count: held })
    claims.push(claiming)
    confirmed.push(claimId)
    claiming.confirmed |= 1 << v
  }
  beats.beat += 1
  beats.waiting.push({ beat: beats.beat, sentAt: now, claims })
  const { held, digest } = sessionDigest(counts)
  const decidedBelow = decidedBelowOf(proposer, peer)
  const said = { confirmed, held, digest, decidedBelow, list }
  send(outbox, peer, { type: 'renew', beat: beats.beat, ...said })
}

/** A voter has said that ballots of this node are overtaken there. */
export function onLost(
  proposer: ProposerState,
  outbox: Outbox,
  from: PeerId,
  { lost, cancelled }: Lost,
): void {
  loseAt(proposer, outbox, from, lost, cancelled ? 'cancelled' : 'lease-lost')
}

/** Runs that a majority does not lease to this node any more must stop. */
function loseAt(
  proposer: ProposerState,
  outbox: Outbox,
  from: PeerId,
  lost: readonly LostLease[],
  reason: 'lease-lost' | 'cancelled',
): void {
  for (const { claimId, ledger, seqs } of lost) {
    const claiming = proposer.claims.get(claimId)
    if (claiming === undefined || claiming.info.ledger !== ledger) continue
    const v = voterIndex(claiming.info, from)
    if (v < 0) continue
    const gone: number[] = []
    eachTask(claiming, seqs, (at, seq) => {
      claiming.grants[at] = (claiming.grants[at] as number) & ~(1 << v)
      const phase = claiming.phase[at] as number
      // It counts the grant until it hears that nothing has run.
      if (phase === ASKING) claiming.doubtful |= 1 << v
      if (phase !== RUNNING && phase !== FETCHING) return
      const majority = majorityOf(claiming.info.voters.length)
      if (bitsIn(claiming.grants[at] ?? 0) < majority) pushRun(gone, seq, 1)
    })
    if (gone.length > 0) dropRuns(proposer, outbox, claiming, gone, reason)
  }
}

/** Does what time alone brings about for a proposer. */
export function tickProposer(proposer: ProposerState, outbox: Outbox, now: Millis): void {
  for (const claiming of [...proposer.claims.values()]) {
    if (now >= claiming.giveUpAt) giveUp(proposer, outbox, claiming, now)
    if (claiming.intent === 'run' && now >= runsUntil(proposer, claiming))
      expire(proposer, outbox, claiming, now)
    if (now >= claiming.fetchAt) {
      const missing = fetchMissing(proposer, outbox, claiming, now)
      if (missing.length > 0) dropRuns(proposer, outbox, claiming, missing)
    }
    resettle(proposer, outbox, claiming, now)
  }
  const due = proposer.retries.filter(({ at }) => at <= now)
  if (due.length > 0) {
    proposer.retries = proposer.retries.filter(({ at }) => at > now)
    for (const { info, seqs, again } of due) {
      const want = {
        info,
        seqs,
        any: [],
        anyCount: 0,
        sequential: again.tries > 1,
        queue: '',
        ...again,
      }
      openClaim(proposer, outbox, want, now)
    }
  }
  for (const beats of proposer.beats.values()) {
    const oldest = beats.waiting.at(-1)
    if (oldest !== undefined && now >= oldest.sentAt + patienceMs(proposer.pace, beatMs))
      beats.at = Math.min(beats.at, now)
  }
  beatAll(proposer, outbox, now)
}

/** Nobody waits for a majority any longer. */
function giveUp(proposer: ProposerState, outbox: Outbox, claiming: Claiming, now: Millis): void {
  const voters = claiming.info.voters.length
  if (claiming.count === 0) {
    awaitLate(proposer.pace, claiming.id, claiming.startedAt)
    pickedLate(proposer, claiming)
    claiming.answered = (1 << voters) - 1
    claiming.asked = claiming.answered
    count(proposer, outbox, claiming, now)
    return
  }
  const asking = tasksWhere(claiming, at => claiming.phase[at] === ASKING)
  if (asking.length === 0) return
  awaitLate(proposer.pace, claiming.id, claiming.startedAt)
  pickedLate(proposer, claiming)
  lose(proposer, outbox, claiming, asking, now)
  claiming.asked = (1 << voters) - 1
  claiming.answered = claiming.asked
  count(proposer, outbox, claiming, now)
}

/** Past its own deadline a holder must not believe in its lease. */
function expire(proposer: ProposerState, outbox: Outbox, claiming: Claiming, now: Millis): void {
  for (const phase of [FETCHING, RUNNING]) {
    const over = overdueIn(claiming, phase, now)
    if (over.length > 0) dropRuns(proposer, outbox, claiming, over)
  }
}

/** A voter cannot be reached: it will answer nothing that it was asked. */
export function onVoterDown(
  proposer: ProposerState,
  outbox: Outbox,
  peer: PeerId,
  now: Millis,
): void {
  proposer.up.delete(peer)
  for (const claiming of [...proposer.claims.values()]) {
    const v = voterIndex(claiming.info, peer)
    if (v >= 0) takeAsRefused(proposer, outbox, claiming, v, now)
  }
}

/** A voter has lost what it knew of a ledger. */
export function onUnknownLedger(
  proposer: ProposerState,
  outbox: Outbox,
  peer: PeerId,
  { ledger, epoch }: UnknownLedger,
  now: Millis,
): void {
  for (const claiming of [...proposer.claims.values()]) {
    const { info } = claiming
    const same = info.ledger === ledger && info.epoch === epoch
    const v = same ? voterIndex(info, peer) : -1
    if (v < 0) continue
    claiming.gone |= 1 << v
    takeAsRefused(proposer, outbox, claiming, v, now)
  }
}

function takeAsRefused(
  proposer: ProposerState,
  outbox: Outbox,
  claiming: Claiming,
  v: number,
  now: Millis,
): void {
  if (claiming.settlings.length > 0) countAccepts(proposer, outbox, claiming, now)
  if ((claiming.asked & (1 << v)) === 0 || (claiming.answered & (1 << v)) !== 0) return
  claiming.doubtful |= 1 << v
  refuseAll(claiming, v)
  // Of any task, the next voter picks instead.
  if (claiming.count === 0) askNext(proposer, outbox, claiming, now)
  count(proposer, outbox, claiming, now)
}

/** A voter is back: what it has not answered is sent again. */
export function onVoterUp(
  proposer: ProposerState,
  outbox: Outbox,
  peer: PeerId,
  now: Millis,
): void {
  proposer.up.add(peer)
  for (const claiming of [...proposer.claims.values()]) {
    if (claiming.settlings.length === 0) continue
    resettle(proposer, outbox, claiming, now, peer)
    // With it there may be a majority again that can go on without those that are still away.
    countAccepts(proposer, outbox, claiming, now)
  }
  const beats = proposer.beats.get(peer)
  if (beats !== undefined) beats.at = now
}
