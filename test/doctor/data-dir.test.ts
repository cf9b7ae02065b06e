import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test, type TestContext } from 'node:test'
import { readDataDir } from '../../src/doctor/data-dir-probe.ts'
import { checkDataDir } from '../../src/doctor/data-dir.ts'
import { checkDisk, readDisk } from '../../src/doctor/disk.ts'
import { createNode } from '../../src/index.ts'
import { complaints } from './facts.ts'

const signal = AbortSignal.timeout(60_000)

async function folderOf(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'meshwork-doctor-test-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  return folder
}

/** A data directory that a node has used and left; some tasks are in it. */
async function usedDir(t: TestContext): Promise<string> {
  const dataDir = join(await folderOf(t), 'data')
  await using node = await start(dataDir)
  await node.publishMany('q', [1, 2, 3])
  return dataDir
}

function start(dataDir: string) {
  return createNode({ mdns: false, listen: ['/ip4/127.0.0.1/tcp/0'], concurrency: 0, dataDir })
}

/** Everything that can be seen of a folder, but for when it was read. */
async function fingerprint(folder: string): Promise<string> {
  const hash = createHash('sha256')
  const names = await readdir(folder, { recursive: true })
  for (const name of names.toSorted()) {
    const path = join(folder, name)
    const stats = await stat(path)
    hash.update(`${name} ${stats.mode} ${stats.ino} ${stats.mtimeMs} ${stats.size}\n`)
    if (stats.isFile()) hash.update(await readFile(path))
  }
  return hash.digest('hex')
}

/** What is wrong with a folder, which must be left as it was. */
async function complain(dataDir: string): Promise<string[]> {
  const before = await fingerprint(dataDir)
  const facts = await readDataDir(dataDir, signal)
  assert.equal(await fingerprint(dataDir), before, 'nothing in the data directory has changed')
  return complaints(checkDataDir(facts))
}

describe('a data directory', () => {
  test('that does not exist, or is empty, is new', async t => {
    const folder = await folderOf(t)
    assert.equal((await readDataDir(join(folder, 'no'), signal)).state, 'new')
    assert.equal((await readDataDir(folder, signal)).state, 'new')
    assert.deepEqual(await readdir(folder), [])
  })

  test('that a node has left is sound', async t => {
    const dataDir = await usedDir(t)
    assert.deepEqual(await complain(dataDir), [])
    assert.equal((await readDataDir(dataDir, signal)).state, 'sound')
  })

  test('that a node has open is live, and the node goes on', async t => {
    const dataDir = await usedDir(t)
    await using node = await start(dataDir)
    const { state, holder } = await readDataDir(dataDir, signal)
    assert.equal(state, 'live')
    if (process.platform === 'linux') assert.equal(holder, process.pid)
    await node.publish('q', 4)
  })

  const damages: readonly (readonly [string, (dataDir: string) => Promise<unknown>, RegExp])[] = [
    [
      'without its journal',
      dataDir => rm(join(dataDir, 'journal'), { recursive: true }),
      /corrupt: its folder journal\/ is missing/,
    ],
    [
      'without LevelDB',
      dataDir => rm(join(dataDir, 'level'), { recursive: true }),
      /corrupt: its folder level\/ is missing/,
    ],
    [
      'without its identity',
      dataDir => rm(join(dataDir, 'meshwork.json')),
      /corrupt: its file meshwork\.json is missing/,
    ],
    [
      'with a journal that was changed',
      async dataDir => {
        const [name = ''] = (await readdir(join(dataDir, 'journal'))).filter(one => one !== 'head')
        const path = join(dataDir, 'journal', name)
        const bytes = await readFile(path)
        await writeFile(path, bytes.fill(7, 60, 64))
      },
      /corrupt: .*journal\//,
    ],
    [
      'of a newer version',
      dataDir =>
        writeFile(
          join(dataDir, 'meshwork.json'),
          JSON.stringify({ format: 99, storageId: '0'.repeat(32) }),
        ),
      /newer version/,
    ],
    [
      'with a damaged key',
      dataDir => writeFile(join(dataDir, 'peer.key'), 'no key'),
      /does not hold a private key/,
    ],
  ]
  for (const [name, damage, pattern] of damages) {
    test(`${name} is told of, and not touched`, async t => {
      const dataDir = await usedDir(t)
      await damage(dataDir)
      const lines = await complain(dataDir)
      assert.equal(lines.length, 1)
      assert.match(lines[0] ?? '', pattern)
      const [finding] = checkDataDir(await readDataDir(dataDir, signal))
      if (!(finding?.remedy ?? '').includes('sets the storage aside')) {
        await assert.rejects(start(dataDir), 'a node would say so, too')
        return
      }
      await (await start(dataDir)).stop()
      const [after = '', ...more] = await complain(dataDir)
      assert.deepEqual(more, [])
      assert.match(after, /^warning data: on \d{4}-.* had lost something: .*quarantined/)
    })
  }

  test('that is a file is told of', async t => {
    const path = join(await folderOf(t), 'file')
    await writeFile(path, '')
    const lines = complaints(checkDataDir(await readDataDir(path, signal)))
    assert.equal(lines.length, 1)
    assert.match(lines[0] ?? '', /is not a folder/)
  })

  const isRoot = process.getuid?.() === 0
  test('of somebody else is told of', { skip: isRoot && 'root may do everything' }, async t => {
    const dataDir = await usedDir(t)
    await chmod(dataDir, 0o500)
    t.after(() => chmod(dataDir, 0o700))
    assert.match((await complain(dataDir))[0] ?? '', /may not read and write/)
  })
})

describe('the disk', () => {
  test('of a folder that does not exist is that of the one above, and nothing stays', async t => {
    const folder = await folderOf(t)
    const facts = await readDisk(join(folder, 'a', 'b'), signal)
    assert.equal(facts.folder, folder)
    assert.ok(facts.freeBytes > 0)
    assert.ok((facts.syncMs ?? -1) >= 0)
    assert.ok(checkDisk(facts).length >= 2)
    assert.deepEqual(await readdir(folder), [])
  })

  test('is measured in the data directory itself where there is one', async t => {
    const folder = join(await folderOf(t), 'data')
    await mkdir(folder)
    assert.equal((await readDisk(folder, signal)).folder, folder)
    assert.deepEqual(await readdir(folder), [])
  })
})
