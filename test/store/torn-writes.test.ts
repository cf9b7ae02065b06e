import assert from 'node:assert/strict'
import * as fs from 'node:fs'
import { describe, it } from 'node:test'
import { diskWorld } from './disk-world.ts'
import { appendDurably, entries, entry, numbers, range } from './entries.ts'
import { placeOf, placesOf, segmentsOf } from './segments.ts'

const killedError = new Error('killed')

describe('a write cut short', () => {
  for (const durability of ['process', 'disk'] as const) {
    it(`at any byte of an entry is cut off, and the journal goes on, ${durability}`, async t => {
      const world = await diskWorld(t, durability)
      const first = world.store()
      await first.open()
      await appendDurably(first, entry(1))
      await appendDurably(first, entry(2))
      await world.kill()
      await first.close()
      const template = `${world.dataDir}-template`
      fs.cpSync(world.dataDir, template, { recursive: true })
      const whole = await entryBytes(t)

      for (let bytes = 0; bytes < whole; bytes++) {
        fs.rmSync(world.dataDir, { recursive: true })
        fs.cpSync(template, world.dataDir, { recursive: true })
        const torn = world.store()
        await torn.open()
        world.system.faults.write = () => ({ bytes, error: killedError })
        torn.append([entry(3)])
        world.system.faults.write = () => undefined
        await torn.close()

        const again = world.store()
        assert.equal((await again.open()).lsn, 2, `cut after ${bytes} bytes`)
        await appendDurably(again, entry(30))
        assert.deepEqual(await numbers(again), [1, 2, 30])
        await again.close()
      }
    })

    it(`within several entries keeps those that are whole, ${durability}`, async t => {
      const world = await diskWorld(t, durability)
      const whole = await entryBytes(t)
      const store = world.store()
      await store.open()
      await appendDurably(store, entry(1))
      world.system.faults.write = () => ({ bytes: 2 * whole + 20, error: killedError })
      store.append(entries(2, 6))
      world.system.faults.write = () => undefined
      await world.kill()
      const again = world.store()
      const { lsn, intact } = await again.open()
      assert.deepEqual({ lsn, intact }, { lsn: 3, intact: true })
      await again.close()
    })

    it(`at the beginning of a segment leaves no segment, ${durability}`, async t => {
      for (const bytes of [0, 1, 47]) {
        const world = await diskWorld(t, durability)
        const store = world.store({ segmentBytes: 100 })
        await store.open()
        await appendDurably(store, entry(1))
        world.system.faults.write = () => ({ bytes, error: killedError })
        store.append([entry(2)])
        world.system.faults.write = () => undefined
        assert.equal(segmentsOf(world.dataDir).length, 2)
        await world.kill()
        const again = world.store({ segmentBytes: 100 })
        assert.equal((await again.open()).lsn, 1)
        assert.equal(segmentsOf(world.dataDir).length, 1)
        await appendDurably(again, entry(2))
        await again.close()
      }
    })

    it(`that had been acknowledged is a loss, at any byte, ${durability}`, async t => {
      const world = await diskWorld(t, durability)
      const store = world.store()
      await store.open()
      for (const n of range(1, 3)) await appendDurably(store, entry(n))
      await world.kill()
      const { path, start, end } = placeOf(world.dataDir, 3)
      for (let size = end - 1; size >= start; size -= 5) {
        fs.truncateSync(path, size)
        await assert.rejects(world.store().open(), { name: 'StoreCorruptError' })
      }
    })
  }

  it('within the journal is no torn end', async t => {
    const world = await diskWorld(t, 'process')
    const store = world.store({ segmentBytes: 100 })
    await store.open()
    for (const n of range(1, 3)) store.append([entry(n)])
    await world.kill()
    const { path, end } = placeOf(world.dataDir, 2)
    fs.truncateSync(path, end - 3)
    await assert.rejects(world.store().open(), {
      name: 'StoreCorruptError',
      message: /entry 2 is cut off/,
    })
  })
})

describe('a power loss', () => {
  it('may leave anything in place of what was not synced', async t => {
    const world = await diskWorld(t, 'disk')
    const store = world.store({ segmentBytes: 300 })
    await store.open()
    await appendDurably(store, ...entries(1, 3))
    world.holdSyncs()
    for (const n of range(4, 9)) store.append([entry(n)])
    await world.kill()
    world.system.faults.bootId = 'boot-2'
    const unsynced = placesOf(world.dataDir).filter(({ lsn }) => lsn > 3)
    assert.ok(new Set(unsynced.map(({ path }) => path)).size > 1)

    // Length was on the disk and data was not: the file system gives zeros.
    const { path, start, end } = unsynced[1] ?? unsynced[0] ?? placeOf(world.dataDir, 4)
    const bytes = fs.readFileSync(path)
    bytes.fill(0, start, end)
    fs.writeFileSync(path, bytes)
    const again = world.store({ segmentBytes: 300 })
    const { lsn, intact } = await again.open()
    assert.deepEqual({ lsn, intact }, { lsn: 4, intact: false })
    await appendDurably(again, entry(50))
    await again.close()
    const third = world.store()
    assert.equal((await third.open()).lsn, 5)
    assert.deepEqual(await numbers(third), [1, 2, 3, 4, 50])
    await third.close()
  })

  it('takes no segment that holds something durable', async t => {
    const world = await diskWorld(t, 'disk')
    const store = world.store({ segmentBytes: 300 })
    await store.open()
    for (const n of range(1, 12)) await appendDurably(store, entry(n))
    assert.ok(segmentsOf(world.dataDir).length > 3)
    await world.cutPower()
    const again = world.store()
    assert.equal((await again.open()).lsn, 12)
    assert.deepEqual(await numbers(again), range(1, 12))
    await again.close()
  })

  it('is not forgiven where only the process was to be survived', async t => {
    const world = await diskWorld(t, 'process')
    const store = world.store()
    await store.open()
    for (const n of range(1, 5)) store.append([entry(n)])
    await world.cutPower()
    await assert.rejects(world.store().open(), {
      name: 'StoreCorruptError',
      message: /journal ends at entry 0, but entry 5 was durable/,
    })
  })

  it('after the start of an unknown machine leaves the store not intact', async t => {
    const world = await diskWorld(t, 'disk')
    world.system.faults.bootId = ''
    const store = world.store()
    await store.open()
    await appendDurably(store, entry(1))
    await world.kill()
    const again = world.store()
    assert.equal((await again.open()).intact, false)
    await again.close()
  })
})

async function entryBytes(t: Parameters<typeof diskWorld>[0]): Promise<number> {
  const world = await diskWorld(t, 'process')
  const store = world.store()
  await store.open()
  store.append([entry(3)])
  const { start, end } = placeOf(world.dataDir, 1)
  await store.close()
  return end - start
}
