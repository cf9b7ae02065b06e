import { type Ballot, sameBallot } from './ballot.ts'
import type { RegisterGroup, State } from './change-messages.ts'
import { noneCollected } from './collected.ts'
import type { Millis } from './ids.ts'
import {
  acceptedAt,
  chunkOfSeq,
  findPage,
  keepValues,
  type Ledger,
  promisedAt,
  proposerAt,
  setValue,
  stateAt,
} from './ledger.ts'
import type { Chunk, DecidedRange } from './messages.ts'
import type { Outbox } from './outbox.ts'
import { eachSeq, pushRun, type Ranges } from './ranges.ts'
import { OPEN, type Page } from './registers.ts'
import { isTerminal, pickValues } from './values.ts'
import { takeCollected } from './retire.ts'
import { keepRecords } from './voter-store.ts'
import { takeOutcome, type VoterState } from './voter.ts'

/**
 * Adds what another node holds of a ledger to what is held here: outcomes, records, and of every
 * open register the highest ballot accepted, the highest promised and the most grants. Returns
 * whether all of it could be taken.
 */
export function takePart(
  voter: VoterState,
  outbox: Outbox,
  ledger: Ledger,
  part: State,
  now: Millis,
): boolean {
  const decided = voter.decisions.length
  for (const outcome of part.outcomes) takeSettled(voter, outbox, ledger, outcome, now)
  for (const decision of voter.decisions.slice(decided)) decision.late = true
  takeCollected(voter, outbox, ledger, part)
  let whole = true
  for (const chunk of part.chunks) whole = takeRecords(voter, outbox, ledger, chunk, now) && whole
  for (const group of part.registers) whole = mergeGroup(voter, ledger, group, now) && whole
  if (part.counter > ledger.counter) ledger.counter = part.counter
  return whole
}

/** An outcome is final, whether its value is still kept or not. */
function takeSettled(
  voter: VoterState,
  outbox: Outbox,
  ledger: Ledger,
  outcome: DecidedRange,
  now: Millis,
): void {
  const lacking = takeOutcome(voter, outbox, ledger, outcome, now)
  if (lacking.length === 0 || outcome.values.length > 0) return
  takeCollected(voter, outbox, ledger, { ...noneCollected(), [outcome.kind]: lacking })
}

/** Keeps the records that are not here. */
function takeRecords(
  voter: VoterState,
  outbox: Outbox,
  ledger: Ledger,
  chunk: Chunk,
  now: Millis,
): boolean {
  const lacking: number[] = []
  eachSeq([chunk.first, chunk.count], seq => {
    if (chunkOfSeq(ledger, seq) === undefined) pushRun(lacking, seq, 1)
  })
  if (lacking.length === 0) return true
  return keepRecords(voter, outbox, ledger, chunk, lacking, now, undefined) !== undefined
}

/** Merges registers that are alike at the other node into those here. */
function mergeGroup(voter: VoterState, ledger: Ledger, group: RegisterGroup, now: Millis): boolean {
  const { seqs, promised, accepted, grants } = group
  const promisedBy = proposerAt(ledger, promised.proposer)
  const acceptedBy = proposerAt(ledger, accepted.proposer)
  if (promisedBy < 0 || acceptedBy < 0) return false
  const higher: number[] = []
  let whole = true
  eachSeq(seqs, seq => {
    const page = findPage(ledger, seq)
    const slot = seq % ledger.pageTasks
    const state = stateAt(ledger, seq)
    if (state < OPEN) whole = false
    if (page === undefined || state !== OPEN) return
    if (accepted.counter > (page.accepted[slot] as number)) pushRun(higher, seq, 1)
    if (isAhead(ledger, page, slot, promised)) {
      page.promised[slot] = promised.counter
      page.promisedBy[slot] = promisedBy
    }
    page.grants[slot] = Math.max(page.grants[slot] as number, grants)
  })
  if (higher.length > 0) takeAccepted(voter, ledger, group, acceptedBy, higher, now)
  return whole
}

/**
 * Whether a promise of the other voter is to be kept instead of the one here. Of two proposers
 * with the same counter at most one has a majority: that which has had something accepted.
 */
function isAhead(ledger: Ledger, page: Page, slot: number, promised: Ballot): boolean {
  const mine = promisedAt(ledger, page, slot)
  if (promised.counter !== mine.counter) return promised.counter > mine.counter
  return !sameBallot(mine, acceptedAt(ledger, page, slot)) && promised.proposer > mine.proposer
}

/** Takes what the other voter has accepted at a higher ballot. */
function takeAccepted(
  voter: VoterState,
  ledger: Ledger,
  { accepted, values, dueMs }: RegisterGroup,
  acceptedBy: number,
  seqs: Ranges,
  now: Millis,
): void {
  const part = values[0] === undefined ? undefined : pickValues(values[0], seqs)
  if (part === undefined) return
  const index = keepValues(ledger, part)
  voter.bytes += part.body.length
  eachSeq(part.seqs, seq => {
    const page = findPage(ledger, seq) as Page
    const slot = seq % ledger.pageTasks
    page.accepted[slot] = accepted.counter
    page.acceptedBy[slot] = acceptedBy
    voter.bytes -= setValue(ledger, page, slot, index)
    if (page.promised[slot] === accepted.counter) page.promisedBy[slot] = acceptedBy
    if (isTerminal(part)) ledger.retryAt.delete(seq)
    else ledger.retryAt.set(seq, now + dueMs)
  })
}
