import type { Millis } from './ids.ts'
import { chooseVoters, listedPeers, type Membership } from './membership.ts'
import { isAmong } from './office.ts'
import type { ProducerState } from './producer.ts'

/** How long voters have to answer OPEN, in milliseconds; also the wait for voters at the start. */
export const openMs = 2_000

/** A ledger takes so many tasks before the next one is opened. */
export const maxLedgerTasks = 1_000_000

/** A ledger takes tasks for so long, in milliseconds. */
export const maxLedgerAgeMs = 24 * 3_600_000

/** How often a ledger may be given up for one with better voters, in milliseconds. */
export const rollMs = 30_000

/** How long a voter must be gone before new tasks get other voters, in milliseconds. */
export const goneMs = 5_000

/** Whether new tasks should go to a new ledger. */
export function mustRoll(producer: ProducerState, members: Membership, now: Millis): boolean {
  const { current } = producer
  // A ledger that others keep by now takes no more tasks from here.
  if (current === undefined || !isAmong(current.info.voters, producer.self)) return true
  if (current.next >= maxLedgerTasks || now >= producer.openedAt + maxLedgerAgeMs) return true
  const mine = current.info.voters
  const lost = mine.filter(({ peer }) => {
    const known = members.peers.get(peer)
    if (peer === producer.self.peer) return false
    return known?.up !== true && now >= (known?.upSince ?? 0) + goneMs
  })
  // Nobody is looked for where nobody is missing.
  const enough = lost.length === 0 && mine.length >= producer.wanted - ((producer.wanted + 1) % 2)
  const best = enough ? mine : chooseVoters(members, producer.self, producer.wanted, now)
  const better = best.length > mine.length || (lost.length > 0 && best.length >= mine.length)
  if (!better) {
    producer.betterSince = Infinity
    return false
  }
  producer.betterSince = Math.min(producer.betterSince, now)
  // Peers that are spoken of may be here in a moment: voters are chosen once, from all of them.
  const expected = Math.min(producer.wanted, listedPeers(members).size + 1)
  const waitForMore =
    best.length < expected - ((expected + 1) % 2) && now < producer.betterSince + openMs
  return !waitForMore && (current.next === 0 || now >= producer.rolledAt + rollMs)
}
