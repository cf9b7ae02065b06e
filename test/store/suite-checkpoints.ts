import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { entries, entry, numbers, range } from './entries.ts'
import { started, type SuiteInit } from './world.ts'

/** Replacing the journal by a checkpoint. */
export function checkpointSuite(name: string, init: SuiteInit): void {
  describe(`${name}: checkpoints`, () => {
    it('a checkpoint replaces what is below it', async t => {
      const world = await init.world(t)
      const store = await started(world)
      store.append(entries(1, 10))
      await store.checkpoint(10, [entry(100), entry(101)])
      assert.deepEqual(await numbers(store), [100, 101])
      assert.equal(store.append([entry(11)]), 11)
      await store.close()

      const again = world.store()
      assert.equal((await again.open()).lsn, 11)
      assert.deepEqual(await numbers(again), [100, 101, 11])
      await again.close()
    })

    it('appends go on during a checkpoint', async t => {
      const world = await init.world(t)
      const store = await started(world)
      store.append(entries(1, 10))
      const state = [100]
      const done = store.checkpoint(
        10,
        (function* () {
          for (const n of state) yield entry(n)
        })(),
      )
      // The entries were taken at once: what happens to the state later is in the journal.
      state[0] = 666
      store.append([entry(11)])
      await done
      store.append([entry(12)])
      await store.close()
      const again = await started(world)
      assert.deepEqual(await numbers(again), [100, 11, 12])
      await again.close()
    })

    it('a checkpoint below the end leaves what is above it', async t => {
      const world = await init.world(t)
      const store = await started(world)
      for (const n of range(1, 10)) store.append([entry(n)])
      await store.checkpoint(7, [entry(100)])
      store.append([entry(11)])
      await store.close()
      const again = world.store()
      assert.equal((await again.open()).lsn, 11)
      assert.deepEqual(await numbers(again), [100, 8, 9, 10, 11])
      await again.close()
    })

    it('the last of several checkpoints counts', async t => {
      const world = await init.world(t)
      let store = await started(world)
      for (let n = 1; n <= 6; n++) {
        store.append([entry(n)])
        await store.checkpoint(n, [entry(100 + n)])
        if (n % 2 === 0) {
          await store.close()
          store = await started(world)
        }
      }
      assert.deepEqual(await numbers(store), [106])
      await store.close()
    })

    it('a checkpoint may be empty, and outlive its process with nothing behind it', async t => {
      const world = await init.world(t)
      const store = await started(world)
      store.append(entries(1, 3))
      await store.checkpoint(3, [])
      await world.kill()
      const again = world.store()
      assert.equal((await again.open()).lsn, 3)
      assert.deepEqual(await numbers(again), [])
      assert.equal(again.append([entry(4)]), 4)
      await again.close()
    })

    it('a checkpoint that fails leaves the one before and the journal', async t => {
      const world = await init.world(t)
      const store = await started(world)
      store.append(entries(1, 3))
      await store.checkpoint(3, [entry(100)])
      store.append(entries(4, 6))
      world.fail('checkpoint', new Error('no space left on device'))
      await assert.rejects(store.checkpoint(6, [entry(200)]), {
        name: 'StoreFailedError',
        message: /cannot take a checkpoint: no space left on device/,
      })
      assert.deepEqual(await numbers(store), [100, 4, 5, 6])
      store.append([entry(7)])
      await world.kill()

      const again = await started(world)
      assert.deepEqual(await numbers(again), [100, 4, 5, 6, 7])
      await again.checkpoint(7, [entry(300)])
      assert.deepEqual(await numbers(again), [300])
      await again.close()
    })

    it('a checkpoint above the journal is a mistake', async t => {
      const store = await started(await init.world(t))
      store.append([entry(1)])
      await assert.rejects(store.checkpoint(2, []), { name: 'InvalidParametersError' })
      await store.close()
    })

    it('one is wanted when the journal has grown, and not twice', async t => {
      const world = await init.world(t)
      const store = await started(world, { checkpointBytes: 2_000 })
      assert.equal(store.wantsCheckpoint, false)
      store.append([entry(1, 'x'.repeat(3_000))])
      assert.equal(store.wantsCheckpoint, true)
      const done = store.checkpoint(1, [entry(1)])
      assert.equal(store.wantsCheckpoint, false)
      await done
      assert.equal(store.wantsCheckpoint, false)
      store.append([entry(2, 'x'.repeat(3_000))])
      await store.close()

      const again = await started(world, { checkpointBytes: 2_000 })
      assert.equal(again.wantsCheckpoint, true)
      world.fail('checkpoint', new Error('broken'))
      await assert.rejects(again.checkpoint(2, [entry(2)]))
      // A disk that is full would otherwise be asked for a checkpoint at every turn.
      assert.equal(again.wantsCheckpoint, false)
      await again.close()
    })
  })
}
