import { counterLeap, sameBallot } from './ballot.ts'
import type { Lsn, Millis, PeerId } from './ids.ts'
import { peerOf } from './ids.ts'
import {
  acceptedAt,
  findPage,
  keepValues,
  type Ledger,
  makeReadyAgain,
  makeUnready,
  promisedAt,
  proposerAt,
  setValue,
  stateAt,
} from './ledger.ts'
import { clearLease, eachSpecRun } from './lease.ts'
import type { Settle, Values } from './messages.ts'
import { votingIn } from './office.ts'
import { type Outbox, persist, send } from './outbox.ts'
import { contains, countOf, eachSeq, pushRun, type Ranges } from './ranges.ts'
import { ABSENT, OPEN, type Page } from './registers.ts'
import { addRun, removeRuns } from './intervals.ts'
import { isTerminal, sliceValues } from './values.ts'
import { awaitDecision, type Evidence, finishMs, type VoterState } from './voter.ts'
import { majorityOf, voterIndex } from './quorum.ts'

interface Verdict {
  /** To be accepted now, and accepted already at the very ballot. */
  readonly fresh: number[]
  readonly again: number[]
  readonly behind: number[]
  readonly settled: number[]
  readonly missing: number[]
}

/**
 * Answers a SETTLE: accepts its values where the ballot is not behind the promised one. Returns
 * how many tasks it has accepted now.
 */
export function onSettle(
  voter: VoterState,
  outbox: Outbox,
  from: PeerId,
  settle: Settle,
  now: Millis,
): number {
  const ledger = votingIn(voter, outbox, from, settle)
  if (ledger === undefined) return 0
  const { ballot, epoch } = settle
  if (peerOf(ballot.proposer) !== from) return 0
  const all: Verdict = { fresh: [], again: [], behind: [], settled: [], missing: [] }
  const accepted: Values[] = []
  const proposer = proposerAt(ledger, ballot.proposer)
  const leap = ballot.counter > ledger.counter + counterLeap || proposer < 0
  for (const values of settle.values) {
    const verdict: Verdict = leap
      ? { fresh: [], again: [], behind: [...values.seqs], settled: [], missing: [] }
      : judge(ledger, settle, values)
    const part = verdict.fresh.length > 0 ? sliceValues(values, verdict.fresh) : undefined
    if (part !== undefined) {
      accept(voter, ledger, settle, proposer, part, now)
      accepted.push(part)
    }
    merge(all, verdict)
  }
  const lsn =
    accepted.length > 0 ? writeAccepted(voter, outbox, ledger, settle, accepted, now) : outbox.lsn
  noteTerminal(voter, ledger, from, settle, accepted, lsn, now)
  const { behind, settled, missing } = all
  const counter = ledger.counter
  const fresh = countOf(all.fresh)
  const given = all.fresh
  for (let i = 0; i < all.again.length; i += 2) {
    addRun(given, all.again[i] as number, all.again[i + 1] as number)
  }
  send(
    outbox,
    from,
    {
      type: 'accepted',
      ledger: settle.ledger,
      epoch,
      counter,
      ballot,
      accepted: given,
      behind,
      settled,
      missing,
    },
    given.length > 0 ? lsn : 0,
  )
  return fresh
}

function judge(ledger: Ledger, { ballot }: Settle, values: Values): Verdict {
  const verdict: Verdict = { fresh: [], again: [], behind: [], settled: [], missing: [] }
  // What voters of an earlier epoch have accepted is no vote of this one before it has been asked.
  const { inherited } = ledger
  eachSeq(values.seqs, seq => {
    const page = findPage(ledger, seq)
    const slot = seq % ledger.pageTasks
    const state = stateAt(ledger, seq)
    if (state === ABSENT) pushRun(verdict.missing, seq, 1)
    else if (state !== OPEN || page === undefined) pushRun(verdict.settled, seq, 1)
    else if (sameBallot(acceptedAt(ledger, page, slot), ballot) && !contains(inherited, seq)) {
      // Accepted before: the reply would be the same, whatever has been promised since.
      pushRun(verdict.again, seq, 1)
    } else if (
      ballot.counter > (page.promised[slot] as number) ||
      sameBallot(promisedAt(ledger, page, slot), ballot)
    ) {
      pushRun(verdict.fresh, seq, 1)
    } else pushRun(verdict.behind, seq, 1)
  })
  return verdict
}

function merge(all: Verdict, part: Verdict): void {
  for (const key of ['fresh', 'again', 'behind', 'settled', 'missing'] as const) {
    const from: Ranges = part[key]
    for (let i = 0; i < from.length; i += 2)
      addRun(all[key], from[i] as number, from[i + 1] as number)
  }
}

/** Puts a value into registers: promised = accepted = ballot, and the lease is over. */
function accept(
  voter: VoterState,
  ledger: Ledger,
  { ballot }: Settle,
  proposer: number,
  values: Values,
  now: Millis,
): void {
  const { seqs } = values
  clearLease(voter.leases, ledger, seqs)
  removeRuns(ledger.inherited, seqs)
  const index = keepValues(ledger, values)
  voter.bytes += values.body.length
  eachSeq(seqs, seq => {
    const page = findPage(ledger, seq) as Page
    const slot = seq % ledger.pageTasks
    page.promised[slot] = ballot.counter
    page.promisedBy[slot] = proposer
    page.accepted[slot] = ballot.counter
    page.acceptedBy[slot] = proposer
    voter.bytes -= setValue(ledger, page, slot, index)
  })
  if (ballot.counter > ledger.counter) ledger.counter = ballot.counter
  const dueAt = now + values.delayMs
  eachSpecRun(ledger, seqs, (spec, first, count) => {
    makeUnready(ledger, spec, first, count)
    if (!isTerminal(values)) makeReadyAgain(ledger, spec, first, count, dueAt, now)
  })
}

function writeAccepted(
  voter: VoterState,
  outbox: Outbox,
  ledger: Ledger,
  { ballot }: Settle,
  values: readonly Values[],
  now: Millis,
): Lsn {
  const dueWallMs = Math.round(now + voter.wallOffsetMs)
  return persist(outbox, {
    type: 'accepted',
    ledger: ledger.info.ledger,
    ballot,
    dueWallMs,
    values,
  })
}

/** Remembers accepted outcomes: to settle them by evidence, or to finish them for somebody. */
function noteTerminal(
  voter: VoterState,
  ledger: Ledger,
  from: PeerId,
  { ballot, acceptLsn }: Settle,
  accepted: readonly Values[],
  ownLsn: Lsn,
  now: Millis,
): void {
  const { voters, ledger: id } = ledger.info
  const alone = voters.length === 1
  const byTwo = majorityOf(voters.length) === 2 && acceptLsn > 0 && from !== voter.peer
  const proposerVotes = voterIndex(ledger.info, from) >= 0
  for (const values of accepted) {
    if (!isTerminal(values)) continue
    const { seqs, kind } = values
    const at = now + finishMs * (1 + ledger.index)
    awaitDecision(voter, { at, ledger: id, ballot, seqs })
    if (!alone && !(byTwo && proposerVotes)) continue
    const evidence: Evidence = {
      ledger: id,
      ballot,
      kind,
      seqs,
      ownLsn,
      node: alone ? undefined : ballot.proposer,
      peerLsn: alone ? 0 : acceptLsn,
    }
    voter.evidence.push(evidence)
  }
}

/** How many tasks of some values are outcomes. */
export function terminalCount(values: readonly Values[]): number {
  let count = 0
  for (const part of values) if (isTerminal(part)) count += countOf(part.seqs)
  return count
}
