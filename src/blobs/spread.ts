import type { PeerId } from '../core/ids.ts'
import { systemTimers } from '../time/system-timers.ts'
import { delay, type Timers } from '../time/timers.ts'
import { NoRoomAtPeersError } from './errors.ts'
import type { BlobNetwork, BlobStore, StoredBlob } from './ports.ts'

/** Who shall have a blob. */
export interface SpreadTarget {
  /** The nodes in question, in the order in which they are asked. */
  readonly peers: readonly PeerId[]
  /** How many of them must have it. */
  readonly needed: number
  /** Whether they shall see to its further spread: a guest's host does. */
  readonly spread: boolean
}

export interface SpreadInit {
  readonly blob: StoredBlob
  readonly store: BlobStore
  readonly network: BlobNetwork
  /** Nodes that are known to have it; those that take it are added. */
  readonly held: Set<PeerId>
  /** Asked in each round; `undefined` while it cannot be said. */
  target(): SpreadTarget | undefined
  /** Called once if some have no room and others are waited for. */
  readonly warn: (message: string) => void
  readonly signal: AbortSignal
  /** @default the system's */
  readonly timers?: Timers | undefined
}

/** First and longest wait between rounds, in milliseconds. */
const backoffMinMs = 50
const backoffMaxMs = 2_000

/**
 * Gives a blob that is here to others until enough have it durably. Waits for those that are not
 * there, as a publish does.
 *
 * @throws {NoRoomAtPeersError} So many have no room that the others are not enough.
 * @throws {BlobUnavailableError} It is not here any more.
 */
export async function spread(init: SpreadInit): Promise<void> {
  const { blob, signal } = init
  let isTold = false
  for (let round = 0; ; round++) {
    signal.throwIfAborted()
    const target = init.target()
    const full = target === undefined ? [] : await giveTo(target, init)
    if (target !== undefined) {
      if (missing(target, init) <= 0) return
      if (target.peers.length - full.length < target.needed) {
        throw new NoRoomAtPeersError(full, blob.size)
      }
      if (full.length > 0 && !isTold) {
        isTold = true
        init.warn(`${new NoRoomAtPeersError(full, blob.size).message}, or wait for others`)
      }
    }
    const waitMs = Math.min(backoffMaxMs, backoffMinMs * 2 ** round)
    await delay(init.timers ?? systemTimers, waitMs, signal)
  }
}

function missing({ peers, needed }: SpreadTarget, { held }: SpreadInit): number {
  return needed - peers.filter(peer => held.has(peer)).length
}

/** Gives the blob to as many as it takes, to others where some fail. Returns who has no room. */
async function giveTo(target: SpreadTarget, init: SpreadInit): Promise<PeerId[]> {
  const { blob, store, network, held, signal } = init
  const { hash, size } = blob
  const full: PeerId[] = []
  const candidates = target.peers.filter(peer => !held.has(peer))
  let broken: Error | undefined
  // What cannot be read here cannot be given to others, either.
  const read = async function* (offset: number): AsyncGenerator<Uint8Array> {
    try {
      yield* store.read(hash, { offset })
    } catch (error) {
      broken = error instanceof Error ? error : new Error(String(error))
      throw broken
    }
  }
  const line = async (): Promise<void> => {
    for (let peer = candidates.shift(); peer !== undefined; peer = candidates.shift()) {
      try {
        const gift = { hash, size, spread: target.spread, read }
        if ((await network.put(peer, gift, { signal })) === 'full') {
          full.push(peer)
          continue
        }
        held.add(peer)
        return
      } catch {
        // Gone, or too slow: the others are as good, and it is asked again in the next round.
        signal.throwIfAborted()
        if (broken !== undefined) throw broken
      }
    }
  }
  await Promise.all(Array.from({ length: Math.max(0, missing(target, init)) }, line))
  return full
}
