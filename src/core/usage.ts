import { type Claiming, isAsking } from './claim.ts'
import type { ProposerState } from './proposer.ts'

/** How many tasks this node has claimed or runs, and how many claims it waits for. */
export function use(proposer: ProposerState): { live: number; asking: number } {
  let live = 0
  let asking = 0
  for (const claiming of proposer.claims.values()) {
    if (claiming.intent !== 'run' || claiming.expiry === true) continue
    live += slotsOf(claiming)
    if (isAsking(claiming)) asking += 1
  }
  return { live, asking }
}

/** How many tasks of each queue those are. */
export function usePerQueue(proposer: ProposerState): ReadonlyMap<string, number> {
  const perQueue = new Map<string, number>()
  for (const claiming of proposer.claims.values()) {
    if (claiming.intent !== 'run' || claiming.expiry === true) continue
    const { queue } = claiming
    perQueue.set(queue, (perQueue.get(queue) ?? 0) + slotsOf(claiming))
  }
  return perQueue
}

function slotsOf({ count, anyCount, live }: Claiming): number {
  return count === 0 ? anyCount : live
}
