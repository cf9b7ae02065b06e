import { sameBallot } from './ballot.ts'
import { avoidUntil } from './avoided.ts'
import { isDirect } from './direct-grant.ts'
import { type LedgerId, type Millis, type NodeId, type PeerId, peerOf } from './ids.ts'
import { acceptedAt, findPage, type Ledger, promisedAt } from './ledger.ts'
import {
  clearLease,
  grantLease,
  heldIn,
  type LapsedLease,
  lapseLeases,
  leaseAt,
  offer,
  type Session,
  sessionOf,
} from './lease.ts'
import type { HeldLease, LostLease, Release, Renew } from './messages.ts'
import { knownInfo, ledgerIn, votedLedger } from './office.ts'
import { type Outbox, persist, send } from './outbox.ts'
import { eachSeq, intersect, pushRun, type Ranges, subtract } from './ranges.ts'
import { OPEN } from './registers.ts'
import type { VoterState } from './voter.ts'

/** Answers one beat of a worker: renews what both mean the worker to hold. */
export function onRenew(
  voter: VoterState,
  outbox: Outbox,
  from: PeerId,
  holder: NodeId,
  renew: Renew,
  now: Millis,
): void {
  lapseLeases(voter.leases, voter.ledgers, now)
  const session = sessionOf(voter.leases, holder)
  if (renew.beat <= session.beat) return
  session.beat = renew.beat
  for (const claimId of renew.confirmed) {
    const lease = session.leases.get(claimId)
    if (lease !== undefined) lease.tentative = false
  }
  const { lost, elsewhere } =
    renew.list === undefined
      ? { lost: [], elsewhere: [] }
      : adopt(voter, outbox, session, holder, renew, now)
  for (const ledger of new Set(elsewhere.map(lease => lease.ledger))) {
    tellWhere(voter, outbox, from, ledger)
  }
  const { held, digest } = heldIn(session)
  const agreed = held === renew.held && digest === renew.digest
  const sendList = renew.list === undefined && !agreed
  // What neither side names any more had ended before it lapsed: that run is not counted.
  if (!sendList) refund(voter, outbox, session, renew)
  if (!sendList) rearm(voter, session, now)
  const { beat } = renew
  const leaseMs = sendList ? 0 : voter.leaseMs
  send(outbox, from, { type: 'renewed', beat, leaseMs, sendList, lost, elsewhere })
  if (session.leases.size === 0 && session.lapsed.length === 0) {
    voter.leases.sessions.delete(holder)
  }
}

function rearm(voter: VoterState, session: Session, now: Millis): void {
  for (const lease of session.leases.values()) {
    if (!lease.tentative) lease.until = now + voter.leaseMs
  }
}

/** Makes the session what the worker's list says, as far as the registers allow. */
function adopt(
  voter: VoterState,
  outbox: Outbox,
  session: Session,
  holder: NodeId,
  renew: Renew,
  now: Millis,
): { lost: LostLease[]; elsewhere: LostLease[] } {
  const lost: LostLease[] = []
  const elsewhere: LostLease[] = []
  const { list = [] } = renew
  const named = new Map(list.map(item => [item.claimId, item]))
  for (const lease of [...session.leases.values()]) {
    const item = named.get(lease.claimId)
    const over = item === undefined ? [...lease.seqs] : subtract(lease.seqs, item.seqs)
    if (over.length === 0 || (item === undefined && lease.tentative)) continue
    // What was granted since the beat was sent its holder did not know of.
    if (isUndecided(renew, lease.claimId)) continue
    giveBack(voter, outbox, { ...lease, seqs: over }, now)
  }
  for (const item of list) {
    const ledger = votedLedger(voter, item.ledger)
    if (ledger === undefined) {
      elsewhere.push({ ledger: item.ledger, claimId: item.claimId, seqs: item.seqs })
      continue
    }
    const has = session.leases.get(item.claimId)?.seqs ?? []
    const wanted = subtract(item.seqs, has)
    const armed = armable(voter, ledger, item, wanted)
    if (armed.length > 0) {
      const { claimId, ballot } = item
      const until = now + voter.leaseMs
      grantLease(voter.leases, ledger, { holder, claimId, ballot, until, tentative: false }, armed)
      session.lapsed = session.lapsed.flatMap(lapsed => without(lapsed, claimId, armed))
    }
    const lease = session.leases.get(item.claimId)
    if (lease !== undefined) lease.tentative = false
    const gone = subtract(wanted, armed)
    if (gone.length > 0) lost.push({ ledger: item.ledger, claimId: item.claimId, seqs: gone })
  }
  return { lost, elsewhere }
}

/** Names the voters of a ledger that this storage does not vote in any more. */
function tellWhere(voter: VoterState, outbox: Outbox, to: PeerId, id: LedgerId): void {
  const info = knownInfo(voter, id)
  const epoch = (info?.epoch ?? 0) - 1
  if (info === undefined || epoch < 0) return
  send(outbox, to, { type: 'moved', ledger: id, epoch, info })
}

function without(lapsed: LapsedLease, claimId: number, seqs: Ranges): LapsedLease[] {
  if (lapsed.claimId !== claimId) return [lapsed]
  const rest = subtract(lapsed.seqs, seqs)
  return rest.length === 0 ? [] : [{ ...lapsed, seqs: rest }]
}

/** Tasks whose lapsed lease may be armed again: open, unheld, and promised to nobody since. */
function armable(voter: VoterState, ledger: Ledger, item: HeldLease, seqs: Ranges): number[] {
  const armed: number[] = []
  eachSeq(seqs, seq => {
    const page = findPage(ledger, seq)
    const slot = seq % ledger.pageTasks
    if (page?.state[slot] !== OPEN) return
    if (leaseAt(voter.leases, page.lease[slot] as number) !== undefined) return
    const promised = promisedAt(ledger, page, slot)
    // After a restart a register stands promised at the ledger's mark, to nobody.
    const restarted = promised.proposer === '' && item.ballot.counter <= promised.counter
    if (!restarted && !sameBallot(promised, item.ballot)) return
    if (acceptedAt(ledger, page, slot).counter >= item.ballot.counter) return
    pushRun(armed, seq, 1)
  })
  return armed
}

/** Takes leases back from a worker that does not count itself their holder. */
function giveBack(voter: VoterState, outbox: Outbox, lease: LapsedLease, now: Millis): void {
  const ledger = votedLedger(voter, lease.ledger)
  if (ledger === undefined) return
  clearLease(voter.leases, ledger, lease.seqs)
  uncount(outbox, ledger, lease)
  offer(ledger, lease.seqs, now)
}

/**
 * Whether a claim was waiting for a majority when a beat was sent, or was not made yet: of tasks of it that
 * it does not name, the beat says nothing.
 */
function isUndecided({ decidedBelow }: Renew, claimId: number): boolean {
  return decidedBelow > 0 && claimId >= decidedBelow && !isDirect(claimId)
}

/** Takes out of the count what has lapsed and is not named. What is named may go on until its worker hears. */
function refund(voter: VoterState, outbox: Outbox, session: Session, renew: Renew): void {
  const { list = [] } = renew
  session.lapsed = session.lapsed.flatMap(lapsed => {
    if (isUndecided(renew, lapsed.claimId)) return [lapsed]
    const named = list.find(({ claimId }) => claimId === lapsed.claimId)?.seqs ?? []
    const ledger = votedLedger(voter, lapsed.ledger)
    if (ledger !== undefined) {
      uncount(outbox, ledger, { ...lapsed, seqs: subtract(lapsed.seqs, named) })
    }
    const seqs = intersect(lapsed.seqs, named)
    return seqs.length === 0 ? [] : [{ ...lapsed, seqs }]
  })
}

/** Takes a run grant out of the count, whoever holds the task by now. */
function uncount(outbox: Outbox, ledger: Ledger, { ballot, seqs }: LapsedLease): void {
  const back: number[] = []
  eachSeq(seqs, seq => {
    const page = findPage(ledger, seq)
    const slot = seq % ledger.pageTasks
    if (page?.state[slot] !== OPEN || page.grants[slot] === 0) return
    if (sameBallot(acceptedAt(ledger, page, slot), ballot)) return
    page.grants[slot] = (page.grants[slot] as number) - 1
    pushRun(back, seq, 1)
  })
  if (back.length === 0) return
  persist(outbox, { type: 'released', ledger: ledger.info.ledger, ballot, seqs: back })
}

/**
 * A claim that no majority has granted in time is given back when its lease has just lapsed: its holder
 * lives, and has run nothing.
 */
function refundLapsed(
  outbox: Outbox,
  ledger: Ledger,
  session: Session,
  { claimId, ballot, seqs }: Release,
): void {
  session.lapsed = session.lapsed.flatMap(lapsed => {
    const isMeant = lapsed.claimId === claimId && lapsed.ledger === ledger.info.ledger
    if (!isMeant || !sameBallot(lapsed.ballot, ballot)) return [lapsed]
    uncount(outbox, ledger, { ...lapsed, seqs: intersect(lapsed.seqs, seqs) })
    return without(lapsed, claimId, seqs)
  })
}

/**
 * Ends leases that their holder gives back; the grant is not counted. Returns whether others
 * should hear of it: claims that were not won are given back all the time.
 */
export function onRelease(
  voter: VoterState,
  outbox: Outbox,
  from: PeerId,
  release: Release,
  now: Millis,
): boolean {
  const ledger = ledgerIn(voter, release.ledger, release.epoch)
  if (ledger === undefined) return false
  const { ballot, claimId } = release
  if (peerOf(ballot.proposer) !== from) return false
  const session = voter.leases.sessions.get(ballot.proposer)
  if (session === undefined) return false
  refundLapsed(outbox, ledger, session, release)
  const lease = session.leases.get(claimId)
  const isMeant = lease?.ledger === release.ledger && sameBallot(lease.ballot, ballot)
  const wasWon = isMeant && !lease.tentative
  const seqs = isMeant ? intersect(lease.seqs, release.seqs) : []
  if (seqs.length > 0) {
    giveBack(voter, outbox, { ledger: release.ledger, claimId, ballot, seqs }, now)
    const until = now + voter.tentativeMs
    if (!wasWon && !isDirect(claimId)) avoidUntil(ledger.unwon, seqs, until, now)
  }
  if (session.leases.size === 0 && session.lapsed.length === 0) {
    voter.leases.sessions.delete(ballot.proposer)
  }
  return wasWon && seqs.length > 0
}
