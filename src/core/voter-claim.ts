import { withoutAvoided } from './avoided.ts'
import { counterLeap, sameBallot } from './ballot.ts'
import type { Millis, NodeId, PeerId } from './ids.ts'
import { peerOf } from './ids.ts'
import {
  acceptedAt,
  findPage,
  type Ledger,
  promisedAt,
  proposerAt,
  stateAt,
  valueAt,
} from './ledger.ts'
import { grantLease, lapseLeases, leaseAt } from './lease.ts'
import { recordLsn, recordsOf } from './ledger-records.ts'
import type {
  AcceptedValues,
  Chunk,
  Claim,
  Refusal,
  RefusalReason,
  TaskClass,
  TaskSpec,
} from './messages.ts'
import { votingIn } from './office.ts'
import { type Outbox, persist, send } from './outbox.ts'
import { addRun } from './intervals.ts'
import { eachSeq, contains, pushRun, type Ranges, take } from './ranges.ts'
import { ABSENT, OPEN, type Page } from './registers.ts'
import { groupRuns, positionIn, sliceValues } from './values.ts'
import { holdersOf, makeDue, type VoterState } from './voter.ts'
import { compareLedger } from './voter-compare.ts'

/** Counters that are reserved at once, so that promising costs no sync. */
export const reserveCounters = 4_096

/** Bytes of records or values that one answer carries at the most; the rest is asked for again. */
const maxAnswerBytes = 128 * 1_024

/** Why a register of a claim is not granted, or that it is. */
interface Verdict {
  readonly granted: number[]
  /** Granted before under the same ballot; nothing is counted again. */
  readonly again: number[]
  readonly held: number[]
  /** Bytes of accepted values that the answer will carry. */
  valueBytes: number
  readonly refused: Map<
    string,
    { reason: RefusalReason; seqs: number[]; ms: number; counter: number }
  >
}

/** Answers a CLAIM: promises its ballot for the registers that may be granted, and leases them. */
export function onClaim(
  voter: VoterState,
  outbox: Outbox,
  from: PeerId,
  claim: Claim,
  now: Millis,
): void {
  const ledger = votingIn(voter, outbox, from, claim)
  if (ledger === undefined) return
  const { ballot } = claim
  if (peerOf(ballot.proposer) !== from) return
  lapseLeases(voter.leases, voter.ledgers, now)
  makeDue(ledger, now)
  const seqs = claim.any.length > 0 ? pick(ledger, claim.any, claim.anyCount, now) : claim.seqs
  const verdict: Verdict = { granted: [], again: [], held: [], valueBytes: 0, refused: new Map() }
  const proposer = proposerAt(ledger, ballot.proposer)
  if (ballot.counter > ledger.counter + counterLeap || proposer < 0) {
    refuse(verdict, 'leap', 0, ledger.counter, seqs)
    compareLedger(voter, outbox, ledger)
  } else {
    eachSeq(seqs, seq => {
      judge(voter, ledger, claim, seq, now, verdict)
    })
  }
  promise(voter, outbox, ledger, claim, proposer, verdict, now)
  answer(voter, outbox, ledger, from, claim, verdict, now)
}

/** The first tasks of the first class that has some ready, but for what others seem to hold. */
function pick(ledger: Ledger, classes: readonly TaskClass[], count: number, now: Millis): Ranges {
  for (const { queue, priority, requires } of classes) {
    for (const index of ledger.readySpecs) {
      const spec = ledger.specs[index] as TaskSpec
      const same = spec.queue === queue && spec.priority === priority && spec.requires === requires
      if (!same) continue
      const { open } = withoutAvoided(ledger.unwon, ledger.ready[index] ?? [], now)
      if (open.length > 0) return take(open, count)
    }
  }
  return []
}

function refuse(
  verdict: Verdict,
  reason: RefusalReason,
  ms: number,
  counter: number,
  seqs: Ranges,
): void {
  const key = `${reason}|${ms}|${counter}`
  let refusal = verdict.refused.get(key)
  if (refusal === undefined) verdict.refused.set(key, (refusal = { reason, seqs: [], ms, counter }))
  for (let i = 0; i < seqs.length; i += 2) {
    addRun(refusal.seqs, seqs[i] as number, seqs[i + 1] as number)
  }
}

/** Decides on one register. A refusal changes nothing. */
function judge(
  voter: VoterState,
  ledger: Ledger,
  claim: Claim,
  seq: number,
  now: Millis,
  verdict: Verdict,
): void {
  const page = findPage(ledger, seq)
  const slot = seq % ledger.pageTasks
  const one = [seq, 1]
  const state = stateAt(ledger, seq)
  if (state === ABSENT) return refuse(verdict, 'missing', 0, 0, one)
  if (state !== OPEN || page === undefined) return refuse(verdict, 'settled', 0, 0, one)
  const { ballot } = claim
  const run = claim.intent === 'run'
  const lease = leaseAt(voter.leases, page.lease[slot] as number)
  const promised = page.promised[slot] as number
  if (sameBallot(ballot, promisedAt(ledger, page, slot))) {
    // Only while its lease lives and nothing is accepted at it is a ballot granted again.
    const live = run && lease !== undefined && sameBallot(lease.ballot, ballot)
    if (live && !sameBallot(acceptedAt(ledger, page, slot), ballot)) pushRun(verdict.again, seq, 1)
    else refuse(verdict, 'behind', 0, promised, one)
    return
  }
  if (run) {
    const busyMs = busyFor(ledger, page, slot, seq, lease?.until, now)
    if (busyMs !== undefined) return refuse(verdict, busyMs.reason, busyMs.ms, 0, one)
  }
  if (ballot.counter <= promised) return refuse(verdict, 'behind', 0, promised, one)
  if (page.value[slot] !== 0) {
    if (verdict.valueBytes > maxAnswerBytes) return refuse(verdict, 'held', 1, 0, one)
    const values = valueAt(ledger, page, slot)
    if (values !== undefined)
      verdict.valueBytes += values.lengths[positionIn(values.seqs, seq)] ?? 0
  }
  pushRun(verdict.granted, seq, 1)
  if (lease !== undefined && lease.holder !== ballot.proposer) pushRun(verdict.held, seq, 1)
}

/** What keeps a task from a new run, and for how long. */
function busyFor(
  ledger: Ledger,
  page: Page,
  slot: number,
  seq: number,
  until: Millis | undefined,
  now: Millis,
): { reason: 'held' | 'blocked' | 'not-due'; ms: number } | undefined {
  if (until !== undefined) return { reason: 'held', ms: Math.max(1, Math.ceil(until - now)) }
  if (now < ledger.blockedUntil) {
    return { reason: 'blocked', ms: Math.ceil(ledger.blockedUntil - now) }
  }
  const spec = page.spec[slot] as number
  if (contains(ledger.ready[spec - 1] as number[], seq)) return undefined
  const delayed = ledger.delayed.find(d => d.first <= seq && seq < d.first + d.count)
  return { reason: 'not-due', ms: Math.max(1, Math.ceil((delayed?.at ?? now) - now)) }
}

/** Writes down what a verdict promises. */
function promise(
  voter: VoterState,
  outbox: Outbox,
  ledger: Ledger,
  claim: Claim,
  proposer: number,
  { granted }: Verdict,
  now: Millis,
): void {
  if (granted.length === 0) return
  const { ballot } = claim
  if (ballot.counter > ledger.counter) ledger.counter = ballot.counter
  reserve(outbox, ledger, ballot.counter)
  const run = leases(claim)
  eachSeq(granted, seq => {
    const page = findPage(ledger, seq) as Page
    const slot = seq % ledger.pageTasks
    page.promised[slot] = ballot.counter
    page.promisedBy[slot] = proposer
    if (run) page.grants[slot] = (page.grants[slot] as number) + 1
  })
  if (!run) {
    notifyHolders(voter, outbox, ledger, granted, claim)
    return
  }
  const { claimId } = claim
  const holder: NodeId = ballot.proposer
  const until = now + voter.tentativeMs
  grantLease(voter.leases, ledger, { holder, claimId, ballot, until, tentative: true }, granted)
  persist(outbox, { type: 'granted', ledger: claim.ledger, claimId, ballot, seqs: granted })
}

/** Whether a claim leases what it is granted, and counts as a run of it. */
function leases({ intent, idle }: Claim): boolean {
  return intent === 'run' && !idle
}

/** Sees to it that no promise above the durable mark leaves. */
function reserve(outbox: Outbox, ledger: Ledger, counter: number): void {
  if (counter <= ledger.mark) return
  ledger.mark = Math.min(2 ** 32 - 1, counter + reserveCounters)
  const { ledger: id } = ledger.info
  ledger.markLsn = persist(outbox, { type: 'reserved', ledger: id, mark: ledger.mark })
}

function notifyHolders(
  voter: VoterState,
  outbox: Outbox,
  ledger: Ledger,
  seqs: Ranges,
  { ballot, intent }: Claim,
): void {
  for (const [peer, lost] of holdersOf(voter, ledger, seqs, ballot)) {
    send(outbox, peer, { type: 'lost', lost, cancelled: intent === 'cancel' })
  }
}

function answer(
  voter: VoterState,
  outbox: Outbox,
  ledger: Ledger,
  from: PeerId,
  claim: Claim,
  verdict: Verdict,
  now: Millis,
): void {
  const granted = [...verdict.granted]
  for (let i = 0; i < verdict.again.length; i += 2) {
    addRun(granted, verdict.again[i] as number, verdict.again[i + 1] as number)
  }
  const refused: Refusal[] = [...verdict.refused.values()]
  send(
    outbox,
    from,
    {
      type: 'claimed',
      ledger: claim.ledger,
      epoch: claim.epoch,
      counter: ledger.counter,
      claimId: claim.claimId,
      ballot: claim.ballot,
      granted,
      leaseMs: leases(claim) && granted.length > 0 ? leaseLeft(voter, ledger, granted, now) : 0,
      grants: grantsOf(ledger, granted),
      accepted: acceptedRuns(ledger, granted),
      held: verdict.held,
      refused,
      chunks: claim.records ? firstBytes(recordsOf(ledger, granted, now)) : [],
    },
    Math.max(ledger.markLsn, recordLsn(ledger, granted)),
  )
}

/** As many chunks as one answer carries. */
function firstBytes(chunks: readonly Chunk[]): Chunk[] {
  let bytes = 0
  return chunks.filter(chunk => {
    bytes += chunk.payload.length + 4 * chunk.count
    return bytes <= maxAnswerBytes * 2
  })
}

function leaseLeft(voter: VoterState, ledger: Ledger, seqs: Ranges, now: Millis): number {
  const seq = seqs[0] as number
  const page = findPage(ledger, seq)
  const lease = leaseAt(voter.leases, page?.lease[seq % ledger.pageTasks] ?? 0)
  return lease === undefined ? 0 : Math.max(0, Math.floor(lease.until - now))
}

/** Grants per task, in runs of equal counts. */
export function grantsOf(ledger: Ledger, seqs: Ranges): number[] {
  const runs: number[] = []
  eachSeq(seqs, seq => {
    const grants = findPage(ledger, seq)?.grants[seq % ledger.pageTasks] ?? 0
    const n = runs.length
    if (n > 0 && runs[n - 1] === grants) runs[n - 2] = (runs[n - 2] as number) + 1
    else runs.push(1, grants)
  })
  return runs
}

/** What the registers of some tasks have accepted. */
function acceptedRuns(ledger: Ledger, seqs: Ranges): AcceptedValues[] {
  const valued: number[] = []
  eachSeq(seqs, seq => {
    const page = findPage(ledger, seq)
    if (page !== undefined && page.value[seq % ledger.pageTasks] !== 0) pushRun(valued, seq, 1)
  })
  if (valued.length === 0) return []
  const groups = groupRuns(valued, seq => {
    const page = findPage(ledger, seq) as Page
    const slot = seq % ledger.pageTasks
    return `${page.value[slot]}|${page.accepted[slot]}|${page.acceptedBy[slot]}`
  })
  const runs: AcceptedValues[] = []
  for (const group of groups.values()) {
    const seq = group[0] as number
    const page = findPage(ledger, seq) as Page
    const slot = seq % ledger.pageTasks
    const values = valueAt(ledger, page, slot)
    if (values === undefined) continue
    runs.push({ ballot: acceptedAt(ledger, page, slot), values: sliceValues(values, group) })
  }
  return runs
}
