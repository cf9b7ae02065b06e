import assert from 'node:assert/strict'
import * as fs from 'node:fs'
import { basename, join } from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import type { Entry } from '../../src/core/entries.ts'
import { setAsideIn } from '../../src/store/set-aside.ts'
import { diskWorld, type DiskWorld } from './disk-world.ts'
import { appendDurably, entry, numbers } from './entries.ts'

const setAside = true

/** A directory that a node has used. Entry 3 is of no account, and may be damaged. */
async function used(t: TestContext, { checkpoint = false } = {}): Promise<DiskWorld> {
  const world = await diskWorld(t, 'disk')
  const store = world.store()
  const { storageId } = await store.open()
  const opened = { type: 'opened', ledger: 'a', epoch: 0, producer: 'p.1' } as const
  const tasks = { type: 'stored', ledger: 'a', dueWallMs: 0, publishedWallMs: 0 } as const
  const before = [{ ...opened, voters: [{ peer: 'p', storageId }] }] as Entry[]
  await appendDurably(store, ...before)
  if (checkpoint) await store.checkpoint(1, before)
  await appendDurably(store, { ...tasks, chunk: { first: 0, count: 7 } } as Entry)
  await appendDurably(store, entry(3))
  await appendDurably(store, { ...tasks, chunk: { first: 7, count: 2 } } as Entry)
  await store.close()
  return world
}

const damages: readonly (readonly [string, (world: DiskWorld) => Promise<void>, RegExp])[] = [
  ['a changed entry', world => world.flipBit(3), /entry 3 has a damaged body/],
  ['a lost end', world => world.loseAfter(3), /ends at entry 3, but entry 4 was durable/],
  [
    'a journal that is gone',
    async ({ dataDir }) => fs.rmSync(join(dataDir, 'journal'), { recursive: true }),
    /journal\/ is missing/,
  ],
  [
    'a LevelDB that is gone',
    async ({ dataDir }) => fs.rmSync(join(dataDir, 'level'), { recursive: true }),
    /level\/ is missing/,
  ],
  [
    'a LevelDB that cannot be read',
    async ({ dataDir }) => fs.writeFileSync(join(dataDir, 'level', 'CURRENT'), 'garbage'),
    /LevelDB cannot read/,
  ],
]

describe('a storage that has lost something', () => {
  for (const [name, damage, problem] of damages) {
    it(`is set aside whole, and another one begins: ${name}`, async t => {
      const world = await used(t)
      const { dataDir } = world
      await damage(world)
      const left = ['journal', 'level', 'meshwork.json'].filter(part =>
        fs.existsSync(join(dataDir, part)),
      )
      const store = world.store({ setAside })
      const opened = await store.open()
      assert.equal(opened.lsn, 0)
      assert.match(opened.setAside?.problem ?? '', problem)
      const { storageId = '', folder = '' } = opened.setAside ?? {}
      assert.notEqual(opened.storageId, storageId)
      assert.equal(folder, join(dataDir, 'quarantined', storageId))
      for (const part of left) assert.ok(fs.existsSync(join(folder, part)), part)
      assert.deepEqual(setAsideIn(dataDir), [opened.setAside])
      await appendDurably(store, entry(1))
      await store.close()

      const again = world.store({ setAside })
      const { storageId: same, lsn, setAside: more } = await again.open()
      assert.deepEqual([same, lsn, more], [opened.storageId, 1, undefined])
      assert.deepEqual(await numbers(again), [1])
    })
  }

  it('is counted as far as it can be read, behind the damage and before it', async t => {
    for (const checkpoint of [false, true]) {
      const world = await used(t, { checkpoint })
      await world.flipBit(3)
      const { setAside: told } = await world.store({ setAside }).open()
      assert.deepEqual(told?.losses, { tasks: 9, results: 0, shared: 0, unclear: 0 })
    }
  })

  it('may be moved by a process that does not live to end it: the next one does', async t => {
    const parts = ['journal', 'level', 'meshwork.json']
    for (const moved of [0, 1, 2]) {
      const world = await used(t)
      const { dataDir } = world
      await world.flipBit(3)
      const { storageId } = JSON.parse(fs.readFileSync(join(dataDir, 'meshwork.json'), 'utf8')) as {
        storageId: string
      }
      const folder = join(dataDir, 'quarantined', storageId)
      fs.mkdirSync(folder, { recursive: true })
      for (const part of parts.slice(0, moved)) {
        fs.renameSync(join(dataDir, part), join(folder, part))
      }
      const opened = await world.store({ setAside }).open()
      assert.equal(opened.setAside?.folder, folder)
      for (const part of parts) assert.ok(fs.existsSync(join(folder, part)), part)
    }
  })

  it('goes into a folder of its own each time, also when a copy of it was put back', async t => {
    const world = await used(t)
    const { dataDir } = world
    const parts = ['journal', 'level', 'meshwork.json']
    const copy = join(dataDir, 'copy')
    for (const part of parts) {
      fs.cpSync(join(dataDir, part), join(copy, part), { recursive: true })
    }
    await world.flipBit(3)
    const first = world.store({ setAside })
    await first.open()
    await first.close()
    for (const part of parts) {
      fs.rmSync(join(dataDir, part), { recursive: true })
      fs.renameSync(join(copy, part), join(dataDir, part))
    }
    await world.flipBit(3)
    await world.store({ setAside }).open()
    const folders = setAsideIn(dataDir).map(({ folder }) => basename(folder))
    const [storageId = ''] = folders.toSorted()
    assert.deepEqual(folders.toSorted(), [storageId, `${storageId}-2`])
  })

  it('is set aside by one of two processes, and the other one is told of it', async t => {
    const world = await used(t)
    await world.flipBit(3)
    const results = await Promise.allSettled([1, 2].map(() => world.store({ setAside }).open()))
    const failed = results.filter(result => result.status === 'rejected')
    assert.equal(failed.length, 1)
    assert.match(String(failed[0]?.reason), /^StoreLockedError/)
    assert.equal(setAsideIn(world.dataDir).length, 1)
  })

  it('is one of which others have seen more', async t => {
    const world = await used(t)
    const store = world.store({ setAside })
    const { storageId } = await store.open()
    store.outdate?.()
    await store.close()
    await assert.rejects(world.store().open(), { name: 'StoreCorruptError' })
    const opened = await world.store({ setAside }).open()
    assert.equal(opened.setAside?.storageId, storageId)
    assert.match(opened.setAside.problem, /other nodes have seen more of its journal/)
  })
})

describe('not set aside is', () => {
  it('a directory that another process has, whatever is wrong with it', async t => {
    const world = await used(t)
    const store = world.store()
    await store.open()
    await assert.rejects(world.store({ setAside }).open(), { name: 'StoreLockedError' })
    assert.deepEqual(setAsideIn(world.dataDir), [])
  })

  it('one of a newer version', async t => {
    const world = await used(t)
    await world.becomeNewer()
    await assert.rejects(world.store({ setAside }).open(), { name: 'StoreVersionError' })
  })

  it('one that does not say whose it is', async t => {
    for (const text of [undefined, '{', '{"format":1}']) {
      const world = await used(t)
      const path = join(world.dataDir, 'meshwork.json')
      if (text === undefined) fs.rmSync(path)
      else fs.writeFileSync(path, text)
      await assert.rejects(world.store({ setAside }).open(), { name: 'StoreCorruptError' })
      assert.deepEqual(setAsideIn(world.dataDir), [])
    }
  })

  it('one in which all is well', async t => {
    const world = await used(t)
    const opened = await world.store({ setAside }).open()
    assert.deepEqual([opened.lsn, opened.setAside], [4, undefined])
    assert.ok(!fs.existsSync(join(world.dataDir, 'quarantined')))
  })
})
