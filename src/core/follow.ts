import { sawSuccessor } from './change.ts'
import type { Moved } from './change-messages.ts'
import type { Millis, PeerId } from './ids.ts'
import { onInstall } from './join.ts'
import type { LedgerInfo } from './messages.ts'
import { moveClaims } from './move-claim.ts'
import { isAmong, latestInfo, rememberMoved } from './office.ts'
import { persist } from './outbox.ts'
import { moveStoring } from './producer.ts'
import type { Machine } from './state.ts'
import { sealLedger } from './voter-seal.ts'

/** How long a new epoch has to begin before outcomes are asked for there, in milliseconds. */
const settleInMs = 1_000

/** Learns that a ledger has other voters now. */
export function onMoved(machine: Machine, from: PeerId, { info }: Moved, now: Millis): void {
  const { voter, outbox, changer } = machine
  sawSuccessor(changer, outbox, info, now)
  const ledger = voter.ledgers.get(info.ledger)
  const tombstone = voter.moved.get(info.ledger)
  if (ledger !== undefined && info.epoch > latestInfo(ledger).epoch) leave(machine, info, now)
  if (tombstone !== undefined && info.epoch > tombstone.epoch) {
    const { ledger: id, epoch, producer, voters } = info
    persist(outbox, { type: 'moved', ledger: id, epoch, producer, voters })
    rememberMoved(voter, info)
    if (isAmong(voters, voter)) {
      const install = { type: 'install', ...info, before: [], end: -1 } as const
      onInstall(voter, outbox, machine.proposer.up, voter.peer, install, now)
    }
  }
  follow(machine, info, now)
  if (from === machine.init.peer) return
  const join = voter.joins.get(info.ledger)
  if (join !== undefined && join.info.epoch < info.epoch) voter.joins.delete(info.ledger)
}

/** What this storage held of an epoch is over; if it is to vote in the one that follows, it joins. */
function leave({ voter, outbox, proposer }: Machine, info: LedgerInfo, now: Millis): void {
  const ledger = voter.ledgers.get(info.ledger)
  if (ledger === undefined) return
  const copy = voter.copies.get(info.ledger)
  // It was to stand for a voter that was alone. Those who vote now ask again for what they need.
  if (copy !== undefined) Object.assign(copy, { info, isStanding: false })
  const before = ledger.info.epoch + 1 === info.epoch ? ledger.info.voters : []
  if (ledger.office === 'observer') {
    ledger.info = info
    const { ledger: id, epoch, producer, voters } = info
    persist(outbox, { type: 'observed', ledger: id, epoch, producer, voters })
    return
  }
  sealLedger(voter, outbox, ledger, info, now)
  if (!isAmong(info.voters, voter)) return
  const install = { type: 'install', ...info, before, end: ledger.end } as const
  onInstall(voter, outbox, proposer.up, voter.peer, install, now)
}

/** Goes on in a new epoch with whatever this node has under way in a ledger. */
export function follow(machine: Machine, info: LedgerInfo, now: Millis): void {
  const { proposer, producer, voter, outbox, announce, watch } = machine
  const hint = announce.hints.get(info.ledger)
  if (hint !== undefined && hint.info.epoch < info.epoch) hint.info = info
  moveClaims(proposer, outbox, info, now)
  moveStoring(producer, voter, outbox, info, now)
  if (watch.application.has(info.ledger)) {
    watch.rewatchAt = Math.min(watch.rewatchAt, now + settleInMs)
  }
}

/** Follows the epochs that have begun or ended at this voter itself. */
export function followOwn(machine: Machine, now: Millis): boolean {
  const { voter } = machine
  const begun = voter.begun.splice(0)
  for (const info of begun) follow(machine, info, now)
  return begun.length > 0
}
