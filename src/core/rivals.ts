import type { Millis } from './ids.ts'
import { type Membership, type Peer, peersServing } from './membership.ts'
import { mix } from './random.ts'

/** How long a worker is left alone that has said it is full, in milliseconds. */
export const fullMs = 4_000

/** Places in orders that are remembered. */
const maxRanks = 1_024

/** Other workers that may claim the same. */
export interface Rivals {
  readonly hashes: readonly number[]
  /** This node's place among them, per block. */
  readonly ranks: Map<number, number>
}

/** The other workers that serve a queue and are not known to be full. */
export function rivalsFor(members: Membership, queue: string, now: Millis): Rivals {
  const serving = peersServing(members, queue)
  const isFull = ({ free, freeAt }: Peer): boolean => free === 0 && now - freeAt < fullMs
  if (serving.peers.some(isFull)) return rivalsOf(serving.peers.filter(peer => !isFull(peer)))
  // The same as long as nobody comes or goes.
  return (serving.rivals ??= rivalsOf(serving.peers))
}

function rivalsOf(peers: readonly Peer[]): Rivals {
  return { hashes: peers.map(({ hash }) => hash), ranks: new Map() }
}

/** A worker's place in the order of those that may claim a block. */
export function rankIn(self: number, { hashes, ranks }: Rivals, block: number): number {
  let rank = ranks.get(block)
  if (rank !== undefined) return rank
  const mine = mix(self, block)
  rank = 0
  for (const rival of hashes) if (mix(rival, block) > mine) rank += 1
  if (ranks.size >= maxRanks) ranks.clear()
  ranks.set(block, rank)
  return rank
}
