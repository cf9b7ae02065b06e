import type { Ballot } from './ballot.ts'
import type { Millis } from './ids.ts'
import {
  acceptedAt,
  chunkOfSeq,
  findPage,
  type Ledger,
  makeNoneReady,
  makeReady,
  valueAt,
} from './ledger.ts'
import { clearLease, leasesOf } from './lease.ts'
import { watchLimits } from './limits.ts'
import type { LedgerInfo } from './messages.ts'
import { voterIndex } from './quorum.ts'
import { fromSeqs, intersect, type Ranges, seqsOf, subtract } from './ranges.ts'
import type { HeldChunk } from './records.ts'
import type { Page } from './registers.ts'
import { groupRuns, isTerminal } from './values.ts'
import { awaitDecision, finishMs, type VoterState } from './voter.ts'

/** What an office means for what is in memory. */
export function beginOffice(
  voter: VoterState,
  ledger: Ledger,
  info: LedgerInfo,
  now: Millis,
): void {
  dropFrozen(voter, ledger)
  ledger.info = info
  ledger.office = 'voter'
  ledger.index = voterIndex(info, voter.peer)
  ledger.successor = undefined
  ledger.succession = undefined
  ledger.since = now
  ledger.isWhole = false
  ledger.openedAt = Math.max(ledger.openedAt, now)
  ledger.unknownTo = 0
  ledger.emptyAt = 0
  ledger.changed = true
  const open = subtract(ledger.stored, ledger.settled)
  ledger.inherited = fromSeqs(valuedIn(ledger, open))
  offerAll(ledger, open, now)
  ledger.limits.length = 0
  for (const chunk of ledger.chunks) watchOpen(ledger, chunk, open)
  const { ledger: id } = info
  voter.undecided = voter.undecided.filter(item => item.ledger !== id)
  for (const { ballot, seqs } of undecidedIn(ledger, open)) {
    awaitDecision(voter, { at: now + finishMs * (1 + ledger.index), ledger: id, ballot, seqs })
  }
}

function* valuedIn(ledger: Ledger, open: Ranges): Generator<number> {
  for (const seq of seqsOf(open)) {
    if ((findPage(ledger, seq)?.accepted[seq % ledger.pageTasks] ?? 0) > 0) yield seq
  }
}

/** The limits of what is open are looked at by a voter's place among the others. */
function watchOpen(ledger: Ledger, chunk: HeldChunk, open: Ranges): void {
  if (chunk.open === 0) return
  const seqs = intersect(open, [chunk.first, chunk.count])
  for (let i = 0; i < seqs.length; i += 2) {
    watchLimits(ledger, chunk, seqs[i] as number, seqs[i + 1] as number)
  }
}

/** Leases that were kept as they stood when the epoch before was sealed. */
export function dropFrozen(voter: VoterState, ledger: Ledger): void {
  for (const lease of leasesOf(voter.leases, ledger.info.ledger)) {
    if (lease.until !== Infinity) continue
    clearLease(voter.leases, ledger, [...lease.seqs])
    voter.leases.byId.delete(lease.id)
  }
}

/** Offers what is open, unleased and not decided by anybody, now or when it is due. */
function offerAll(ledger: Ledger, open: Ranges, now: Millis): void {
  makeNoneReady(ledger)
  ledger.delayed.length = 0
  const groups = groupRuns(open, seq => {
    const page = findPage(ledger, seq)
    const slot = seq % ledger.pageTasks
    if (page === undefined || page.spec[slot] === 0 || page.lease[slot] !== 0) return ''
    const values = valueAt(ledger, page, slot)
    if (values !== undefined && isTerminal(values)) return ''
    const dueAt = ledger.retryAt.get(seq) ?? chunkOfSeq(ledger, seq)?.dueAt ?? 0
    if (dueAt <= now) ledger.retryAt.delete(seq)
    return `${page.spec[slot]}|${Math.max(now, dueAt)}`
  })
  for (const [key, group] of groups) {
    if (key === '') continue
    const [spec = 0, dueAt = 0] = key.split('|').map(Number)
    for (let i = 0; i < group.length; i += 2) {
      makeReady(ledger, spec - 1, group[i] as number, group[i + 1] as number, dueAt, now)
    }
  }
}

/** Outcomes that have been accepted and that nobody knows to be decided. */
function undecidedIn(ledger: Ledger, open: Ranges): { ballot: Ballot; seqs: Ranges }[] {
  const groups = groupRuns(open, seq => {
    const page = findPage(ledger, seq)
    const slot = seq % ledger.pageTasks
    const values = page === undefined ? undefined : valueAt(ledger, page, slot)
    if (page === undefined || values === undefined || !isTerminal(values)) return ''
    return `${page.accepted[slot]}|${page.acceptedBy[slot]}`
  })
  const found: { ballot: Ballot; seqs: Ranges }[] = []
  for (const [key, seqs] of groups) {
    if (key === '') continue
    const seq = seqs[0] as number
    const page = findPage(ledger, seq) as Page
    found.push({ ballot: acceptedAt(ledger, page, seq % ledger.pageTasks), seqs })
  }
  return found
}
