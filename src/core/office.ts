import { forgetForks } from './forks.ts'
import type { LedgerId, PeerId } from './ids.ts'
import type { Ledger } from './ledger.ts'
import type { LedgerInfo, Voter } from './messages.ts'
import { type Outbox, persist, send } from './outbox.ts'
import { countOf } from './ranges.ts'
import { rememberEnd } from './untold-ends.ts'
import type { VoterState } from './voter.ts'

/** Ledgers whose keepers a storage remembers after it has forgotten them itself. */
const maxMoved = 10_000

/** The newest that is known of who keeps a ledger. */
export function latestInfo(ledger: Ledger): LedgerInfo {
  return ledger.successor ?? ledger.info
}

/** The same of any ledger that is or was held here. */
export function knownInfo(voter: VoterState, id: LedgerId): LedgerInfo | undefined {
  const ledger = voter.ledgers.get(id)
  return ledger === undefined ? voter.moved.get(id) : latestInfo(ledger)
}

/**
 * The newest epoch that a majority is known to have begun: what is said of who keeps a task rests on
 * it. Undefined where that is not known yet.
 */
export function begunInfo(voter: VoterState, id: LedgerId): LedgerInfo | undefined {
  const ledger = voter.ledgers.get(id)
  if (ledger === undefined) return voter.moved.get(id)
  const { office, info, isWhole } = ledger
  return office === 'voter' && info.epoch > 0 && !isWhole ? undefined : info
}

/** The ledger, if this storage votes in it now. */
export function votedLedger(voter: VoterState, id: LedgerId): Ledger | undefined {
  const ledger = voter.ledgers.get(id)
  return ledger?.office === 'voter' ? ledger : undefined
}

/** The ledger, if this storage votes in it in that epoch. */
export function ledgerIn(voter: VoterState, id: LedgerId, epoch: number): Ledger | undefined {
  const ledger = votedLedger(voter, id)
  return ledger?.info.epoch === epoch ? ledger : undefined
}

/**
 * The ledger that a request is about, if this storage votes in it in the epoch that is named. Who
 * asks about an epoch that is over is told what has followed it.
 */
export function votingIn(
  voter: VoterState,
  outbox: Outbox,
  from: PeerId,
  { ledger: id, epoch }: { readonly ledger: LedgerId; readonly epoch: number },
): Ledger | undefined {
  const ledger = ledgerIn(voter, id, epoch)
  if (ledger !== undefined) return ledger
  const known = knownInfo(voter, id)
  const plain = voter.plain.has(from)
  if (known === undefined || (plain && known.epoch > epoch)) {
    send(outbox, from, { type: 'unknown-ledger', ledger: id, epoch })
  } else if (known.epoch > epoch)
    send(outbox, from, { type: 'moved', ledger: id, epoch, info: known })
  return undefined
}

/** Whether anything of a ledger is still to be decided. */
export function hasOpenTasks({ stored, settled }: Ledger): boolean {
  return countOf(stored) !== countOf(settled)
}

/** Whether a storage is among voters. */
export function isAmong(voters: readonly Voter[], { peer, storageId }: Voter): boolean {
  return voters.some(voter => voter.peer === peer && voter.storageId === storageId)
}

/** Remembers who keeps a ledger that is forgotten here; the oldest of too many is dropped. */
export function rememberMoved(voter: VoterState, info: LedgerInfo): void {
  voter.moved.delete(info.ledger)
  voter.moved.set(info.ledger, info)
  if (voter.moved.size <= maxMoved) return
  const [oldest] = voter.moved.keys()
  if (oldest !== undefined) voter.moved.delete(oldest)
}

/** Forgets all that is held of a ledger, since others keep it. */
export function forgetLedger(voter: VoterState, outbox: Outbox, ledger: Ledger): void {
  const info = latestInfo(ledger)
  const { ledger: id, epoch, producer, voters } = info
  persist(outbox, { type: 'moved', ledger: id, epoch, producer, voters })
  dropLedger(voter, ledger)
  rememberMoved(voter, info)
  rememberEnd(voter, info, ledger.end)
}

/** Lets go of what is held of a ledger. */
export function dropLedger(voter: VoterState, ledger: Ledger): void {
  const { ledger: id } = ledger.info
  for (const { payload } of ledger.chunks) voter.bytes -= payload?.length ?? 0
  for (const held of ledger.values) voter.bytes -= held?.values.body.length ?? 0
  for (const lease of voter.leases.byId.values()) {
    if (lease.ledger !== id) continue
    voter.leases.byId.delete(lease.id)
    voter.leases.sessions.get(lease.holder)?.leases.delete(lease.claimId)
  }
  voter.undecided = voter.undecided.filter(item => item.ledger !== id)
  voter.evidence = voter.evidence.filter(item => item.ledger !== id)
  voter.ledgers.delete(id)
  forgetForks(voter, id)
  voter.lonely.delete(id)
  voter.joins.delete(id)
  voter.copies.delete(id)
}
