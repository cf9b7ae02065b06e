import assert from 'node:assert/strict'
import * as fs from 'node:fs'
import { join } from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { layoutOf } from '../../src/store/directory.ts'
import type { Durability } from '../../src/store/entry-codec.ts'
import { Head, readHead } from '../../src/store/head.ts'
import { genesis } from '../../src/store/journal-format.ts'
import { recoverJournal, type Recovered } from '../../src/store/recovery.ts'
import { nodeSystem } from '../../src/store/system.ts'
import { diskWorld, type DiskWorld } from './disk-world.ts'
import { appendDurably, entry, range } from './entries.ts'
import { flip, placeOf, placesOf, segmentsOf } from './segments.ts'

const corrupt = { name: 'StoreCorruptError' }

/** A directory whose process was killed after it had made `synced` entries durable. */
async function killed(
  t: TestContext,
  durability: Durability,
  { synced, unsynced = 0, segmentBytes }: Shape,
): Promise<DiskWorld> {
  const world = await diskWorld(t, durability)
  const store = world.store(segmentBytes === undefined ? {} : { segmentBytes })
  await store.open()
  for (const n of range(1, synced)) await appendDurably(store, entry(n))
  if (unsynced > 0) world.holdSyncs()
  for (const n of range(synced + 1, synced + unsynced)) store.append([entry(n)])
  await world.kill()
  return world
}

interface Shape {
  readonly synced: number
  readonly unsynced?: number
  readonly segmentBytes?: number
}

/** Reads a journal as `open` does, without LevelDB around it. */
async function recover(dataDir: string, bootId: string): Promise<Recovered> {
  const layout = layoutOf(dataDir)
  const { storageId } = JSON.parse(fs.readFileSync(layout.identity, 'utf8')) as {
    storageId: string
  }
  const head = readHead(layout.head)
  assert.ok(head !== undefined)
  return recoverJournal({
    dataDir,
    journalDir: layout.journal,
    storageId,
    start: genesis(storageId),
    checkpointLsn: 0,
    head,
    bootId,
  })
}

const sameBoot = 'boot-1'
const otherBoot = 'boot-2'

describe('a flipped byte', () => {
  for (const durability of ['process', 'disk'] as const) {
    for (const bootId of [sameBoot, otherBoot]) {
      const after = bootId === sameBoot ? 'a kill' : 'a power loss'
      it(`is noticed anywhere in what was durable, ${durability}, after ${after}`, async t => {
        const { dataDir } = await killed(t, durability, { synced: 4, segmentBytes: 250 })
        assert.equal(segmentsOf(dataDir).length, 2)
        let tried = 0
        for (const path of segmentsOf(dataDir)) {
          for (let offset = 0; offset < fs.statSync(path).size; offset++) {
            const mask = 1 << (offset % 8)
            flip(path, offset, mask)
            await assert.rejects(recover(dataDir, bootId), corrupt, `byte ${offset} of ${path}`)
            flip(path, offset, mask)
            tried += 1
          }
        }
        assert.ok(tried > 400)
        assert.equal((await recover(dataDir, bootId)).last.lsn, 4)
      })
    }
  }

  it('in what was not synced is noticed after a kill', async t => {
    const { dataDir } = await killed(t, 'disk', { synced: 2, unsynced: 3 })
    for (const { path, lsn, start, end } of placesOf(dataDir)) {
      for (let offset = start; offset < end; offset++) {
        flip(path, offset)
        await assert.rejects(recover(dataDir, sameBoot), corrupt, `entry ${lsn}, byte ${offset}`)
        flip(path, offset)
      }
    }
  })

  it('in what was not synced costs no more than that after a power loss', async t => {
    const { dataDir } = await killed(t, 'disk', { synced: 2, unsynced: 3 })
    for (const { path, lsn, start, end } of placesOf(dataDir)) {
      for (let offset = start; offset < end; offset++) {
        flip(path, offset, 0xff)
        if (lsn <= 2) await assert.rejects(recover(dataDir, otherBoot), corrupt)
        else {
          const { last, cut } = await recover(dataDir, otherBoot)
          assert.equal(last.lsn, lsn - 1)
          assert.deepEqual(cut, { path, bytes: start })
        }
        flip(path, offset, 0xff)
      }
    }
  })

  it('in the head is harmless: the other slot knows enough', async t => {
    for (const durability of ['process', 'disk'] as const) {
      const { dataDir } = await killed(t, durability, { synced: 3 })
      const { head } = layoutOf(dataDir)
      for (let offset = 0; offset < fs.statSync(head).size; offset++) {
        // Between the two slots is nothing.
        if (offset % 512 >= 96) continue
        flip(head, offset, 0xff)
        assert.equal((await recover(dataDir, sameBoot)).last.lsn, 3)
        flip(head, offset, 0xff)
      }
    }
  })

  it('was in something durable if an entry behind it says so', async t => {
    const { dataDir } = await killed(t, 'disk', { synced: 3 })
    // A power loss may leave an old head, since it is never synced for its own sake.
    const { head } = layoutOf(dataDir)
    const state = readHead(head)
    assert.ok(state !== undefined)
    const { storageId } = JSON.parse(fs.readFileSync(layoutOf(dataDir).identity, 'utf8')) as {
      storageId: string
    }
    Head.begin(nodeSystem, head, { ...state, durable: genesis(storageId) }).close()
    assert.equal((await recover(dataDir, otherBoot)).last.lsn, 3)
    const { path, body } = placeOf(dataDir, 2)
    flip(path, body)
    await assert.rejects(recover(dataDir, otherBoot), corrupt)
  })
})

describe('segments', () => {
  const shape = { synced: 6, segmentBytes: 120 }

  for (const durability of ['process', 'disk'] as const) {
    for (const bootId of [sameBoot, otherBoot]) {
      it(`a missing one is noticed, ${durability}, ${bootId}`, async t => {
        const { dataDir } = await killed(t, durability, shape)
        const paths = segmentsOf(dataDir)
        assert.ok(paths.length >= 3)
        for (const path of paths) {
          fs.renameSync(path, `${path}.away`)
          await assert.rejects(recover(dataDir, bootId), corrupt)
          fs.renameSync(`${path}.away`, path)
        }
        assert.equal((await recover(dataDir, bootId)).last.lsn, 6)
      })

      it(`swapped ones are noticed, ${durability}, ${bootId}`, async t => {
        const { dataDir } = await killed(t, durability, shape)
        const [first = '', second = ''] = segmentsOf(dataDir)
        swap(first, second)
        await assert.rejects(recover(dataDir, bootId), corrupt)
        swap(first, second)
        assert.equal((await recover(dataDir, bootId)).last.lsn, 6)
      })
    }
  }

  it('one of another directory is noticed', async t => {
    const { dataDir } = await killed(t, 'process', shape)
    const { dataDir: other } = await killed(t, 'process', shape)
    const [, mine = ''] = segmentsOf(dataDir)
    const [, theirs = ''] = segmentsOf(other)
    fs.copyFileSync(theirs, mine)
    await assert.rejects(recover(dataDir, sameBoot), {
      ...corrupt,
      message: /belongs to another data directory/,
    })
  })

  it('one of another history of the same directory is noticed', async t => {
    const world = await killed(t, 'process', shape)
    const fork = `${world.dataDir}-fork`
    fs.cpSync(world.dataDir, fork, { recursive: true })
    const here = world.store({ segmentBytes: 120 })
    await here.open()
    for (const n of [7, 8]) here.append([entry(n, 'here')])
    await world.kill()
    const there = world.store({ segmentBytes: 120, dataDir: fork })
    await there.open()
    for (const n of [7, 8]) there.append([entry(n, 'away')])

    const seventh = placeOf(world.dataDir, 7).path
    const eighth = placeOf(world.dataDir, 8).path
    assert.notEqual(seventh, eighth)
    fs.copyFileSync(placeOf(fork, 7).path, seventh)
    await assert.rejects(recover(world.dataDir, sameBoot), {
      ...corrupt,
      message: /the segment does not continue the one before/,
    })
    fs.copyFileSync(placeOf(fork, 8).path, eighth)
    await assert.rejects(recover(world.dataDir, sameBoot), {
      ...corrupt,
      message: /entry 8 of the journal is not the one that was written/,
    })
  })

  it('an entry of another history within one is noticed', async t => {
    const world = await killed(t, 'disk', { synced: 2 })
    const fork = `${world.dataDir}-fork`
    fs.cpSync(world.dataDir, fork, { recursive: true })
    for (const [text, dataDir] of [
      ['here', world.dataDir],
      ['away', fork],
    ] as const) {
      const store = world.store({ dataDir })
      await store.open()
      await appendDurably(store, entry(3, text), entry(4, text))
    }
    const mine = placeOf(world.dataDir, 3)
    const theirs = placeOf(fork, 3)
    assert.equal(mine.start, theirs.start)
    assert.equal(mine.end, theirs.end)
    const bytes = fs.readFileSync(mine.path)
    fs.readFileSync(theirs.path).copy(bytes, mine.start, theirs.start, theirs.end)
    fs.writeFileSync(mine.path, bytes)
    await assert.rejects(recover(world.dataDir, sameBoot), {
      ...corrupt,
      message: /entry 4 does not continue the one before/,
    })
  })

  it('files that are no segments are nobody’s business', async t => {
    const { dataDir } = await killed(t, 'process', shape)
    fs.writeFileSync(join(dataDir, 'journal', 'notes.txt'), 'hello')
    fs.writeFileSync(join(dataDir, 'journal', '1.seg.bak'), 'hello')
    assert.equal((await recover(dataDir, sameBoot)).last.lsn, 6)
  })

  it('garbage in the place of one is noticed', async t => {
    const { dataDir } = await killed(t, 'process', shape)
    for (const garbage of ['hello', 'x'.repeat(48), 'x'.repeat(5_000)]) {
      const path = join(dataDir, 'journal', '0000000000000099.seg')
      fs.writeFileSync(path, garbage)
      await assert.rejects(recover(dataDir, sameBoot), corrupt)
      fs.unlinkSync(path)
      const [first = ''] = segmentsOf(dataDir)
      const bytes = fs.readFileSync(first)
      fs.writeFileSync(first, garbage)
      await assert.rejects(recover(dataDir, sameBoot), corrupt)
      fs.writeFileSync(first, bytes)
    }
  })

  it('unsynced ones may be missing after a power loss only', async t => {
    const { dataDir } = await killed(t, 'disk', { ...shape, synced: 2, unsynced: 4 })
    const paths = segmentsOf(dataDir)
    const gone = paths.at(-2) ?? ''
    // A killed process can have left only the last one incomplete.
    const { end } = placesOf(dataDir).findLast(({ path }) => path === gone) ?? { end: 0 }
    const whole = fs.readFileSync(gone)
    fs.truncateSync(gone, end - 1)
    await assert.rejects(recover(dataDir, sameBoot), corrupt)
    assert.ok((await recover(dataDir, otherBoot)).cut !== undefined)
    fs.writeFileSync(gone, whole)
    fs.unlinkSync(gone)
    await assert.rejects(recover(dataDir, sameBoot), corrupt)
    const { last, remove } = await recover(dataDir, otherBoot)
    assert.ok(last.lsn >= 2 && last.lsn < 6)
    assert.deepEqual(remove, paths.slice(-1))
  })
})

function swap(a: string, b: string): void {
  const bytes = fs.readFileSync(a)
  fs.writeFileSync(a, fs.readFileSync(b))
  fs.writeFileSync(b, bytes)
}
