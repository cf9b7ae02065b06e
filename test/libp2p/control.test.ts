import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Connection, Libp2p, Stream } from '@libp2p/interface'
import type { Envelope } from '../../src/core/messages.ts'
import { meshProtocols } from '../../src/wire/protocols.ts'
import type { TestNode } from './nodes.ts'
import { connected, numbered, startNode, startPair } from './nodes.ts'
import { keysInOrder, peerOf, reach, startRaw } from './raw.ts'
import { until } from './until.ts'

const { control } = meshProtocols('test')

function connectionsOf(node: TestNode): Connection[] {
  return node.network.libp2p?.getConnections() ?? []
}

function controlStreams(node: TestNode): Stream[] {
  const streams = connectionsOf(node).flatMap(connection => connection.streams)
  return streams.filter(({ protocol, status }) => protocol === control && status === 'open')
}

function received(node: TestNode): number[] {
  return node.told.flatMap(one => (one.type === 'message' ? [one.envelope.lsn] : []))
}

/** A frame of some size, with bytes that tell which one it is. */
function large(lsn: number, bytes: number): Envelope {
  const body = new Uint8Array(bytes).fill(lsn)
  const ledger = '0123456789abcdef0123456789abcdef'
  return { lsn, message: { type: 'progress', ledger, seq: 1, token: 1, kind: 'log', body } }
}

describe('control streams', () => {
  test('two nodes have one, and frames keep their order', async t => {
    const [a, b] = await startPair(t)
    for (let i = 1; i <= 5_000; i++) a.network.send(b.network.peer, numbered(i))
    for (let i = 1; i <= 100; i++) b.network.send(a.network.peer, numbered(i))
    await b.until(() => b.count('message') === 5_000, 'b has all messages')
    await a.until(() => a.count('message') === 100, 'a has all messages')
    assert.deepEqual(
      received(b),
      Array.from({ length: 5_000 }, (_, i) => i + 1),
    )
    assert.equal(controlStreams(a).length, 1)
    assert.deepEqual([a.count('up'), b.count('up')], [1, 1])
  })

  test('a slow reader holds the sender back, and neither keeps more than its bound', async t => {
    const [a, b] = await startPair(t)
    const finish: (() => void)[] = []
    b.onMessage = () => {
      const { promise, resolve } = Promise.withResolvers<void>()
      finish.push(resolve)
      return promise
    }
    const total = 2_000
    for (let i = 1; i <= total; i++) a.network.send(b.network.peer, large(i % 256, 15 * 1_024))
    const waiting = a.network.health().waitingBytes
    assert.ok(waiting > 20 * 2 ** 20, `${waiting} bytes wait`)
    for (let handled = 0; handled < total; handled++) {
      await until(() => finish.length > 0, `message ${handled} of ${total}`)
      const { heldBytes } = b.network.health()
      assert.ok(heldBytes < 6 * 2 ** 20, `${heldBytes} bytes are held`)
      finish.shift()?.()
    }
    assert.deepEqual(
      received(b),
      Array.from({ length: total }, (_, i) => (i + 1) % 256),
    )
    assert.equal(b.count('down'), 0)
    await until(() => a.network.health().waitingBytes === 0, 'nothing waits any more')
  })

  test('a peer that does not read is cut off at the bound, and has a fresh stream later', async t => {
    const [a, b] = await startPair(t)
    const never = Promise.withResolvers<void>()
    b.onMessage = () => never.promise
    for (let i = 0; a.count('down') === 0; i++) {
      assert.ok(i < 6_000, 'it would take any number of bytes')
      a.network.send(b.network.peer, large(1, 15 * 1_024))
      assert.ok(a.network.health().waitingBytes <= 65 * 2 ** 20)
    }
    assert.match(a.errors.join('\n'), /does not read/)
    b.onMessage = undefined
    await a.until(() => a.count('up') === 2, 'a has a stream again')
    await connected(a, b)
    a.network.send(b.network.peer, numbered(77))
    await b.until(() => received(b).includes(77), 'the new stream works')
  })

  test('a stream that is reset comes back on the same connection', async t => {
    const [a, b] = await startPair(t)
    const [connection] = connectionsOf(a)
    controlStreams(a)[0]?.abort(new Error('Test'))
    await a.until(() => a.count('up') === 2, 'a has it again')
    await b.until(() => b.count('up') === 2, 'b has it again')
    assert.deepEqual([a.count('down'), b.count('down')], [1, 1])
    assert.equal(connectionsOf(a)[0]?.id, connection?.id)
    assert.equal(controlStreams(a).length, 1)
  })

  test('a connection that ends comes back', async t => {
    const [a, b] = await startPair(t)
    connectionsOf(b)[0]?.abort(new Error('Test'))
    await a.until(() => a.count('up') === 2, 'a has it again')
    await b.until(() => b.count('up') === 2, 'b has it again')
    assert.equal(controlStreams(b).length, 1)
  })

  test('nodes that dial each other at the same moment end with one stream and one connection', async t => {
    const a = await startNode(t, { timings: { watchMs: 50, graceMs: 200 } })
    const b = await startNode(t, { timings: { watchMs: 50, graceMs: 200 } })
    const [mine, theirs] = [libp2pOf(a), libp2pOf(b)]
    await Promise.all([mine.dial(theirs.getMultiaddrs()), theirs.dial(mine.getMultiaddrs())])
    await connected(a, b)
    await until(() => connectionsOf(a).length === 1, 'one connection is left')
    await until(
      () => controlStreams(a).length === 1 && controlStreams(b).length === 1,
      'one stream is left',
    )
    await connected(a, b)
    a.network.send(b.network.peer, numbered(5))
    await b.until(() => received(b).includes(5), 'it works')
  })

  test('of two nodes that hear of each other at the same moment only one dials', async t => {
    // The other one waits for longer than a dial can take here.
    const a = await startNode(t, { timings: { yieldMs: 10_000 } })
    const b = await startNode(t, { timings: { yieldMs: 10_000 } })
    let connections = 0
    libp2pOf(a).addEventListener('connection:open', () => connections++)
    a.network.dial(b.network.peer, b.network.addresses())
    b.network.dial(a.network.peer, a.network.addresses())
    await connected(a, b)
    const [mine] = connectionsOf(a)
    assert.equal(connections, 1)
    assert.equal(mine?.direction, a.network.peer < b.network.peer ? 'outbound' : 'inbound')
  })

  test('a stream that is handed out although the peer has refused it is tried again', async t => {
    const [low, high] = await keysInOrder()
    const raw = await startRaw(t, high)
    const greet = (stream: Stream): void => void stream.send(Uint8Array.of(0))
    await raw.handle(control, greet, { maxInboundStreams: 0 })
    const node = await startNode(t, { privateKey: low })
    node.network.dial(peerOf(high), raw.getMultiaddrs().map(String))
    await until(() => connectionsOf(node).length === 1, 'they are connected')
    const [connection] = connectionsOf(node)
    assert.ok(connection !== undefined)
    let attempts = 0
    const newStream = connection.newStream.bind(connection)
    connection.newStream = async (...args) => {
      attempts++
      return newStream(...args)
    }
    await until(() => attempts > 0, 'it is attempted again')
    assert.equal(node.count('up'), 0)
    await raw.handle(control, greet, { maxInboundStreams: 4, force: true })
    await node.until(() => node.count('up') === 1, 'it is up in the end')
  })

  test('the higher peer id opens the stream when the lower one does not', async t => {
    const [low, high] = await keysInOrder()
    const raw = await startRaw(t, low)
    const accepted = Promise.withResolvers<Stream>()
    await raw.handle(control, stream => {
      stream.send(Uint8Array.of(0))
      accepted.resolve(stream)
    })
    const node = await startNode(t, { privateKey: high, timings: { controlWaitMs: 100 } })
    await reach(raw, node)
    await accepted.promise
    await node.until(() => node.isUp(peerOf(low)), 'the stream is up')
  })

  test('a stream is not up before the other side has accepted it', async t => {
    const [low, high] = await keysInOrder()
    const raw = await startRaw(t, high)
    const accepted = Promise.withResolvers<Stream>()
    await raw.handle(control, stream => accepted.resolve(stream))
    const node = await startNode(t, { privateKey: low })
    await reach(raw, node)
    const stream = await accepted.promise
    assert.equal(node.count('up'), 0)
    stream.send(Uint8Array.of(0))
    await node.until(() => node.count('up') === 1, 'the stream is up')
  })

  test('a second stream of the same opener takes the place of the first', async t => {
    const [low, high] = await keysInOrder()
    const raw = await startRaw(t, low)
    const node = await startNode(t, { privateKey: high })
    const connection = await reach(raw, node)
    const first = await connection.newStream(control)
    await node.until(() => node.count('up') === 1, 'the first is up')
    const ended = new Promise(resolve => first.addEventListener('close', resolve))
    await connection.newStream(control)
    await node.until(() => node.count('up') === 2, 'the second is up')
    await ended
    assert.equal(node.count('down'), 1)
    assert.equal(controlStreams(node).length, 1)
  })

  test('where streams cross, that of the lower peer id stays', async t => {
    const [low, high] = await keysInOrder()
    const raw = await startRaw(t, high)
    await raw.handle(control, stream => void stream.send(Uint8Array.of(0)))
    const node = await startNode(t, { privateKey: low })
    const connection = await reach(raw, node)
    await node.until(() => node.count('up') === 1, 'the stream is up')
    const crossing = await connection.newStream(control)
    if (crossing.status === 'open') {
      await new Promise(resolve => crossing.addEventListener('close', resolve))
    }
    assert.equal(crossing.status, 'reset')
    assert.deepEqual([node.count('up'), node.count('down')], [1, 0])
  })

  test('what was sent before a node stops arrives', async t => {
    const [a, b] = await startPair(t)
    a.network.send(b.network.peer, numbered(9))
    await a.network.stop()
    await b.until(() => received(b).includes(9), 'the message arrives')
    await b.until(() => b.count('down') === 1, 'the stream ends')
  })

  test('a peer that was hung up on stays away for a while, and is welcome after it', async t => {
    const [a, b] = await startPair(t, { timings: { banMs: 500 } })
    a.network.hangup(b.network.peer, 'of the test')
    await b.until(() => b.count('down') === 1, 'b is cut off')
    assert.match(a.errors.join('\n'), /of the test/)
    await connected(a, b)
    assert.equal(a.count('up'), 2)
  })
})

function libp2pOf({ network }: TestNode): Libp2p {
  if (network.libp2p === undefined) throw new Error('Node is not started')
  return network.libp2p
}
