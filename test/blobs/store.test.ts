import assert from 'node:assert/strict'
import { readdir, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, test, type TestContext } from 'node:test'
import { nodeFiles } from '../../src/blobs/files.ts'
import { type BlobStore, chunkBytes } from '../../src/blobs/ports.ts'
import {
  blobOf,
  contentOf,
  diskStore,
  download,
  folder,
  memoryStore,
  pieceBytes,
  piecesOf,
  readAll,
} from './stores.ts'

const minute = 60_000

const stores: readonly { name: string; open(t: TestContext): Promise<BlobStore> }[] = [
  { name: 'on disk', open: t => diskStore(t) },
  { name: 'in memory', open: async () => memoryStore() },
]

for (const { name, ...kind } of stores) {
  describe(`a store ${name}`, () => {
    test('gives back what was put, whole or a range of it', async t => {
      const store = await kind.open(t)
      for (const size of [0, 1, 65_536, 300_001]) {
        const bytes = contentOf(size, size + 1)
        const blob = await store.put(piecesOf(bytes))
        assert.deepEqual(blob, blobOf(bytes))
        assert.equal(store.size(blob.hash), size)
        assert.ok((await readAll(store.read(blob.hash))).equals(bytes))
        const range = { offset: 1_000, length: 200_000 }
        const part = await readAll(store.read(blob.hash, range))
        assert.ok(part.equals(bytes.subarray(1_000, 201_000)))
      }
    })

    test('keeps the same content once', async t => {
      const store = await kind.open(t)
      const bytes = contentOf(200_000)
      const before = await store.room()
      const one = await store.put(piecesOf(bytes, 7))
      const after = await store.room()
      const two = await store.put(piecesOf(bytes, 65_537))
      assert.deepEqual(one, two)
      if (name === 'in memory')
        assert.deepEqual([after, await store.room()], [before - 200_000, after])
      await store.delete(one.hash)
      assert.equal(store.size(one.hash), undefined)
      await assert.rejects(readAll(store.read(one.hash)), { name: 'BlobUnavailableError' })
    })

    test('takes a download in pieces, in any order', async t => {
      const store = await kind.open(t)
      const bytes = contentOf(2 * pieceBytes + 5)
      await download(store, bytes, [2, 0, 1])
      const { hash } = blobOf(bytes)
      assert.ok((await readAll(store.read(hash))).equals(bytes))
    })

    test('never keeps a download with another hash', async t => {
      const store = await kind.open(t)
      const bytes = contentOf(100_000)
      const said = { hash: blobOf(contentOf(100_000, 2)).hash, size: 100_000 }
      await assert.rejects(download(store, bytes, [0], said), { name: 'BlobCorruptError' })
      assert.equal(store.size(said.hash), undefined)
      // Nor half of it: the next one begins anew.
      const part = await store.part(said.hash, said.size)
      assert.deepEqual(part?.missing(), [0])
      await part?.close()
    })

    test('lets one download of a blob go on at a time', async t => {
      const store = await kind.open(t)
      const { hash, size } = blobOf(contentOf(100))
      const part = await store.part(hash, size)
      assert.equal(await store.part(hash, size), undefined)
      await part?.close()
      const again = await store.part(hash, size)
      assert.notEqual(again, undefined)
      await again?.close()
    })

    test('sweeps what is neither referenced nor pinned nor of recent use', async t => {
      const store = await kind.open(t)
      const blobs = []
      for (let seed = 1; seed <= 3; seed++) {
        blobs.push(await store.put(piecesOf(contentOf(1_000, seed))))
      }
      const [referenced, pinned, loose] = blobs.map(({ hash }) => hash)
      assert.ok(referenced !== undefined && pinned !== undefined && loose !== undefined)
      const unpin = store.pin(pinned)
      assert.equal(await store.sweep(() => false, 60_000), 0)
      assert.equal(store.isEmpty, false)
      assert.equal(await store.sweep(hash => hash === referenced, 0), 1)
      assert.deepEqual(
        [referenced, pinned, loose].map(hash => store.size(hash)),
        [1_000, 1_000, undefined],
      )
      unpin()
      assert.equal(await store.sweep(hash => hash === referenced, 0), 1)
      assert.equal(await store.sweep(() => false, 0), 1)
      assert.equal(store.isEmpty, true)
    })

    test('counts from when a blob was referenced for the last time', async t => {
      const store = await kind.open(t)
      t.mock.timers.enable({ apis: ['Date'], now: Date.now() })
      const { hash } = await store.put(piecesOf(contentOf(1_000)))
      for (let minutes = 0; minutes < 180; minutes += 10) {
        t.mock.timers.tick(10 * minute)
        assert.equal(await store.sweep(() => true, 60 * minute), 0)
      }
      t.mock.timers.tick(59 * minute)
      assert.equal(await store.sweep(() => false, 60 * minute), 0)
      t.mock.timers.tick(minute)
      assert.equal(await store.sweep(() => false, 60 * minute), 1)
      assert.equal(store.size(hash), undefined)
    })

    test('keeps nothing of what was aborted half-way', async t => {
      const store = await kind.open(t)
      const before = await store.room()
      const controller = new AbortController()
      async function* endless(): AsyncGenerator<Uint8Array> {
        for (let i = 0; ; i++) {
          if (i === 10) controller.abort(new Error('enough'))
          yield contentOf(65_536, i + 1)
        }
      }
      const put = store.put(endless(), { signal: controller.signal })
      await assert.rejects(put, { message: 'enough' })
      if (name === 'in memory') assert.equal(await store.room(), before)
      else assert.deepEqual(await readdir(join(store.directory ?? '', 'new')), [])
    })
  })
}

describe('a store on disk', () => {
  test('goes on after a crash: whole blobs are there, half ones resumed, drafts gone', async t => {
    const directory = await folder(t)
    const before = await diskStore(t, { directory })
    const small = contentOf(1_000, 7)
    const large = contentOf(3 * pieceBytes, 8)
    await before.put(piecesOf(small))
    await download(before, large, [0, 2])
    await writeFile(join(directory, 'new', 'draft'), 'half')

    const after = await diskStore(t, { directory })
    assert.deepEqual(await readdir(join(directory, 'new')), [])
    assert.ok((await readAll(after.read(blobOf(small).hash))).equals(small))
    const { hash, size } = blobOf(large)
    const part = await after.part(hash, size)
    assert.deepEqual(part?.missing(), [1])
    await part?.close()
    await download(after, large, [1])
    assert.ok((await readAll(after.read(hash))).equals(large))
    assert.deepEqual(await readdir(join(directory, hash.slice(0, 2))), [hash])
  })

  test('notices that what it resumes has been changed', async t => {
    const store = await diskStore(t)
    const bytes = contentOf(2 * pieceBytes)
    const { hash } = blobOf(bytes)
    await download(store, bytes, [0])
    const file = join(store.directory, hash.slice(0, 2), `${hash}.part`)
    await writeFile(file, 'others', { flag: 'r+' })
    await assert.rejects(download(store, bytes, [1]), { name: 'BlobCorruptError' })
    await download(store, bytes, [0, 1])
    assert.ok((await readAll(store.read(hash))).equals(bytes))
  })

  test('hashes what is in the file, not what was there before it', async t => {
    const store = await diskStore(t)
    const bytes = contentOf(200_000)
    const { hash, size } = blobOf(bytes)
    const part = await store.part(hash, size)
    assert.ok(part)
    // The right bytes first, then others in their place.
    await part.write(0, bytes.subarray(0, 100_000))
    await part.write(0, new Uint8Array(100_000))
    await part.write(100_000, bytes.subarray(100_000))
    await part.complete(0)
    await assert.rejects(part.finish(), { name: 'BlobCorruptError' })
    assert.equal(store.size(hash), undefined)
  })

  test('says which folder is full, and keeps nothing of what did not fit', async t => {
    let writes = 0
    const files = {
      ...nodeFiles,
      write: (...args: Parameters<typeof nodeFiles.write>) => {
        if (++writes <= 1) return nodeFiles.write(...args)
        return Promise.reject(Object.assign(new Error('no space left'), { code: 'ENOSPC' }))
      },
    }
    const store = await diskStore(t, { files })
    const full = { name: 'NoSpaceError', directory: store.directory }
    const bytes = contentOf(3 * chunkBytes)
    await assert.rejects(store.put(piecesOf(bytes)), full)
    assert.deepEqual(await readdir(join(store.directory, 'new')), [])
    await assert.rejects(download(store, bytes, [0]), full)
    writes = -Infinity
    await store.put(piecesOf(bytes))
    assert.equal(store.size(blobOf(bytes).hash), bytes.byteLength)
  })

  test('leaves room on the disk for all else', async t => {
    const files = { ...nodeFiles, free: async () => 64 * 2 ** 20 + 1_000 }
    const store = await diskStore(t, { files })
    assert.equal(await store.room(), 1_000)
    await assert.rejects(store.part('ab'.repeat(32), 1_001), {
      name: 'NoSpaceError',
      message: `There is no room for 1001 bytes in ${store.directory}; make room there`,
    })
    files.free = async () => 0
    const nearlyFull = await diskStore(t, { files })
    await assert.rejects(nearlyFull.put(piecesOf(contentOf(1))), { name: 'NoSpaceError' })
  })

  test('knows after a restart when a blob was last of use, and sweeps half downloads', async t => {
    const directory = await folder(t)
    const before = await diskStore(t, { directory })
    const bytes = contentOf(2 * pieceBytes)
    const { hash } = await before.put(piecesOf(contentOf(10)))
    await download(before, bytes, [0])
    const half = join(directory, blobOf(bytes).hash.slice(0, 2), `${blobOf(bytes).hash}.part`)
    const old = new Date(Date.now() - 7_200_000)
    await utimes(join(directory, hash.slice(0, 2), hash), old, old)
    await utimes(half, old, old)
    const after = await diskStore(t, { directory })
    await after.touch(hash)
    assert.equal(await after.sweep(() => false, 3_600_000), 0)
    assert.equal(after.size(hash), 10)
    const part = await after.part(blobOf(bytes).hash, bytes.byteLength)
    assert.deepEqual(part?.missing(), [0, 1])
    await part?.close()
  })

  test('knows after a restart about when a blob was referenced for the last time', async t => {
    const directory = await folder(t)
    const before = await diskStore(t, { directory })
    t.mock.timers.enable({ apis: ['Date'], now: Date.now() })
    const { hash } = await before.put(piecesOf(contentOf(10)))
    for (let i = 0; i < 18; i++) {
      t.mock.timers.tick(10 * minute)
      await before.sweep(() => true, 60 * minute)
    }
    const after = await diskStore(t, { directory })
    assert.equal(await after.sweep(() => false, 60 * minute), 0)
    t.mock.timers.tick(60 * minute)
    assert.equal(await after.sweep(() => false, 60 * minute), 1)
    assert.equal(after.size(hash), undefined)
  })

  test('needs room only for what a half download lacks', async t => {
    const room = (bytes: number) => async () => 64 * 2 ** 20 + bytes
    const files = { ...nodeFiles, free: room(pieceBytes) }
    const store = await diskStore(t, { files })
    const bytes = contentOf(2 * pieceBytes)
    await assert.rejects(download(store, bytes, [0]), { name: 'NoSpaceError' })
    files.free = room(2 * pieceBytes)
    await download(store, bytes, [0])
    files.free = room(pieceBytes)
    await download(store, bytes, [1])
    assert.equal(store.size(blobOf(bytes).hash), 2 * pieceBytes)
  })

  test('finds out that somebody has removed a file', async t => {
    const store = await diskStore(t)
    const { hash } = await store.put(piecesOf(contentOf(10)))
    const other = await diskStore(t, { directory: store.directory })
    await other.delete(hash)
    await assert.rejects(readAll(store.read(hash)), { name: 'BlobUnavailableError' })
    assert.equal(store.size(hash), undefined)
  })
})

describe('a store in memory', () => {
  test('takes no more than it may, and lets go of copies first', async () => {
    const store = memoryStore(3_000)
    const own = await store.put(piecesOf(contentOf(1_000, 1)))
    const copies = [contentOf(1_000, 2), contentOf(1_000, 3)]
    for (const bytes of copies) {
      const part = await store.part(blobOf(bytes).hash, 1_000, { isCopy: true })
      await part?.write(0, bytes)
      await part?.complete(0)
      await part?.finish()
    }
    const [first, second] = copies.map(bytes => blobOf(bytes).hash)
    assert.ok(first !== undefined && second !== undefined)
    store.pin(first)
    assert.equal(await store.room(), 1_000)
    const put = await store.put(piecesOf(contentOf(1_000, 4)))
    assert.deepEqual(
      [own.hash, first, second, put.hash].map(hash => store.size(hash)),
      [1_000, 1_000, undefined, 1_000],
    )
    await assert.rejects(store.put(piecesOf(contentOf(1, 5))), {
      name: 'NoSpaceError',
      directory: undefined,
    })
    assert.equal(await store.room(), 0)
  })
})
