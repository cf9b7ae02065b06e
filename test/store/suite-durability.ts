import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { appendDurably, durable, entries, entry, numbers, range } from './entries.ts'
import { started, type SuiteInit } from './world.ts'

/** When entries are durable, and what that is worth. */
export function durabilitySuite(name: string, init: SuiteInit): void {
  const { durability } = init

  describe(`${name}: durability`, () => {
    if (durability === 'process') {
      it('entries are durable within append', async t => {
        const world = await init.world(t)
        const store = await started(world)
        const seen: number[] = []
        store.onDurable(lsn => seen.push(lsn))
        const before = world.counts.syncs
        store.append([entry(1), entry(2)])
        assert.deepEqual(seen, [2])
        store.append([entry(3)])
        assert.deepEqual(seen, [2, 3])
        assert.equal(world.counts.syncs, before)
        await store.close()
      })
    } else {
      it('one sync is in flight, and what is appended meanwhile shares the next', async t => {
        const world = await init.world(t)
        const store = await started(world)
        const seen: number[] = []
        store.onDurable(lsn => seen.push(lsn))
        const before = world.counts.syncs
        const all = durable(store, 20)
        const release = world.holdSyncs()
        for (let n = 1; n <= 20; n++) store.append([entry(n)])
        assert.equal(world.counts.syncs - before, 1)
        assert.deepEqual(seen, [])
        release()
        await all
        assert.deepEqual(seen, [1, 20])
        assert.equal(world.counts.syncs - before, 2)
        await store.close()
      })

      it('what is appended when told of durability is synced too', async t => {
        const store = await started(await init.world(t))
        store.onDurable(lsn => {
          if (lsn < 5) store.append([entry(lsn + 1)])
        })
        const fifth = durable(store, 5)
        store.append([entry(1)])
        await fifth
        await store.close()
      })

      it('a power loss takes what was not synced, and no more', async t => {
        const world = await init.world(t)
        const store = await started(world)
        await appendDurably(store, ...entries(1, 5))
        world.holdSyncs()
        store.append(entries(6, 9))
        await world.cutPower()

        const again = world.store()
        const { lsn, intact } = await again.open()
        assert.deepEqual({ lsn, intact }, { lsn: 5, intact: false })
        assert.deepEqual(await numbers(again), range(1, 5))
      })
    }

    it('durability never goes back', async t => {
      const store = await started(await init.world(t))
      const seen: number[] = []
      store.onDurable(lsn => seen.push(lsn))
      for (let n = 1; n <= 10; n++) await appendDurably(store, entry(n))
      assert.deepEqual(
        seen,
        seen.toSorted((a, b) => a - b),
      )
      await store.close()
    })

    it('close makes everything durable and says so', async t => {
      const world = await init.world(t)
      const store = await started(world)
      const seen: number[] = []
      store.onDurable(lsn => seen.push(lsn))
      store.append(entries(1, 3))
      await store.close()
      assert.equal(seen.at(-1), 3)
      await world.cutPower()

      const again = world.store()
      const { lsn, intact } = await again.open()
      assert.deepEqual({ lsn, intact }, { lsn: 3, intact: true })
      await again.close()
    })

    it('a kill takes nothing', async t => {
      const world = await init.world(t)
      const store = await started(world)
      const release = world.holdSyncs()
      store.append(entries(1, 3))
      store.append([entry(4)])
      await world.kill()
      release()

      const again = world.store()
      const { lsn, intact } = await again.open()
      assert.deepEqual({ lsn, intact }, { lsn: 4, intact: true })
      assert.deepEqual(await numbers(again), range(1, 4))
    })
  })
}
