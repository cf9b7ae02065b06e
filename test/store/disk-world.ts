import * as fs from 'node:fs'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import type { Store } from '../../src/driver/ports.ts'
import { diskStore, type DiskStoreInit } from '../../src/store/disk-store.ts'
import type { Durability } from '../../src/store/entry-codec.ts'
import { jsonCodec, temporaryFolder } from './entries.ts'
import { flip, placeOf, segmentsOf } from './segments.ts'
import { testSystem, type TestSystem } from './test-system.ts'
import type { StoreWorld } from './world.ts'

/** A machine with a real directory. */
export interface DiskWorld extends StoreWorld {
  readonly system: TestSystem
  /** The directory as it is now: another one after `kill` and `cutPower`. */
  readonly dataDir: string
  store(options?: Partial<DiskStoreInit>): Store
  /** Puts another copy of the directory in its place, for the next store. */
  copy(): void
}

/**
 * A killed process leaves its files as they are, so a kill is a copy of the directory, whatever
 * the store is doing: the store itself is closed at the end of the test.
 */
export async function diskWorld(t: TestContext, durability: Durability): Promise<DiskWorld> {
  const releases: (() => void)[] = []
  const stores: Store[] = []
  // Before the folder is made, so that it is there until the stores are closed.
  t.after(async () => {
    for (const release of releases) release()
    await Promise.allSettled(stores.map(store => store.close()))
  })
  const folder = await temporaryFolder(t)
  const system = testSystem()
  const failing = new Map<string, Error>()
  let copies = 0
  let boots = 1
  let dataDir = join(folder, 'data-0')
  let gate = Promise.resolve()

  const failIfDue = (what: string): void => {
    const error = failing.get(what)
    failing.delete(what)
    if (error !== undefined) throw error
  }
  system.faults.write = () => {
    const error = failing.get('write')
    failing.delete('write')
    return error === undefined ? undefined : { bytes: 0, error }
  }
  system.faults.sync = async () => {
    await gate
    failIfDue('sync')
  }
  system.faults.level = async call => {
    if (call === 'before batch') failIfDue('checkpoint')
  }

  const copy = (): void => {
    copies += 1
    const next = join(folder, `data-${copies}`)
    fs.cpSync(dataDir, next, { recursive: true })
    for (const path of segmentsOf(dataDir)) {
      const original = fs.statSync(path).ino
      const copied = fs.statSync(path.replace(dataDir, next)).ino
      system.synced.set(copied, system.synced.get(original) ?? 0)
      if (system.named.has(original)) system.named.add(copied)
      else system.named.delete(copied)
    }
    dataDir = next
    gate = Promise.resolve()
  }

  return {
    system,
    counts: system.counts,
    get dataDir() {
      return dataDir
    },
    copy,
    store: options => {
      const store = diskStore({ dataDir, codec: jsonCodec, durability, system, ...options })
      stores.push(store)
      return store
    },
    kill: async () => copy(),
    cutPower: async () => {
      copy()
      boots += 1
      system.faults.bootId = `boot-${boots}`
      for (const path of segmentsOf(dataDir)) {
        const { ino } = fs.statSync(path)
        const size = system.synced.get(ino) ?? 0
        const named = system.named.has(ino) || process.platform !== 'linux'
        if (size === 0 || !named) fs.unlinkSync(path)
        else fs.truncateSync(path, size)
      }
    },
    flipBit: async lsn => {
      const { path, body } = placeOf(dataDir, lsn)
      flip(path, body)
    },
    loseAfter: async lsn => {
      const { path, end } = placeOf(dataDir, lsn)
      fs.truncateSync(path, end)
    },
    becomeNewer: async () => {
      const path = join(dataDir, 'meshwork.json')
      const identity = JSON.parse(fs.readFileSync(path, 'utf8')) as object
      fs.writeFileSync(path, JSON.stringify({ ...identity, format: 2 }))
    },
    holdSyncs: () => {
      const { promise, resolve } = Promise.withResolvers<void>()
      gate = promise
      releases.push(resolve)
      return resolve
    },
    fail: (what, error) => void failing.set(what, error),
  }
}
