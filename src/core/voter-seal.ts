import type { Observe, Seal } from './change-messages.ts'
import { type Millis, type PeerId, peerOf } from './ids.ts'
import type { Ledger } from './ledger.ts'
import { recordLsn } from './ledger-records.ts'
import { freezeLeases } from './lease.ts'
import type { LedgerInfo } from './messages.ts'
import { isAmong, latestInfo, votingIn } from './office.ts'
import { type Outbox, persist, send } from './outbox.ts'
import { endOf } from './ranges.ts'
import { partOf } from './state-part.ts'
import { tellRetired } from './tell-collected.ts'
import { closeAt } from './voter-compare.ts'
import type { VoterState } from './voter.ts'

/**
 * Ends the epoch at this voter: from here on it changes nothing of what it holds, so that what
 * it tells to those who follow stays true.
 */
export function sealLedger(
  voter: VoterState,
  outbox: Outbox,
  ledger: Ledger,
  successor: LedgerInfo,
  now: Millis,
): void {
  const { ledger: id, epoch, producer, voters } = successor
  ledger.openedLsn = persist(outbox, { type: 'sealed', ledger: id, epoch, producer, voters })
  closeOffice(voter, ledger, successor)
  // Each of its numbers was written down here first, and where this node does not vote it gives none.
  const isOwn = peerOf(producer) === voter.peer
  if (isOwn && !isAmong(voters, voter)) closeAt(outbox, ledger, endOf(ledger.stored))
  ledger.since = now
  voter.begun.push(successor)
}

/** What the seal means for what is in memory. */
export function closeOffice(voter: VoterState, ledger: Ledger, successor: LedgerInfo): void {
  const { ledger: id } = ledger.info
  ledger.office = 'sealed'
  ledger.successor = successor
  freezeLeases(voter.leases, id)
  voter.undecided = voter.undecided.filter(item => item.ledger !== id)
  voter.evidence = voter.evidence.filter(item => item.ledger !== id)
}

/** Answers a SEAL: ends the epoch, and gives a part of what this voter holds. */
export function onSeal(
  voter: VoterState,
  outbox: Outbox,
  from: PeerId,
  seal: Seal,
  now: Millis,
): void {
  const { ledger: id, epoch, voters } = seal
  const ledger = voter.ledgers.get(id)
  if (ledger === undefined && tellRetired(voter, outbox, from, id)) return
  if (ledger === undefined) return tellMoved(outbox, from, seal, voter.moved.get(id))
  const { info } = ledger
  if (ledger.office === 'voter' && info.epoch === epoch) {
    const { producer } = info
    sealLedger(voter, outbox, ledger, { ledger: id, epoch: epoch + 1, producer, voters }, now)
  }
  // A member of the next epoch holds at least what a sealed majority has held.
  const sealed = ledger.office === 'sealed' && info.epoch === epoch
  const next = ledger.office === 'voter' && info.epoch === epoch + 1
  if (sealed || next) {
    send(outbox, from, partOf(voter, ledger, seal, true, now), ledger.openedLsn)
  } else tellMoved(outbox, from, seal, latestInfo(ledger))
}

/** Who asks for an epoch that is over before it has begun there must not wait for it. */
function tellMoved(
  outbox: Outbox,
  to: PeerId,
  { ledger, epoch }: Seal,
  known: LedgerInfo | undefined,
): void {
  if (known === undefined || known.epoch <= epoch + 1) return
  send(outbox, to, { type: 'moved', ledger, epoch, info: known })
}

/** Answers an OBSERVE: gives records and outcomes, and changes nothing. */
export function onObserve(
  voter: VoterState,
  outbox: Outbox,
  from: PeerId,
  observe: Observe,
  now: Millis,
): void {
  if (tellRetired(voter, outbox, from, observe.ledger)) return
  const ledger = votingIn(voter, outbox, from, observe)
  if (ledger === undefined) return
  const part = partOf(voter, ledger, observe, false, now)
  const seqs = part.chunks.flatMap(({ first, count }) => [first, count])
  send(outbox, from, part, recordLsn(ledger, seqs))
}
