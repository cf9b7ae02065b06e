import assert from 'node:assert/strict'
import { describe, test, type TestContext } from 'node:test'
import type { Libp2p } from '@libp2p/interface'
import type { BlobReceiver, BlobServer, StoredBlob } from '../../src/blobs/ports.ts'
import { encodeAsk } from '../../src/libp2p/blob-messages.ts'
import { meshProtocols } from '../../src/wire/protocols.ts'
import { blobOf, contentOf, readAll } from '../blobs/stores.ts'
import { startNode, startPair, type TestNode } from './nodes.ts'
import { reach, startRaw } from './raw.ts'
import { until } from './until.ts'

const { control, blob: protocol } = meshProtocols('test')
const signal = AbortSignal.timeout(60_000)
const mebibyte = 2 ** 20

/** Serves blobs from memory, and tells how far it was read and written. */
class Server implements BlobServer {
  readonly blobs = new Map<string, Uint8Array>()
  readonly spreads: string[] = []
  /** Bytes that were handed out, and taken in. */
  given = 0
  taken = 0
  receives: (gift: StoredBlob) => Promise<'have' | 'full' | undefined> = async () => undefined
  /** What a receiver waits for before it takes a chunk. */
  gate: (taken: number) => Promise<void> | void = () => {}
  offset = 0

  add(bytes: Uint8Array): StoredBlob {
    const blob = blobOf(bytes)
    this.blobs.set(blob.hash, bytes)
    return blob
  }

  size(hash: string): number | undefined {
    return this.blobs.get(hash)?.byteLength
  }

  async *read(hash: string, { offset = 0, length = 0 }): AsyncGenerator<Uint8Array> {
    const bytes = this.blobs.get(hash)?.subarray(offset, offset + length) ?? new Uint8Array(0)
    for (let at = 0; at < bytes.byteLength; at += 65_536) {
      const chunk = bytes.subarray(at, at + 65_536)
      this.given += chunk.byteLength
      yield chunk
    }
  }

  async receive(gift: StoredBlob): Promise<'have' | 'full' | BlobReceiver> {
    const answer = await this.receives(gift)
    if (answer !== undefined) return answer
    const chunks: Uint8Array[] = []
    return {
      offset: this.offset,
      write: async bytes => {
        await this.gate(this.taken)
        this.taken += bytes.byteLength
        chunks.push(bytes)
      },
      finish: async () => void this.blobs.set(gift.hash, Buffer.concat(chunks)),
      close: async () => {},
    }
  }

  async spread({ hash }: StoredBlob): Promise<void> {
    this.spreads.push(hash)
  }
}

function serve(node: TestNode): Server {
  const server = new Server()
  node.network.blobs.serve(server)
  return server
}

function gift(bytes: Uint8Array, spread = false) {
  const read = async function* (offset: number): AsyncGenerator<Uint8Array> {
    for (let at = offset; at < bytes.byteLength; at += 65_536) yield bytes.subarray(at, at + 65_536)
  }
  return { ...blobOf(bytes), spread, read }
}

function streamsOf({ network }: TestNode) {
  const connections = network.libp2p?.getConnections() ?? []
  return connections.flatMap(({ streams }) => streams).filter(it => it.protocol === protocol)
}

/** Resolves when a count has begun to rise, and then has not for many looks: what can flow has. */
async function settled(count: () => number): Promise<void> {
  let [last, looks] = [0, 0]
  await until(() => {
    looks = count() === last ? looks + 1 : 0
    last = count()
    return last > 0 && looks > 30
  }, 'the flow ends')
}

async function startMember(t: TestContext): Promise<Libp2p> {
  const raw = await startRaw(t)
  await raw.handle(control, stream => void stream.send(Uint8Array.of(0)))
  return raw
}

describe('blobs of peers', () => {
  test('are read, whole or in ranges', async t => {
    const [a, b] = await startPair(t)
    const server = serve(b)
    const bytes = contentOf(5 * mebibyte)
    const blob = server.add(bytes)
    for (const [offset, length] of [
      [0, bytes.byteLength],
      [1_000_000, 2_000_001],
      [7, 0],
    ] as const) {
      const request = { ...blob, offset, length }
      const read = await readAll(a.network.blobs.get(b.network.peer, request, { signal }))
      assert.ok(read.equals(bytes.subarray(offset, offset + length)))
    }
    await until(() => streamsOf(a).length + streamsOf(b).length === 0, 'streams end')
  })

  test('that are not there, or of another size, are not to be had', async t => {
    const [a, b] = await startPair(t)
    const blob = serve(b).add(contentOf(10))
    for (const request of [
      { hash: '00'.repeat(32), size: 10 },
      { hash: blob.hash, size: 11 },
    ]) {
      const got = a.network.blobs.get(
        b.network.peer,
        { ...request, offset: 0, length: 10 },
        { signal },
      )
      await assert.rejects(readAll(got), { name: 'BlobUnavailableError' })
    }
  })

  test('are given, from where the peer wants them, and spread if it is asked', async t => {
    const [a, b] = await startPair(t)
    const server = serve(b)
    const bytes = contentOf(3 * mebibyte)
    const put = (spread: boolean) =>
      a.network.blobs.put(b.network.peer, gift(bytes, spread), { signal })
    assert.equal(await put(false), 'stored')
    assert.equal(server.taken, bytes.byteLength)
    assert.deepEqual(server.blobs.get(blobOf(bytes).hash), Buffer.from(bytes))
    assert.deepEqual(server.spreads, [])

    server.offset = 2 * mebibyte
    assert.equal(await put(false), 'stored')
    assert.equal(server.taken, bytes.byteLength + mebibyte)

    server.receives = async () => 'have'
    assert.equal(await put(true), 'stored')
    assert.equal(server.taken, bytes.byteLength + mebibyte)
    assert.deepEqual(server.spreads, [blobOf(bytes).hash])

    server.receives = async () => 'full'
    assert.equal(await put(false), 'full')
    await until(() => streamsOf(a).length + streamsOf(b).length === 0, 'streams end')
  })

  test('that turn out not to fit are refused while they are still being sent', async t => {
    const [a, b] = await startPair(t)
    const server = serve(b)
    server.gate = taken => {
      if (taken < mebibyte) return
      throw Object.assign(new Error('full'), { name: 'NoSpaceError' })
    }
    const bytes = contentOf(16 * mebibyte)
    assert.equal(await a.network.blobs.put(b.network.peer, gift(bytes), { signal }), 'full')
    assert.ok(server.taken < 2 * mebibyte)
  })

  test('wait for a peer whose disk takes longer than it may be silent', async t => {
    const [a, b] = await startPair(t, { timings: { blobIdleMs: 400 } })
    const server = serve(b)
    server.receives = async () => {
      await new Promise(resolve => setTimeout(resolve, 1_200))
      return 'have'
    }
    const put = a.network.blobs.put(b.network.peer, gift(contentOf(10)), { signal })
    assert.equal(await put, 'stored')
  })

  test('that are spread by a peer are seen to move', async t => {
    const [a, b] = await startPair(t, { timings: { blobIdleMs: 400 } })
    const server = serve(b)
    const spread = Promise.withResolvers<void>()
    server.spread = () => spread.promise
    const bytes = contentOf(100_000)
    const movedBytes = (): number => a.network.blobs.movedBytes()
    const put = a.network.blobs.put(b.network.peer, gift(bytes, true), { signal })
    await until(() => movedBytes() === bytes.byteLength, 'it was sent')
    const other = server.add(contentOf(50_000, 2))
    // What the peer moves meanwhile counts here, too.
    const request = { ...other, offset: 0, length: other.size }
    const c = await startNode(t, { bootstrap: b.network.addresses() })
    await c.until(() => c.isUp(b.network.peer), 'another node sees the peer')
    t.after(() => spread.resolve())
    for (let i = 0; i < 1_000 && movedBytes() === bytes.byteLength; i++) {
      await readAll(c.network.blobs.get(b.network.peer, request, { signal }))
    }
    assert.ok(movedBytes() > bytes.byteLength)
    spread.resolve()
    assert.equal(await put, 'stored')
  })

  test('are not sent faster than they are read, nor read faster than they are taken', async t => {
    const [a, b] = await startPair(t)
    const server = serve(b)
    const bytes = contentOf(24 * mebibyte)
    const blob = server.add(bytes)
    const request = { ...blob, offset: 0, length: blob.size }
    const reading = a.network.blobs.get(b.network.peer, request, { signal })[Symbol.asyncIterator]()
    const first = await reading.next()
    await settled(() => server.given)
    assert.ok(server.given < 6 * mebibyte, `${server.given} bytes were sent to a slow reader`)
    let read = first.done === true ? 0 : first.value.byteLength
    for (let next = await reading.next(); next.done !== true; next = await reading.next()) {
      read += next.value.byteLength
    }
    assert.equal(read, blob.size)

    const opened = Promise.withResolvers<void>()
    server.gate = () => opened.promise
    let sent = 0
    const slow = gift(contentOf(24 * mebibyte, 2))
    const counted = {
      ...slow,
      async *read(offset: number): AsyncGenerator<Uint8Array> {
        for await (const chunk of slow.read(offset)) {
          sent += chunk.byteLength
          yield chunk
        }
      },
    }
    const put = a.network.blobs.put(b.network.peer, counted, { signal })
    await settled(() => sent)
    assert.ok(sent < 6 * mebibyte, `${sent} bytes were sent to a slow writer`)
    opened.resolve()
    assert.equal(await put, 'stored')
    assert.equal(server.taken, slow.size)
  })

  test('come, however many are asked for at once', async t => {
    const [a, b] = await startPair(t)
    const server = serve(b)
    const blobs = Array.from({ length: 40 }, (_, i) => server.add(contentOf(1_000 + i, i + 1)))
    const read = await Promise.all(
      blobs.map(blob => {
        const request = { ...blob, offset: 0, length: blob.size }
        return readAll(a.network.blobs.get(b.network.peer, request, { signal }))
      }),
    )
    assert.deepEqual(read.map(blobOf), blobs)
  })

  test('end with the connection, and with the signal', async t => {
    const [a, b] = await startPair(t)
    const blob = serve(b).add(contentOf(24 * mebibyte))
    const request = { ...blob, offset: 0, length: blob.size }
    const reading = a.network.blobs.get(b.network.peer, request, { signal })[Symbol.asyncIterator]()
    await reading.next()
    const rest = async (): Promise<void> => {
      while ((await reading.next()).done !== true);
    }
    for (const connection of b.network.libp2p?.getConnections() ?? []) {
      connection.abort(new Error('cut'))
    }
    await assert.rejects(rest(), error => error instanceof Error)
    await a.until(() => a.isUp(b.network.peer), 'the peer is back')

    const controller = new AbortController()
    const stopped = readAll(a.network.blobs.get(b.network.peer, request, controller))
    controller.abort(new Error('enough'))
    await assert.rejects(stopped, { message: 'enough' })
    await until(() => streamsOf(a).length + streamsOf(b).length === 0, 'streams end')
  })

  test('that a reader gives up are sent no further', async t => {
    const [a, b] = await startPair(t)
    const server = serve(b)
    const blob = server.add(contentOf(24 * mebibyte))
    const request = { ...blob, offset: 0, length: blob.size }
    for await (const _ of a.network.blobs.get(b.network.peer, request, { signal })) break
    await until(() => streamsOf(a).length + streamsOf(b).length === 0, 'streams end')
    assert.ok(server.given < blob.size)
  })

  test('of peers that are not connected, or fall silent, are not waited for', async t => {
    const [a, b] = await startPair(t, { timings: { blobIdleMs: 100 } })
    const server = serve(b)
    server.read = async function* () {
      yield new Uint8Array(10)
      await new Promise(() => {})
    }
    const blob = server.add(contentOf(100))
    const request = { ...blob, offset: 0, length: 100 }
    const silent = a.network.blobs.get(b.network.peer, request, { signal })
    await assert.rejects(readAll(silent), { name: 'TimeoutError' })
    const c = await startNode(t)
    const absent = a.network.blobs.get(c.network.peer, request, { signal })
    await assert.rejects(readAll(absent), { name: 'NotFoundError' })
  })

  const hash = '00'.repeat(32)
  const garbage: readonly { name: string; bytes: Uint8Array; half?: boolean }[] = [
    { name: 'noise', bytes: contentOf(100_000) },
    { name: 'half a request', bytes: new Uint8Array(20).fill(1), half: true },
    {
      name: 'a size of 2⁶⁴',
      bytes: encodeAsk({ type: 'put', hash, size: 0, spread: false }).fill(0xff, 34, 42),
    },
    {
      name: 'a gift that ends too soon',
      bytes: encodeAsk({ type: 'put', hash, size: 1_000, spread: false }),
      half: true,
    },
  ]
  for (const { name, bytes, half } of garbage) {
    test(`${name} resets the stream, and the node goes on`, async t => {
      const [a, b] = await startPair(t)
      const server = serve(b)
      const raw = await startMember(t)
      const stream = await (await reach(raw, b)).newStream(protocol)
      const ended = new Promise(resolve => stream.addEventListener('close', resolve))
      stream.send(bytes)
      if (half === true) await stream.close({ signal })
      await ended
      assert.equal(stream.status, 'reset')
      assert.equal(server.blobs.size, 0)
      assert.equal(await a.network.blobs.put(b.network.peer, gift(bytes), { signal }), 'stored')
    })
  }

  test('strangers are served none', async t => {
    const b = await startNode(t, { allow: [] })
    serve(b)
    const raw = await startRaw(t)
    await assert.rejects(async () => {
      const stream = await (await reach(raw, b)).newStream(protocol, { signal })
      await new Promise<void>((resolve, reject) => {
        stream.addEventListener('close', ({ error }) => reject(error ?? new Error('closed')))
        stream.addEventListener('message', () => resolve())
        if (stream.status !== 'open') reject(new Error(stream.status))
      })
    })
  })
})
