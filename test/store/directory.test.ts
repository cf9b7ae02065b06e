import assert from 'node:assert/strict'
import * as fs from 'node:fs'
import { join } from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { diskWorld, type DiskWorld } from './disk-world.ts'
import { entries, entry, numbers } from './entries.ts'
import { segmentsOf } from './segments.ts'

const corrupt = (message: RegExp) => ({ name: 'StoreCorruptError', message })

async function closed(t: TestContext, { checkpoint }: { checkpoint: boolean }): Promise<DiskWorld> {
  const world = await diskWorld(t, 'process')
  const store = world.store({ pageBytes: 200 })
  await store.open()
  store.append(entries(1, 3))
  if (checkpoint) await store.checkpoint(3, entries(100, 120))
  store.append([entry(4)])
  await store.close()
  return world
}

describe('a data directory', () => {
  it('is for nobody else', async t => {
    const { dataDir } = await closed(t, { checkpoint: false })
    assert.equal(fs.statSync(dataDir).mode & 0o777, 0o700)
    assert.equal(fs.statSync(join(dataDir, 'journal')).mode & 0o777, 0o700)
    for (const path of segmentsOf(dataDir)) assert.equal(fs.statSync(path).mode & 0o777, 0o600)
  })

  it('without its LevelDB is refused', async t => {
    for (const checkpoint of [false, true]) {
      const world = await closed(t, { checkpoint })
      fs.rmSync(join(world.dataDir, 'level'), { recursive: true })
      await assert.rejects(world.store().open(), corrupt(/its folder level\/ is missing; move it/))
    }
  })

  it('with a LevelDB that cannot be read is refused', async t => {
    const world = await closed(t, { checkpoint: true })
    for (const name of fs.readdirSync(join(world.dataDir, 'level'))) {
      if (!/^(CURRENT|MANIFEST)/.test(name)) continue
      const path = join(world.dataDir, 'level', name)
      const bytes = fs.readFileSync(path)
      for (const broken of [bytes.subarray(0, 5), Buffer.from('garbage'), undefined]) {
        if (broken === undefined) fs.unlinkSync(path)
        else fs.writeFileSync(path, broken)
        await assert.rejects(world.store().open(), { name: 'StoreCorruptError' }, name)
        fs.writeFileSync(path, bytes)
      }
    }
  })

  it('with the LevelDB of another one is refused', async t => {
    const world = await closed(t, { checkpoint: true })
    const other = await closed(t, { checkpoint: true })
    fs.rmSync(join(world.dataDir, 'level'), { recursive: true })
    fs.cpSync(join(other.dataDir, 'level'), join(world.dataDir, 'level'), { recursive: true })
    await assert.rejects(world.store().open(), corrupt(/does not belong to meshwork.json/))
  })

  it('with a new LevelDB is refused', async t => {
    const world = await closed(t, { checkpoint: true })
    const other = await diskWorld(t, 'process')
    const level = other.system.level(join(world.dataDir, 'new'), { createIfMissing: true })
    await level.open()
    await level.close()
    fs.rmSync(join(world.dataDir, 'level'), { recursive: true })
    fs.renameSync(join(world.dataDir, 'new'), join(world.dataDir, 'level'))
    await assert.rejects(world.store().open(), corrupt(/does not belong to meshwork.json/))
  })

  it('without its journal or its head is refused', async t => {
    const world = await closed(t, { checkpoint: true })
    const away = join(world.dataDir, 'away')
    for (const name of ['journal', 'journal/head']) {
      fs.renameSync(join(world.dataDir, name), away)
      await assert.rejects(world.store().open(), corrupt(/missing/))
      fs.renameSync(away, join(world.dataDir, name))
    }
    fs.writeFileSync(join(world.dataDir, 'journal/head'), 'garbage')
    await assert.rejects(world.store().open(), corrupt(/journal\/head is missing or damaged/))
  })

  it('without meshwork.json is refused if it holds anything', async t => {
    for (const checkpoint of [false, true]) {
      const world = await closed(t, { checkpoint })
      fs.unlinkSync(join(world.dataDir, 'meshwork.json'))
      await assert.rejects(world.store().open(), corrupt(/meshwork.json is missing/))
    }
  })

  it('whose making was interrupted is made anew', async t => {
    const world = await diskWorld(t, 'process')
    await world.store().open()
    await world.kill()
    fs.unlinkSync(join(world.dataDir, 'meshwork.json'))
    const store = world.store()
    assert.equal((await store.open()).lsn, 0)
    store.append([entry(1)])
    await store.close()
    const again = world.store()
    assert.equal((await again.open()).lsn, 1)
    await again.close()
  })

  it('with garbage for meshwork.json is refused', async t => {
    const world = await closed(t, { checkpoint: false })
    const path = join(world.dataDir, 'meshwork.json')
    const texts = ['', 'garbage', 'null', '[]', '{}', '{"format":0}', '{"format":"1"}']
    for (const text of [
      ...texts,
      '{"format":1}',
      '{"format":1,"storageId":"x"}',
      ' '.repeat(1e5),
    ]) {
      fs.writeFileSync(path, text)
      await assert.rejects(world.store().open(), corrupt(/meshwork.json is damaged/), text)
    }
  })

  it('with another storage id in meshwork.json is refused', async t => {
    const world = await closed(t, { checkpoint: false })
    const path = join(world.dataDir, 'meshwork.json')
    fs.writeFileSync(path, JSON.stringify({ format: 1, storageId: 'ab'.repeat(16) }))
    await assert.rejects(world.store().open(), corrupt(/does not belong/))
  })

  it('of a newer version is refused before LevelDB is touched', async t => {
    const world = await closed(t, { checkpoint: false })
    await world.becomeNewer()
    const before = fs.readdirSync(join(world.dataDir, 'level'))
    await assert.rejects(world.store().open(), { name: 'StoreVersionError' })
    assert.deepEqual(fs.readdirSync(join(world.dataDir, 'level')), before)
  })

  it('that cannot be made is named with the reason', async t => {
    const world = await diskWorld(t, 'process')
    fs.writeFileSync(world.dataDir, 'a file')
    await assert.rejects(world.store().open(), {
      name: 'StoreFailedError',
      message: /^Data directory .*data-0 cannot be opened: EEXIST.*; check the disk/,
    })
  })

  it('that was refused is open again once it is whole again', async t => {
    const world = await closed(t, { checkpoint: true })
    const path = join(world.dataDir, 'journal/head')
    fs.renameSync(path, `${path}.away`)
    await assert.rejects(world.store().open(), corrupt(/head/))
    fs.renameSync(`${path}.away`, path)
    const store = world.store()
    assert.equal((await store.open()).lsn, 4)
    assert.equal((await numbers(store)).length, 22)
    await store.close()
  })

  it('keeps a folder for others', async t => {
    const world = await closed(t, { checkpoint: false })
    fs.mkdirSync(join(world.dataDir, 'peers'))
    fs.writeFileSync(join(world.dataDir, 'key'), 'secret')
    const store = world.store()
    await store.open()
    await store.close()
    assert.equal(fs.readFileSync(join(world.dataDir, 'key'), 'utf8'), 'secret')
  })
})
