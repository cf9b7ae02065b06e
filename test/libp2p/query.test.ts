import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { TestContext } from 'node:test'
import type { Libp2p } from '@libp2p/interface'
import { encode } from 'it-length-prefixed'
import { queryBytesMax } from '../../src/libp2p/query.ts'
import { meshProtocols } from '../../src/wire/protocols.ts'
import { startNode, startPair } from './nodes.ts'
import { reach, startRaw } from './raw.ts'
import { until } from './until.ts'

const { control, query } = meshProtocols('test')
const signal = AbortSignal.timeout(20_000)

function openStreams(
  libp2p: { getConnections(): readonly { streams: readonly { protocol: string }[] }[] } | undefined,
): number {
  const streams = libp2p?.getConnections().flatMap(connection => connection.streams) ?? []
  return streams.filter(({ protocol }) => protocol === query).length
}

/** A peer that is of the mesh as far as others can see: they hang up on strangers. */
async function startMember(t: TestContext): Promise<Libp2p> {
  const raw = await startRaw(t)
  await raw.handle(control, stream => void stream.send(Uint8Array.of(0)))
  return raw
}

describe('queries', () => {
  test('a request gets its answer, whatever its length', async t => {
    const [a, b] = await startPair(t)
    b.network.onQuery(async (from, request) => {
      assert.equal(from, a.network.peer)
      return request.map(byte => byte + 1)
    })
    for (const bytes of [0, 1, 300, 70_000, queryBytesMax]) {
      const answer = await a.network.query(b.network.peer, new Uint8Array(bytes).fill(6), {
        signal,
      })
      assert.deepEqual(answer, new Uint8Array(bytes).fill(7))
    }
    await until(
      () => openStreams(a.network.libp2p) + openStreams(b.network.libp2p) === 0,
      'streams end',
    )
  })

  test('more queries than streams are answered all the same', async t => {
    const [a, b] = await startPair(t)
    let now = 0
    let most = 0
    b.network.onQuery(async (_, request) => {
      most = Math.max(most, ++now)
      await new Promise(setImmediate)
      now--
      return request
    })
    const requests = Array.from({ length: 40 }, (_, i) => Uint8Array.of(i))
    const answers = await Promise.all(
      requests.map(request => a.network.query(b.network.peer, request, { signal })),
    )
    assert.deepEqual(answers, requests)
    assert.ok(most <= 16, `${most} at once`)
  })

  const failures = [
    { name: 'a handler that fails', answer: () => Promise.reject(new Error('no')) },
    { name: 'an answer that is too long', answer: async () => new Uint8Array(queryBytesMax + 1) },
  ]
  for (const { name, answer } of failures) {
    test(`${name} rejects the query with an Error`, async t => {
      const [a, b] = await startPair(t)
      b.network.onQuery(answer)
      const asked = a.network.query(b.network.peer, Uint8Array.of(1), { signal })
      await assert.rejects(asked, error => error instanceof Error)
      b.network.onQuery(async (_, request) => request)
      assert.deepEqual(
        await a.network.query(b.network.peer, Uint8Array.of(2), { signal }),
        Uint8Array.of(2),
      )
    })
  }

  test('nobody waits longer than the signal says', async t => {
    const [a, b] = await startPair(t)
    const asked = Promise.withResolvers<void>()
    b.network.onQuery(() => {
      asked.resolve()
      return new Promise(() => {})
    })
    const controller = new AbortController()
    const answer = a.network.query(b.network.peer, Uint8Array.of(1), { signal: controller.signal })
    await asked.promise
    controller.abort(new Error('enough'))
    await assert.rejects(answer, { message: 'enough' })
    await until(() => openStreams(b.network.libp2p) === 0, 'the stream ends')
  })

  test('a query ends by itself when the peer never answers', async t => {
    const [a, b] = await startPair(t, { timings: { queryMs: 100 } })
    b.network.onQuery(() => new Promise(() => {}))
    const never = new AbortController()
    const asked = a.network.query(b.network.peer, Uint8Array.of(1), { signal: never.signal })
    await assert.rejects(asked, error => error instanceof Error)
  })

  test('a peer that is not connected cannot be asked', async t => {
    const a = await startNode(t)
    const b = await startNode(t)
    const asked = a.network.query(b.network.peer, Uint8Array.of(1), { signal })
    await assert.rejects(asked, { name: 'NotFoundError' })
  })

  const garbage = [
    { name: 'a length that is too large', bytes: Uint8Array.of(0xff, 0xff, 0xff, 0x7f) },
    { name: 'a length that never ends', bytes: new Uint8Array(20).fill(0xff) },
    {
      name: 'half a request',
      bytes: encode.single(new Uint8Array(100)).subarray(0, 50),
      half: true,
    },
  ]
  for (const { name, bytes, half } of garbage) {
    test(`${name} resets the stream, and the node goes on`, async t => {
      const [a, b] = await startPair(t)
      b.network.onQuery(async (_, request) => request)
      const raw = await startMember(t)
      const stream = await (await reach(raw, b)).newStream(query)
      const ended = new Promise(resolve => stream.addEventListener('close', resolve))
      stream.send(bytes)
      if (half === true) await stream.close({ signal })
      await ended
      assert.equal(stream.status, 'reset')
      const answer = await a.network.query(b.network.peer, Uint8Array.of(3), { signal })
      assert.deepEqual(answer, Uint8Array.of(3))
    })
  }

  test('what comes behind a request is not kept', async t => {
    const b = await startNode(t)
    const { promise, resolve } = Promise.withResolvers<Uint8Array>()
    b.network.onQuery(() => promise)
    const raw = await startMember(t)
    const stream = await (await reach(raw, b)).newStream(query)
    stream.send(encode.single(Uint8Array.of(1)))
    const ended = new Promise(resolve => stream.addEventListener('close', resolve))
    const drained = (): Promise<unknown> =>
      new Promise(resolve => stream.addEventListener('drain', resolve, { once: true }))
    for (let i = 0; i < 200 && stream.status === 'open'; i++) {
      if (!stream.send(new Uint8Array(64 * 1_024))) await Promise.race([drained(), ended])
    }
    const [inbound] =
      b.network.libp2p
        ?.getConnections()
        .flatMap(({ streams }) => streams.filter(({ protocol }) => protocol === query)) ?? []
    assert.ok((inbound?.readBufferLength ?? 0) <= 2 * 2 ** 20)
    resolve(Uint8Array.of(2))
  })
})
