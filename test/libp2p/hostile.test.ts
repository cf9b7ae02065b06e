import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { TestContext } from 'node:test'
import type { Connection, PrivateKey, Stream } from '@libp2p/interface'
import { maxFrameBytes } from '../../src/wire/limits.ts'
import { meshProtocols } from '../../src/wire/protocols.ts'
import type { TestNode } from './nodes.ts'
import { connected, numbered, startNode } from './nodes.ts'
import { keysInOrder, peerOf, reach, startRaw } from './raw.ts'
import { until } from './until.ts'

const { control } = meshProtocols('test')

/** A node, and a control stream to it that this test speaks on. */
async function intrude(
  t: TestContext,
): Promise<{ node: TestNode; stream: Stream; connection: Connection; key: PrivateKey }> {
  const [key, other] = await keysInOrder()
  const node = await startNode(t, { privateKey: other })
  const raw = await startRaw(t, key)
  const connection = await reach(raw, node)
  const stream = await connection.newStream(control)
  await node.until(() => node.isUp(peerOf(key)), 'the stream is up')
  return { node, stream, connection, key }
}

/** Whether a node still does its work for others. */
async function assertAlive(t: TestContext, node: TestNode): Promise<void> {
  const other = await startNode(t, { bootstrap: node.network.addresses() })
  await connected(node, other)
  other.network.send(node.network.peer, numbered(4_711))
  await node.until(
    () => node.told.some(one => one.type === 'message' && one.envelope.lsn === 4_711),
    'a message arrives',
  )
}

describe('on the control stream', () => {
  const garbage = [
    { name: 'a frame of garbage', bytes: Uint8Array.of(4, 0xff, 0xff, 0xff, 0xff) },
    { name: 'an empty frame', bytes: Uint8Array.of(0) },
    { name: 'a frame without a message', bytes: Uint8Array.of(2, 8, 1) },
    { name: 'the length of an oversized frame', bytes: lengthOf(maxFrameBytes + 1) },
    { name: 'a length that never ends', bytes: new Uint8Array(16).fill(0x80) },
    { name: 'what another protocol would say', bytes: Buffer.from('GET / HTTP/1.1\r\n'.repeat(9)) },
  ]
  for (const { name, bytes } of garbage) {
    test(`${name} resets it, and the node goes on`, async t => {
      const { node, stream, key } = await intrude(t)
      const ended = new Promise(resolve => stream.addEventListener('close', resolve))
      stream.send(bytes)
      await ended
      assert.equal(stream.status, 'reset')
      assert.equal(node.count('down', peerOf(key)), 1)
      assert.equal(node.count('message'), 0)
      assert.equal(node.errors.length, 1)
      await assertAlive(t, node)
    })
  }

  test('half a frame keeps no more than its length, and nobody waits for it', async t => {
    const { node, stream } = await intrude(t)
    stream.send(lengthOf(maxFrameBytes))
    stream.send(new Uint8Array(1_000))
    await until(() => node.network.health().heldBytes === maxFrameBytes, 'the frame is begun')
    await assertAlive(t, node)
  })

  test('a peer that closes its half has ended the stream', async t => {
    const { node, stream, key } = await intrude(t)
    await stream.close({ signal: AbortSignal.timeout(5_000) })
    await node.until(() => node.count('down', peerOf(key)) === 1, 'the stream has ended')
    await until(() => stream.status === 'closed', 'both halves are closed')
  })

  test('a peer that sends before it has accepted is cut off', async t => {
    const [low, high] = await keysInOrder()
    const raw = await startRaw(t, high)
    const streams: Stream[] = []
    await raw.handle(control, stream => {
      streams.push(stream)
      stream.send(Uint8Array.of(2, 8, 1))
    })
    const node = await startNode(t, { privateKey: low })
    await reach(raw, node)
    await until(() => streams[0]?.status === 'reset', 'the stream is reset')
    assert.equal(node.count('up'), 0)
    // It is tried again, with growing waits.
    await until(() => streams.length >= 2, 'it is tried again')
    await assertAlive(t, node)
  })

  test('a peer that is always reset is come back to', async t => {
    const [low, high] = await keysInOrder()
    const raw = await startRaw(t, high)
    let streams = 0
    await raw.handle(control, stream => {
      streams++
      stream.send(Uint8Array.of(0, 4, 0xff, 0xff, 0xff, 0xff))
    })
    const node = await startNode(t, { privateKey: low })
    await reach(raw, node)
    await until(() => streams >= 4, 'it is tried again and again')
    await node.network.stop()
    assert.equal(node.count('up'), node.count('down'))
  })
})

function lengthOf(bytes: number): Uint8Array {
  return Uint8Array.of((bytes & 0x7f) | 0x80, ((bytes >>> 7) & 0x7f) | 0x80, bytes >>> 14)
}
