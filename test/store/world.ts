import type { TestContext } from 'node:test'
import type { Store } from '../../src/driver/ports.ts'
import type { Durability } from '../../src/store/entry-codec.ts'

/** A machine with one disk, on which stores are opened one after the other. */
export interface StoreWorld {
  /** A store, not open yet, on what the one before has left. */
  store(options?: { checkpointBytes?: number }): Store
  /** The process of the last store dies; what it wrote is still there. */
  kill(): Promise<void>
  /** The machine goes down and up; what was not synced is gone. */
  cutPower(): Promise<void>
  /** Flips a bit in the body of an entry of the journal. */
  flipBit(lsn: number): Promise<void>
  /** Loses the end of the journal. */
  loseAfter(lsn: number): Promise<void>
  /** A newer version has written the disk. */
  becomeNewer(): Promise<void>
  /** Keeps syncs from completing until the returned function is called. */
  holdSyncs(): () => void
  /** Makes the next call fail. */
  fail(what: 'write' | 'sync' | 'checkpoint', error: Error): void
  /** Writes to the journal and syncs of it so far. */
  readonly counts: { readonly writes: number; readonly syncs: number }
}

/** What the conformance suite is run on. */
export interface SuiteInit {
  readonly durability: Durability
  readonly world: (t: TestContext) => Promise<StoreWorld>
}

/** A store of a world, opened. */
export async function started(
  world: StoreWorld,
  options?: { checkpointBytes?: number },
): Promise<Store> {
  const store = world.store(options)
  await store.open()
  return store
}
