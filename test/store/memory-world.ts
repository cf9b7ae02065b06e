import type { Durability } from '../../src/store/entry-codec.ts'
import { MemoryDisk } from '../../src/store/memory-disk.ts'
import { memoryStore } from '../../src/store/memory-store.ts'
import { jsonCodec } from './entries.ts'
import type { StoreWorld } from './world.ts'

/** A machine whose disk is memory. */
export function memoryWorld(durability: Durability): StoreWorld {
  const disk = new MemoryDisk()
  const counts = { writes: 0, syncs: 0 }
  const failing = new Map<string, Error>()
  let gate = Promise.resolve()

  const failIfDue = (what: string): void => {
    const error = failing.get(what)
    failing.delete(what)
    if (error !== undefined) throw error
  }
  disk.onWrite = () => {
    counts.writes += 1
    failIfDue('write')
  }
  disk.onSync = async () => {
    counts.syncs += 1
    await gate
    failIfDue('sync')
  }
  disk.onCheckpoint = async () => {
    await Promise.resolve()
    failIfDue('checkpoint')
  }

  return {
    counts,
    store: options => memoryStore({ codec: jsonCodec, durability, disk, ...options }),
    kill: async () => disk.kill(),
    cutPower: async () => disk.cutPower(),
    flipBit: async lsn => disk.flipBit(lsn),
    loseAfter: async lsn => disk.loseAfter(lsn),
    becomeNewer: async () => {
      disk.format = 2
    },
    holdSyncs: () => {
      const { promise, resolve } = Promise.withResolvers<void>()
      gate = promise
      return resolve
    },
    fail: (what, error) => void failing.set(what, error),
  }
}
