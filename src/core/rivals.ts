import type { Millis } from './ids.ts'
import { fullPeers, type Membership } from './membership.ts'
import { mix } from './random.ts'

/** How long a worker is left alone that has said it is full, in milliseconds. */
export const fullMs = 4_000

/** Hashes of the other workers that serve a queue and are not known to be full. */
export function rivalsFor(members: Membership, queue: string, now: Millis): number[] {
  const rivals: number[] = []
  for (const { hello, hash, free, freeAt } of fullPeers(members)) {
    if (hello.concurrency === 0 || !hello.queues.includes(queue)) continue
    if (free === 0 && now - freeAt < fullMs) continue
    rivals.push(hash)
  }
  return rivals
}

/** A worker's place in the order of those that may claim a block. */
export function rankIn(self: number, rivals: readonly number[], block: number): number {
  const mine = mix(self, block)
  let rank = 0
  for (const rival of rivals) if (mix(rival, block) > mine) rank += 1
  return rank
}
