import assert from 'node:assert/strict'
import * as fs from 'node:fs'
import { join } from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { nodeSystem, type Level } from '../../src/store/system.ts'
import { diskWorld, type DiskWorld } from './disk-world.ts'
import { appendDurably, entries, entry, numbers } from './entries.ts'
import { flip, placesOf, segmentsOf } from './segments.ts'

const sizes = { segmentBytes: 400, pageBytes: 300 }

/** Opens the LevelDB of a directory beside the store. */
async function inLevel(world: DiskWorld, work: (level: Level) => Promise<void>): Promise<void> {
  const level = nodeSystem.level(join(world.dataDir, 'level'), { createIfMissing: false })
  await level.open()
  try {
    await work(level)
  } finally {
    await level.close()
  }
}

/** Two checkpoints and some entries, closed. */
async function checkpointed(t: TestContext): Promise<DiskWorld> {
  const world = await diskWorld(t, 'disk')
  const store = world.store(sizes)
  await store.open()
  await appendDurably(store, ...entries(1, 8))
  await store.checkpoint(8, entries(101, 120))
  await appendDurably(store, ...entries(9, 12))
  await store.checkpoint(12, entries(201, 220))
  await appendDurably(store, ...entries(13, 14))
  await store.close()
  return world
}

describe('a crash during a checkpoint', () => {
  for (const durability of ['process', 'disk'] as const) {
    it(`leaves the one before or has the new one, at every step, ${durability}`, async t => {
      const olds = [...entries(101, 110), ...entries(9, 12)].map(numberOf)
      const news = entries(201, 230).map(numberOf)
      const seen = new Set<string>()
      let step = 0
      for (let steps = 1; step < steps && step < 100; step++) {
        const world = await diskWorld(t, durability)
        const store = world.store(sizes)
        await store.open()
        for (const n of entries(1, 8)) await appendDurably(store, n)
        await store.checkpoint(8, entries(101, 110))
        for (const n of entries(9, 12)) await appendDurably(store, n)

        steps = await crashAt(world, step, () => store.checkpoint(12, entries(201, 230)))
        const again = world.store(sizes)
        assert.equal((await again.open()).lsn, 12, `step ${step}`)
        const found = await numbers(again)
        const which = found[0] === 101 ? 'old' : 'new'
        assert.deepEqual(found, which === 'old' ? olds : news, `step ${step}`)
        seen.add(which)

        // What was left of the crash is in nobody's way.
        await appendDurably(again, entry(13))
        await again.checkpoint(13, [entry(300)])
        await again.close()
        const third = world.store(sizes)
        assert.equal((await third.open()).lsn, 13)
        assert.deepEqual(await numbers(third), [300])
        await third.close()
      }
      assert.ok(step > 8)
      assert.deepEqual([...seen], ['old', 'new'])
    })
  }
})

/** Copies the directory just before a step; returns how many steps there are. */
async function crashAt(world: DiskWorld, step: number, work: () => Promise<void>): Promise<number> {
  let count = 0
  const atStep = (): void => {
    if (count === step) world.copy()
    count += 1
  }
  world.system.faults.level = async () => atStep()
  world.system.faults.unlink = atStep
  await work()
  world.system.faults.level = () => Promise.resolve()
  world.system.faults.unlink = () => undefined
  return count
}

describe('a checkpoint', () => {
  it('cuts the journal and deletes the one before', async t => {
    const world = await checkpointed(t)
    assert.deepEqual(
      placesOf(world.dataDir).map(({ lsn }) => lsn),
      [13, 14],
    )
    await inLevel(world, async level => {
      const keys = await level.keys().all()
      assert.ok(keys.length > 3)
      const generations = keys.filter(key => key !== 'identity').map(key => key.split('/')[1])
      assert.deepEqual(new Set(generations), new Set(['000000000002']))
    })
  })

  it('with a missing or changed row is refused', async t => {
    const world = await checkpointed(t)
    const rows = new Map<string, Uint8Array>()
    await inLevel(world, async level => {
      for await (const [key, value] of level.iterator()) rows.set(key, value)
    })
    assert.ok(rows.size > 4)
    for (const [key, value] of rows) {
      const changed = new Uint8Array(value)
      changed[40] = (changed[40] ?? 0) ^ 1
      for (const broken of [undefined, changed, value.subarray(0, value.byteLength - 1)]) {
        await inLevel(world, async level => {
          if (broken === undefined) await level.del(key, { sync: true })
          else await level.put(key, broken, { sync: true })
        })
        // The identity is 32 bytes, which byte 40 is not one of.
        const harmless = key === 'identity' && broken === changed
        if (harmless) continue
        await assert.rejects(world.store().open(), { name: 'StoreCorruptError' }, key)
      }
      await inLevel(world, level => level.put(key, value, { sync: true }))
    }
    const store = world.store()
    assert.equal((await store.open()).lsn, 14)
    await store.close()
  })

  it('that LevelDB lost is noticed though the one before came back', async t => {
    for (const behind of [0, 1]) {
      const world = await diskWorld(t, 'process')
      const store = world.store(sizes)
      await store.open()
      store.append(entries(1, 4))
      await store.checkpoint(4, [entry(101)])
      await world.kill()
      const earlier = join(world.dataDir, 'level')
      world.copy()
      const next = world.store(sizes)
      await next.open()
      next.append(entries(5, 8))
      await next.checkpoint(8, [entry(201)])
      if (behind > 0) next.append([entry(9)])
      await next.close()

      const level = join(world.dataDir, 'level')
      fs.rmSync(level, { recursive: true })
      fs.cpSync(earlier, level, { recursive: true })
      await assert.rejects(world.store().open(), {
        name: 'StoreCorruptError',
        message: behind > 0 ? /entry 5 is missing/ : /ends at entry 4, but entry 8 was durable/,
      })
    }
  })

  it('whose journal was changed behind it is refused', async t => {
    const world = await checkpointed(t)
    const [path = ''] = segmentsOf(world.dataDir)
    flip(path, 41)
    await assert.rejects(world.store().open(), { name: 'StoreCorruptError' })
  })

  it('of many entries is read back in pages', async t => {
    const world = await diskWorld(t, 'disk')
    const store = world.store({ pageBytes: 1_000 })
    await store.open()
    await appendDurably(store, entry(1))
    const state = [...entries(1, 2_000), entry(2_001, 'x'.repeat(50_000)), ...entries(2_002, 2_100)]
    await store.checkpoint(1, state)
    await store.close()
    const again = world.store()
    await again.open()
    assert.deepEqual(await numbers(again), state.map(numberOf))
    await again.close()
  })

  it('waits for the journal below it to be durable', async t => {
    const world = await diskWorld(t, 'disk')
    const store = world.store()
    await store.open()
    const release = world.holdSyncs()
    store.append(entries(1, 3))
    let written = false
    world.system.faults.level = async () => {
      written = true
    }
    const done = store.checkpoint(3, [entry(100)])
    await new Promise(resolve => setImmediate(resolve))
    assert.equal(written, false)
    release()
    await done
    assert.equal(written, true)
    await store.close()
  })
})

function numberOf(found: ReturnType<typeof entry>): number {
  return found.type === 'echo' ? found.lsn : -1
}
