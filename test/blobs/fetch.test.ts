import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { NoSpaceError } from '../../src/blobs/errors.ts'
import { Fetcher } from '../../src/blobs/fetcher.ts'
import type { BlobStore, StoredBlob } from '../../src/blobs/ports.ts'
import { pieceBytes } from '../../src/blobs/ports.ts'
import { FakeNetwork, rangeIn, tornRange } from './fake-network.ts'
import {
  blobOf,
  contentOf,
  diskStore,
  download,
  folder,
  memoryStore,
  piecesOf,
  readAll,
} from './stores.ts'

function setup(store: BlobStore = memoryStore(), patienceMs = 60_000) {
  const network = new FakeNetwork()
  const fetcher = new Fetcher({ store, network, patienceMs })
  const fetch = (blob: StoredBlob, peers: readonly string[], signal = never): Promise<void> =>
    fetcher.fetch(blob, { holders: () => peers, signal })
  return { store, network, fetcher, fetch }
}

const never = new AbortController().signal

describe('a blob', () => {
  test('comes from the first peer that has it', async () => {
    const { store, network, fetch } = setup()
    const bytes = contentOf(100_000)
    const blob = blobOf(bytes)
    network.give('b', bytes)
    network.give('c', bytes)
    await fetch(blob, ['a', 'b', 'c'])
    assert.ok((await readAll(store.read(blob.hash))).equals(bytes))
    assert.deepEqual(
      network.requests.map(({ peer }) => peer),
      ['a', 'b'],
    )
    // It is here now, and nobody is asked again.
    await fetch(blob, ['a'])
    assert.equal(network.requests.length, 2)
  })

  test('that a disk has changed while its node was down is fetched anew', async t => {
    const directory = await folder(t)
    const bytes = contentOf(1_000)
    const { hash, size } = await (await diskStore(t, { directory })).put(piecesOf(bytes))
    await writeFile(join(directory, hash.slice(0, 2), hash), bytes.with(500, 99))
    const { store, network, fetch } = setup(await diskStore(t, { directory }))
    network.give('a', bytes)
    await Promise.all([fetch({ hash, size }, ['a']), fetch({ hash, size }, ['a'])])
    assert.ok((await readAll(store.read(hash))).equals(bytes))
    assert.equal(network.requests.length, 1)
    assert.equal(await store.verify(hash), true)
    assert.equal(await store.verify('00'.repeat(32)), false)
  })

  test('that is here is of use again', async t => {
    const { store, fetch } = setup()
    t.mock.timers.enable({ apis: ['Date'], now: Date.now() })
    const { hash, size } = await store.put(piecesOf(contentOf(1_000)))
    t.mock.timers.tick(60_000)
    await fetch({ hash, size }, [])
    assert.equal(await store.sweep(() => false, 60_000), 0)
  })

  test('of any size is one of no pieces, one or some', async () => {
    const { store, network, fetch } = setup()
    for (const size of [0, 1, pieceBytes, pieceBytes + 1]) {
      const bytes = contentOf(size, size + 1)
      network.give('a', bytes)
      await fetch(blobOf(bytes), ['a'])
      assert.equal(store.size(blobOf(bytes).hash), size)
    }
  })

  test('that is large comes from several peers at once', async t => {
    const { store, network, fetch } = setup(await diskStore(t))
    const bytes = contentOf(6 * pieceBytes + 9)
    for (const peer of ['a', 'b', 'c']) network.give(peer, bytes)
    await fetch(blobOf(bytes), ['a', 'b', 'c'])
    assert.ok((await readAll(store.read(blobOf(bytes).hash))).equals(bytes))
    assert.deepEqual(new Set(network.requests.map(({ peer }) => peer)), new Set(['a', 'b', 'c']))
    assert.equal(network.requests.length, 7)
    assert.ok(network.mostActive > 2)
  })

  test('goes on elsewhere when a peer is lost, and only with what is missing', async t => {
    const { store, network } = setup(await diskStore(t))
    const bytes = contentOf(4 * pieceBytes)
    network.give('a', bytes)
    network.give('b', bytes)
    network.onGet.set('a', request => {
      return request.offset < 2 * pieceBytes ? undefined : tornRange(bytes, request)
    })
    network.onGet.set('b', request => {
      assert.ok(request.offset >= 2 * pieceBytes)
      return undefined
    })
    let round = 0
    const peers = (): readonly string[] => (round++ === 0 ? ['a'] : ['b'])
    const fetcher = new Fetcher({ store, network, patienceMs: 60_000 })
    await fetcher.fetch(blobOf(bytes), { holders: peers, signal: never })
    assert.ok((await readAll(store.read(blobOf(bytes).hash))).equals(bytes))
  })

  test('is resumed after a restart', async t => {
    const store = await diskStore(t)
    const { network, fetch } = setup(store)
    const bytes = contentOf(3 * pieceBytes)
    await download(store, bytes, [0, 2])
    network.give('a', bytes)
    await fetch(blobOf(bytes), ['a'])
    assert.deepEqual(network.requests, [{ peer: 'a', offset: pieceBytes }])
  })

  for (const size of [100_000, 3 * pieceBytes]) {
    test(`of ${size} bytes that is wrong is thrown away, and asked of others`, async t => {
      const { store, network, fetch } = setup(await diskStore(t))
      const bytes = contentOf(size)
      for (const peer of ['liar', 'b', 'c']) network.give(peer, bytes)
      network.onGet.set('liar', request => rangeIn(contentOf(size, 2), request))
      await fetch(blobOf(bytes), ['liar', 'b', 'c'])
      assert.ok((await readAll(store.read(blobOf(bytes).hash))).equals(bytes))
    })
  }

  test('that only a liar has is not to be had', async () => {
    const { store, network, fetch } = setup(memoryStore(), 50)
    const bytes = contentOf(1_000)
    network.give('liar', bytes)
    network.onGet.set('liar', request => rangeIn(new Uint8Array(1_000), request))
    await assert.rejects(fetch(blobOf(bytes), ['liar']), (error: Error) => {
      assert.equal(error.name, 'BlobUnavailableError')
      assert.equal((error.cause as Error).name, 'BlobCorruptError')
      return true
    })
    assert.equal(store.size(blobOf(bytes).hash), undefined)
  })

  test('that nobody has yet is asked for again', async () => {
    const { network, fetch } = setup()
    const bytes = contentOf(1_000)
    const peers: string[] = []
    const fetched = fetch(blobOf(bytes), peers)
    network.give('late', bytes)
    peers.push('late')
    await fetched
  })

  test('that several want at once is fetched once, and for the last that waits', async () => {
    const { network, fetch } = setup()
    const bytes = contentOf(300_000)
    network.give('a', bytes)
    const controller = new AbortController()
    const impatient = fetch(blobOf(bytes), ['a'], controller.signal)
    const all = [fetch(blobOf(bytes), ['a']), fetch(blobOf(bytes), ['a'])]
    controller.abort(new Error('enough'))
    await assert.rejects(impatient, { message: 'enough' })
    await Promise.all(all)
    assert.equal(network.requests.length, 1)
  })

  test('that nobody wants any more is fetched no further', async () => {
    const { network, fetch, store } = setup()
    const bytes = contentOf(300_000)
    network.give('a', bytes)
    const controller = new AbortController()
    const fetched = fetch(blobOf(bytes), ['a'], controller.signal)
    controller.abort(new Error('enough'))
    await assert.rejects(fetched, { message: 'enough' })
    // And can be fetched again.
    await fetch(blobOf(bytes), ['a'])
    assert.equal(store.size(blobOf(bytes).hash), 300_000)
  })

  test('that this disk has no room for is not asked of others', async () => {
    const store = memoryStore()
    const { network, fetch } = setup(store)
    const bytes = contentOf(1_000)
    network.give('a', bytes)
    network.give('b', bytes)
    const open = store.part.bind(store)
    store.part = async (hash, size) => {
      const part = await open(hash, size)
      if (part !== undefined) part.write = () => Promise.reject(new NoSpaceError('/disk', size))
      return part
    }
    await assert.rejects(fetch(blobOf(bytes), ['a', 'b']), { name: 'NoSpaceError' })
    assert.deepEqual(network.requests, [{ peer: 'a', offset: 0 }])
  })

  test('that was cut short on this disk is fetched anew', async () => {
    const { store, network, fetch } = setup()
    const bytes = contentOf(1_000)
    const { hash } = await store.put(piecesOf(bytes))
    store.size = () => 999
    network.give('a', bytes)
    const fetched = fetch({ hash, size: 1_000 }, ['a'])
    Reflect.deleteProperty(store, 'size')
    await fetched
    assert.equal(store.size(hash), 1_000)
    assert.equal(network.requests.length, 1)
  })

  test('that is here is not lost to a task that names it with another size', async t => {
    for (const store of [memoryStore(), await diskStore(t)]) {
      const { network, fetch } = setup(store, 50)
      const bytes = contentOf(1_000)
      const { hash } = await store.put(piecesOf(bytes))
      network.give('a', bytes)
      await assert.rejects(fetch({ hash, size: 999 }, ['a']), { name: 'BlobUnavailableError' })
      assert.ok((await readAll(store.read(hash))).equals(bytes))
    }
  })

  test('can be read from others without being kept, and is verified all the same', async () => {
    const { store, network, fetcher } = setup()
    const bytes = contentOf(500_000)
    const blob = blobOf(bytes)
    network.give('a', bytes)
    network.give('b', bytes)
    network.onGet.set('a', request => tornRange(bytes, request))
    const options = { holders: () => ['none', 'a', 'b'], signal: never }
    assert.ok((await readAll(fetcher.stream(blob, options))).equals(bytes))
    assert.equal(store.size(blob.hash), undefined)
    assert.equal(network.requests.at(-1)?.offset, 250_000)

    network.onGet.set('a', request => rangeIn(new Uint8Array(500_000), request))
    await assert.rejects(readAll(fetcher.stream(blob, options)), { name: 'BlobCorruptError' })
  })

  test('that is read without being kept is waited for, and gone on with, for a while', async () => {
    const { network, fetcher } = setup()
    const bytes = contentOf(500_000)
    const blob = blobOf(bytes)
    network.give('a', bytes)
    let [asked, rounds] = [0, 0]
    network.onGet.set('a', request => (++asked < 4 ? tornRange(bytes, request) : undefined))
    const options = { holders: () => (++rounds === 3 ? [] : ['a']), signal: never }
    assert.ok((await readAll(fetcher.stream(blob, options))).equals(bytes))
    assert.deepEqual(
      network.requests.map(({ offset }) => offset),
      [0, 250_000, 375_000, 437_500],
    )
    const impatient = setup(memoryStore(), 50).fetcher
    const nobody = impatient.stream(blob, { holders: () => ['none'], signal: never })
    await assert.rejects(readAll(nobody), { name: 'BlobUnavailableError' })
  })
})
