import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { appendDurably, entries, entry, range } from './entries.ts'
import { started, type SuiteInit } from './world.ts'

/** What is missing, changed or failing is noticed. */
export function lossSuite(name: string, init: SuiteInit): void {
  const { durability } = init

  describe(`${name}: losses`, () => {
    it('a changed entry is noticed', async t => {
      for (const lsn of [1, 3, 5]) {
        const world = await init.world(t)
        const store = await started(world)
        for (const n of range(1, 5)) await appendDurably(store, entry(n))
        await world.kill()
        await world.flipBit(lsn)
        await assert.rejects(world.store().open(), {
          name: 'StoreCorruptError',
          message: new RegExp(`entry ${lsn} has a damaged body`),
        })
      }
    })

    it('a lost end is noticed', async t => {
      const world = await init.world(t)
      const store = await started(world)
      for (const n of range(1, 5)) await appendDurably(store, entry(n))
      await world.kill()
      await world.loseAfter(3)
      await assert.rejects(world.store().open(), {
        name: 'StoreCorruptError',
        message: /journal ends at entry 3, but entry 5 was durable/,
      })
    })

    it('a lost end is noticed after a clean shutdown and a power loss', async t => {
      const world = await init.world(t)
      const store = await started(world)
      store.append(entries(1, 5))
      await store.close()
      await world.cutPower()
      await world.loseAfter(4)
      await assert.rejects(world.store().open(), { name: 'StoreCorruptError' })
    })

    it('a failed write is told once, and nothing is durable after it', async t => {
      const world = await init.world(t)
      const store = await started(world)
      await appendDurably(store, entry(1))
      const seen: number[] = []
      const failures: Error[] = []
      store.onDurable(lsn => seen.push(lsn))
      store.onFailed(error => failures.push(error))
      world.fail('write', new Error('ENOSPC: no space left on device, write'))
      assert.equal(store.append([entry(2)]), 2)
      assert.equal(store.append([entry(3)]), 3)
      await assert.rejects(store.checkpoint(1, []), { name: 'StoreFailedError' })
      await store.close()
      assert.deepEqual(seen, [])
      assert.equal(failures.length, 1)
      assert.equal(failures[0]?.name, 'StoreFailedError')
      assert.match(failures[0]?.message ?? '', /cannot be written: ENOSPC: no space left/)

      const again = world.store()
      assert.equal((await again.open()).lsn, 1)
      await again.close()
    })

    if (durability === 'disk') {
      it('a failed sync is told once, and the next start is refused', async t => {
        const world = await init.world(t)
        const store = await started(world)
        await appendDurably(store, entry(1))
        const seen: number[] = []
        store.onDurable(lsn => seen.push(lsn))
        const failed = new Promise<Error>(resolve => store.onFailed(resolve))
        world.fail('sync', new Error('EIO: i/o error, fdatasync'))
        store.append([entry(2)])
        store.append([entry(3)])
        assert.match((await failed).message, /cannot be synced: EIO/)
        store.append([entry(4)])
        const { syncs } = world.counts
        await store.close()
        assert.equal(world.counts.syncs, syncs)
        assert.deepEqual(seen, [])
        await assert.rejects(world.store().open(), {
          name: 'StoreCorruptError',
          message: /the disk failed to sync/,
        })
      })
    }
  })
}
