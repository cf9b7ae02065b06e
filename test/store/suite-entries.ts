import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { appendDurably, entries, entry, numbers, range } from './entries.ts'
import { started, type SuiteInit } from './world.ts'

/** Appending, replaying, opening and closing. */
export function entrySuite(name: string, init: SuiteInit): void {
  describe(`${name}: entries`, () => {
    it('an empty store has a storage id and nothing in it', async t => {
      const store = (await init.world(t)).store()
      const { storageId, lsn, intact } = await store.open()
      assert.match(storageId, /^[0-9a-f]{32}$/)
      assert.equal(lsn, 0)
      assert.equal(intact, true)
      assert.deepEqual(await numbers(store), [])
      await store.close()
    })

    it('appends are numbered from 1, over restarts too', async t => {
      const world = await init.world(t)
      const first = await started(world)
      assert.equal(first.append([entry(1)]), 1)
      assert.equal(first.append([entry(2), entry(3)]), 3)
      assert.equal(first.append([]), 3)
      await first.close()

      const second = world.store()
      assert.equal((await second.open()).lsn, 3)
      assert.equal(second.append([entry(4)]), 4)
      assert.deepEqual(await numbers(second), range(1, 4))
      await second.close()
    })

    it('the storage id stays', async t => {
      const world = await init.world(t)
      const first = world.store()
      const { storageId } = await first.open()
      await first.close()
      const second = world.store()
      assert.equal((await second.open()).storageId, storageId)
      await second.close()
    })

    it('replay gives what was appended, byte for byte', async t => {
      const world = await init.world(t)
      const store = await started(world)
      const long = entry(1, 'x'.repeat(300_000))
      await appendDurably(store, long, ...entries(2, 1_200))
      await store.close()
      const again = await started(world)
      const slices: number[] = []
      for await (const slice of again.replay()) slices.push(slice.length)
      assert.ok(Math.max(...slices) < 1_200)
      assert.deepEqual(await numbers(again), range(1, 1_200))
      for await (const [first] of again.replay()) {
        assert.deepEqual(first, long)
        break
      }
      await again.close()
    })

    it('an append is one write', async t => {
      const world = await init.world(t)
      const store = await started(world)
      const before = world.counts.writes
      store.append(entries(1, 50))
      store.append(entries(51, 51))
      assert.equal(world.counts.writes - before, 2)
      await store.close()
    })

    it('an entry that cannot be encoded leaves the journal as it was', async t => {
      const world = await init.world(t)
      const store = await started(world)
      store.append([entry(1)])
      const cyclic: Record<string, unknown> = { type: 'started' }
      cyclic['node'] = cyclic
      assert.throws(() => store.append([entry(2), cyclic as never]), TypeError)
      assert.equal(store.append([entry(2)]), 2)
      await store.close()
      const again = await started(world)
      assert.deepEqual(await numbers(again), [1, 2])
      await again.close()
    })
  })

  describe(`${name}: opening and closing`, () => {
    it('a second store is told that the first one has it', async t => {
      const world = await init.world(t)
      const first = await started(world)
      const second = world.store()
      await assert.rejects(second.open(), {
        name: 'StoreLockedError',
        message: /is in use by another node; stop that node or choose another directory$/,
      })
      await second.close()
      first.append([entry(1)])
      await first.close()
      const third = world.store()
      assert.equal((await third.open()).lsn, 1)
      await third.close()
    })

    it('opening twice opens once', async t => {
      const store = (await init.world(t)).store()
      assert.deepEqual(await store.open(), await store.open())
      await store.close()
    })

    it('a store is used only between open and close', async t => {
      const world = await init.world(t)
      const store = world.store()
      const closed = { name: 'StoreClosedError' }
      assert.throws(() => store.append([entry(1)]), closed)
      assert.throws(() => store.replay(), closed)
      await store.open()
      await Promise.all([store.close(), store.close()])
      await store.close()
      assert.throws(() => store.append([entry(1)]), closed)
      await assert.rejects(store.checkpoint(0, []), closed)
      await assert.rejects(store.open(), closed)
      assert.equal(store.wantsCheckpoint, false)
    })

    it('a store that was never opened closes', async t => {
      await (await init.world(t)).store().close()
    })

    it('a newer version is refused and left alone', async t => {
      const world = await init.world(t)
      const store = await started(world)
      store.append([entry(1)])
      await store.close()
      await world.becomeNewer()
      await assert.rejects(world.store().open(), {
        name: 'StoreVersionError',
        message: /has format 2, this version reads up to 1; upgrade it/,
      })
    })
  })
}
