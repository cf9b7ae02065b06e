import { openChange } from './change.ts'
import type { LedgerId, Millis } from './ids.ts'
import { onInstall } from './join.ts'
import type { Ledger } from './ledger.ts'
import { forgetLedger, isAmong } from './office.ts'
import type { Machine } from './state.ts'

/** How long whoever drives a change has before the first other voter goes on with it. */
export const resumeMs = 3_000

/** How long a vote on the next voters may lead nowhere before it is taken up, in milliseconds. */
export const electMs = 10_000

/**
 * Goes on with changes that were begun by somebody who may be gone: each voter after the ones
 * before it in the list.
 */
export function resumeChanges(machine: Machine, now: Millis): void {
  const { voter, changer } = machine
  for (const ledger of [...voter.ledgers.values()]) {
    if (ledger.office === 'sealed') resumeSealed(machine, ledger, now)
    else if (ledger.office === 'observer') resumeCopy(machine, ledger, now)
    else {
      adopt(machine, ledger, now)
      completeEpoch(machine, ledger, now)
    }
  }
  for (const id of changer.noticed.keys()) if (!voter.ledgers.has(id)) changer.noticed.delete(id)
}

/** A sealed epoch is over: the members of the next one must vote. */
function resumeSealed(machine: Machine, ledger: Ledger, now: Millis): void {
  const { voter, outbox, changer, proposer } = machine
  const { info, successor, index } = ledger
  if (successor === undefined) return
  const member = isAmong(successor.voters, voter)
  const follows = successor.epoch === info.epoch + 1
  if (member && !voter.joins.has(info.ledger)) {
    const before = follows ? info.voters : []
    const install = { type: 'install', ...successor, before, end: ledger.end } as const
    onInstall(voter, outbox, proposer.up, voter.peer, install, now)
  }
  // An epoch that has itself been followed by another needs nothing that was held before it.
  if (!follows && !member) forgetLedger(voter, outbox, ledger)
  if (!follows || changer.changes.has(info.ledger)) return
  if (now < ledger.since + resumeMs * (1 + index)) return
  openChange(changer, outbox, ledger, successor.voters, 'installing', now)
}

/** Whoever keeps a copy may have been chosen meanwhile; or nobody wants it any more. */
function resumeCopy({ voter, outbox, proposer }: Machine, ledger: Ledger, now: Millis): void {
  const { info, end } = ledger
  if (voter.joins.has(info.ledger)) return
  if (isAmong(info.voters, voter)) {
    const install = { type: 'install', ...info, before: [], end } as const
    onInstall(voter, outbox, proposer.up, voter.peer, install, now)
  } else if (!voter.copies.has(info.ledger)) forgetLedger(voter, outbox, ledger)
}

/** Whoever votes sees to it that all do who should: the others may be gone who were to tell them. */
function completeEpoch({ changer, outbox }: Machine, ledger: Ledger, now: Millis): void {
  const { info, end, index, since, isWhole } = ledger
  if (isWhole || changer.changes.has(info.ledger) || now < since + resumeMs * (1 + index)) return
  // By now the voters before need not be there: those of this epoch hold no less.
  const before = { ...info, epoch: info.epoch - 1, voters: [] }
  openChange(changer, outbox, { info: before, end }, info.voters, 'installing', now)
}

/** What this voter has accepted may be decided, and nobody may be left who knows it. */
function adopt({ changer, outbox }: Machine, ledger: Ledger, now: Millis): void {
  const { succession, info, index } = ledger
  if (succession === undefined || succession.accepted.counter === 0) return
  // That somebody is still to be installed, whose disk may be gone, must not keep others from following.
  if (changer.changes.get(info.ledger)?.info.epoch === info.epoch) return
  const since = noticedAt(changer.noticed, info.ledger, now)
  if (now < since + electMs * (1 + index)) return
  changer.noticed.delete(info.ledger)
  openChange(changer, outbox, ledger, succession.voters, 'asking', now)
}

function noticedAt(noticed: Map<LedgerId, Millis>, id: LedgerId, now: Millis): Millis {
  const since = noticed.get(id) ?? now
  noticed.set(id, since)
  return since
}
