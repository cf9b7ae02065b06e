import assert from 'node:assert/strict'
import { describe, test, type TestContext } from 'node:test'
import type { DiskBlobStore } from '../../src/blobs/disk-store.ts'
import { Fetcher } from '../../src/blobs/fetcher.ts'
import type { BlobRange, StoredBlob } from '../../src/blobs/ports.ts'
import { StoreServer } from '../../src/blobs/server.ts'
import { spread } from '../../src/blobs/spread.ts'
import { contentOf, diskStore, piecesOf, readAll } from '../blobs/stores.ts'
import { connected, startNode, type TestNode } from './nodes.ts'

const signal = AbortSignal.timeout(60_000)
const bytes = contentOf(40 * 2 ** 20)

/** What a connection that is cut may have carried in vain: pieces, windows and buffers of both ends. */
const lostBytesMax = 16 * 2 ** 20

/** A node with blobs on its disk, and how much of them it has read for others. */
interface Holder {
  readonly node: TestNode
  readonly store: DiskBlobStore
  readonly fetcher: Fetcher
  read: number
  reading: number
  mostReading: number
  /** Called once so much has been read. */
  at: { readonly bytes: number; readonly act: () => void } | undefined
}

async function startHolder(t: TestContext, others: readonly Holder[] = []): Promise<Holder> {
  const bootstrap = others.flatMap(({ node }) => node.network.addresses())
  const node = await startNode(t, { bootstrap })
  const store = await diskStore(t)
  const fetcher = new Fetcher({ store, network: node.network.blobs, patienceMs: 60_000 })
  const holder: Holder = {
    ...{ node, store, fetcher, read: 0, reading: 0, mostReading: 0, at: undefined },
  }
  const readStored = store.read.bind(store)
  store.read = async function* (hash: string, range?: BlobRange): AsyncGenerator<Uint8Array> {
    holder.mostReading = Math.max(holder.mostReading, ++holder.reading)
    try {
      for await (const chunk of readStored(hash, range)) {
        holder.read += chunk.byteLength
        if (holder.at !== undefined && holder.read >= holder.at.bytes) {
          const { act } = holder.at
          holder.at = undefined
          act()
        }
        yield chunk
      }
    } finally {
      holder.reading--
    }
  }
  node.network.blobs.serve(new StoreServer({ store, isGuest: false, onSpread: async () => {} }))
  for (const other of others) await connected(other.node, node)
  return holder
}

function peerOf({ node }: Holder): string {
  return node.network.peer
}

function fetch(to: Holder, blob: StoredBlob, from: readonly Holder[]): Promise<void> {
  return to.fetcher.fetch(blob, { holders: () => from.map(peerOf), signal })
}

function give(from: Holder, blob: StoredBlob, to: Holder): Promise<void> {
  const target = { peers: [peerOf(to)], needed: 1, spread: false }
  const { store, node } = from
  const held = new Set<string>()
  const warn = (message: string): never => assert.fail(message)
  return spread({
    blob,
    store,
    network: node.network.blobs,
    held,
    target: () => target,
    warn,
    signal,
  })
}

function cut({ node }: Holder): void {
  for (const connection of node.network.libp2p?.getConnections() ?? []) {
    connection.abort(new Error('cut'))
  }
}

async function assertHas({ store }: Holder, { hash }: StoredBlob): Promise<void> {
  assert.ok((await readAll(store.read(hash))).equals(bytes))
}

describe('a large blob', () => {
  test('comes from several holders at once', async t => {
    const [one, two] = [await startHolder(t), await startHolder(t)]
    const reader = await startHolder(t, [one, two])
    const blob = await one.store.put(piecesOf(bytes, 2 ** 20))
    await two.store.put(piecesOf(bytes, 2 ** 20))
    let both = false
    const look = (): void => {
      both ||= one.reading > 0 && two.reading > 0
    }
    for (const holder of [one, two]) holder.at = { bytes: 2 ** 20, act: look }
    await fetch(reader, blob, [one, two])
    assert.equal(one.read + two.read, bytes.length)
    assert.ok(one.read > 0 && two.read > 0, `${one.read} and ${two.read} bytes`)
    assert.ok(both)
    await assertHas(reader, blob)
  })

  test('is fetched further, not anew, after the connection was broken', async t => {
    const holder = await startHolder(t)
    const reader = await startHolder(t, [holder])
    const blob = await holder.store.put(piecesOf(bytes, 2 ** 20))
    holder.at = { bytes: bytes.length / 2, act: () => cut(reader) }
    await fetch(reader, blob, [holder])
    assert.equal(holder.at, undefined, 'it was cut')
    assert.ok(holder.read < bytes.length + lostBytesMax, `${holder.read} bytes were sent`)
    await assertHas(reader, blob)
  })

  test('is given further, not anew, after the connection was broken; and once only', async t => {
    const holder = await startHolder(t)
    const taker = await startHolder(t, [holder])
    const blob = await holder.store.put(piecesOf(bytes, 2 ** 20))
    holder.at = { bytes: bytes.length / 2, act: () => cut(taker) }
    await give(holder, blob, taker)
    assert.equal(holder.at, undefined, 'it was cut')
    assert.ok(holder.read < bytes.length + lostBytesMax, `${holder.read} bytes were sent`)
    await assertHas(taker, blob)

    const sent = holder.read
    await give(holder, blob, taker)
    await fetch(taker, blob, [holder])
    assert.equal(holder.read, sent)
  })
})
