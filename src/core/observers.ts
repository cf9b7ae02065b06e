import { candidatesFor } from './next-voters.ts'
import type { Millis, PeerId } from './ids.ts'
import type { Ledger } from './ledger.ts'
import { knownInfo, votedLedger } from './office.ts'
import { send } from './outbox.ts'
import type { Machine } from './state.ts'
import { tellRetired } from './tell-collected.ts'

/*
 * Two nodes are no better a majority than one: where there are not enough for three voters one votes
 * alone, and has another one keep a standing copy of what it holds. The observer asks for what it
 * lacks whenever it is asked to stand. It never votes, and it may be some seconds behind.
 */

/** How often an observer is asked where nothing changes, so that it knows it is wanted. */
const standMs = 300_000

/** Has another node keep a copy of what this one alone votes on, as it is by now. */
export function tendObservers(machine: Machine, now: Millis): void {
  const { voter, outbox, changer } = machine
  for (const id of changer.observers.keys()) dismiss(machine, id)
  for (const ledger of voter.ledgers.values()) {
    const { ledger: id, epoch } = ledger.info
    if (!wantsObserver(machine, ledger)) continue
    const peer = observerOf(machine, ledger, now)
    if (peer === undefined) continue
    const { upSince = 0 } = machine.members.peers.get(peer) ?? {}
    const last = changer.observers.get(id)
    const isTold = last?.peer === peer && last.upSince === upSince && now < last.askedAt + standMs
    if (isTold && !ledger.changed) continue
    changer.observers.set(id, { peer, upSince, askedAt: now, epoch })
    send(outbox, peer, { type: 'invite', ...ledger.info, standing: true })
  }
}

/** Whether this node is the only one that keeps the records and outcomes of a ledger, and minds that. */
function wantsObserver({ changer, producer, isHandingOver }: Machine, ledger: Ledger): boolean {
  const { office, info, chunks } = ledger
  if (office !== 'voter' || info.voters.length > 1 || chunks.length === 0) return false
  return producer.wanted > 1 && !isHandingOver && !changer.changes.has(info.ledger)
}

/** Who has the copy, as long as it is there; else whoever would be the first to vote, too. */
function observerOf(
  { members, changer }: Machine,
  ledger: Ledger,
  now: Millis,
): PeerId | undefined {
  const { ledger: id } = ledger.info
  const last = changer.observers.get(id)?.peer ?? ''
  if (members.peers.get(last)?.hello?.guest === false) return last
  return candidatesFor(members, id, now).find(({ isSettled }) => isSettled)?.voter.peer
}

/** Tells an observer that the ledger has other voters now, or has ended. */
function dismiss({ voter, outbox, changer }: Machine, id: string): void {
  const ledger = votedLedger(voter, id)
  const { peer, epoch } = changer.observers.get(id) ?? { peer: '', epoch: 0 }
  if (ledger?.info.epoch === epoch) return
  changer.observers.delete(id)
  const info = knownInfo(voter, id)
  if (info === undefined) tellRetired(voter, outbox, peer, id)
  else if (info.epoch > epoch) send(outbox, peer, { type: 'moved', ledger: id, epoch, info })
}
