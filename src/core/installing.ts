import type { Ballot } from './ballot.ts'
import { beginOffice, dropFrozen } from './begin-office.ts'
import { type Millis, peerOf } from './ids.ts'
import { findPage, type Ledger } from './ledger.ts'
import { grantLease, leasesOf } from './lease.ts'
import type { LedgerInfo } from './messages.ts'
import { type Outbox, persist, send } from './outbox.ts'
import { eachSeq, fromSeqs, type Ranges, subtract } from './ranges.ts'
import { checkpointGrants, checkpointLeases, checkpointValues } from './checkpoint.ts'
import { writeBlock } from './recovery.ts'
import { OPEN } from './registers.ts'
import { groupRuns } from './values.ts'
import type { VoterState } from './voter.ts'

/** A lease that a voter of the epoch before has granted. */
export interface FoundLease {
  readonly seqs: Ranges
  readonly ballot: Ballot
  readonly claimId: number
  readonly tentative: boolean
}

/** What has been found out of an epoch that begins. */
export interface Found {
  readonly info: LedgerInfo
  readonly leases: readonly FoundLease[]
  readonly blockedUntil: Millis
}

/** The leases of a voter's own, as it sealed them. */
export function collectLeases(voter: VoterState, ledger: Ledger): FoundLease[] {
  return leasesOf(voter.leases, ledger.info.ledger).map(lease => {
    const { seqs, ballot, claimId, tentative } = lease
    return { seqs: [...seqs], ballot, claimId, tentative }
  })
}

/** Begins to vote in an epoch, by the registers as they have been merged. */
export function takeOffice(
  voter: VoterState,
  outbox: Outbox,
  ledger: Ledger,
  found: Found,
  now: Millis,
): void {
  const { info, leases, blockedUntil } = found
  dropFrozen(voter, ledger)
  const open = subtract(ledger.stored, ledger.settled)
  const { ledger: id, epoch, producer, voters } = info
  const highest = highestPromise(ledger, open)
  ledger.counter = Math.max(ledger.counter, highest)
  if (highest > ledger.mark) {
    // After a restart every open register counts as promised at the mark: none was promised more.
    ledger.mark = highest
    ledger.markLsn = persist(outbox, { type: 'reserved', ledger: id, mark: highest })
  }
  const unsureUntil = armLeases(voter, ledger, leases, now)
  ledger.blockedUntil = Math.max(ledger.blockedUntil, blockedUntil)
  writeBlock(voter, outbox, Math.max(ledger.blockedUntil, unsureUntil), now)
  for (const entry of checkpointValues(voter, ledger, open, now)) persist(outbox, entry)
  for (const entry of checkpointGrants(ledger, open)) persist(outbox, entry)
  for (const entry of checkpointLeases(voter, ledger, open)) persist(outbox, entry)
  ledger.openedLsn = persist(outbox, { type: 'installed', ledger: id, epoch, producer, voters })
  beginOffice(voter, ledger, info, now)
  voter.begun.push(info)
  tellHolders(voter, outbox, ledger)
}

function highestPromise(ledger: Ledger, open: Ranges): number {
  let highest = 0
  eachSeq(open, seq => {
    highest = Math.max(highest, findPage(ledger, seq)?.promised[seq % ledger.pageTasks] ?? 0)
  })
  return highest
}

/**
 * Arms what is known of leases anew. Where two are known of one task, only one can have had its
 * majority, and nobody knows which: no other run begins there until both are over, at the returned time.
 */
function armLeases(
  voter: VoterState,
  ledger: Ledger,
  found: readonly FoundLease[],
  now: Millis,
): Millis {
  let unsureUntil = 0
  const bySeq = new Map<number, FoundLease | undefined>()
  const firm = new Set<string>()
  for (const lease of found) {
    if (!lease.tentative) firm.add(nameOf(lease))
    eachSeq(lease.seqs, seq => {
      if (!mayHold(ledger, seq, lease.ballot)) return
      const other = bySeq.get(seq)
      const clash = bySeq.has(seq) && (other === undefined || nameOf(other) !== nameOf(lease))
      bySeq.set(seq, clash ? undefined : lease)
    })
  }
  const seqs = fromSeqs([...bySeq.keys()].sort((a, b) => a - b))
  for (const [lease, group] of groupRuns(seqs, seq => bySeq.get(seq))) {
    if (lease === undefined) {
      unsureUntil = now + voter.leaseMs
      eachSeq(group, seq => ledger.retryAt.set(seq, unsureUntil))
      continue
    }
    const { ballot, claimId } = lease
    const tentative = !firm.has(nameOf(lease))
    const until = now + (tentative ? voter.tentativeMs : voter.leaseMs)
    const grant = { holder: ballot.proposer, claimId, ballot, until, tentative }
    grantLease(voter.leases, ledger, grant, group)
  }
  return unsureUntil
}

function nameOf({ ballot, claimId }: FoundLease): string {
  return `${ballot.counter}|${ballot.proposer}|${claimId}`
}

/** Whether a lease still means anything: what was accepted at its ballot or above ends it. */
function mayHold(ledger: Ledger, seq: number, ballot: Ballot): boolean {
  const page = findPage(ledger, seq)
  const slot = seq % ledger.pageTasks
  return page?.state[slot] === OPEN && (page.accepted[slot] as number) < ballot.counter
}

/** Holders of leases learn at once who leases them their tasks now. */
function tellHolders(voter: VoterState, outbox: Outbox, ledger: Ledger): void {
  const { info, openedLsn } = ledger
  const holders = leasesOf(voter.leases, info.ledger).map(({ holder }) => peerOf(holder))
  for (const peer of new Set(holders)) {
    if (peer === voter.peer) continue
    const epoch = info.epoch - 1
    send(outbox, peer, { type: 'moved', ledger: info.ledger, epoch, info }, openedLsn)
  }
}
