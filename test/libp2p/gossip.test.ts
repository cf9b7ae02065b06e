import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { GossipSub } from '@libp2p/gossipsub'
import type { Stream } from '@libp2p/interface'
import type { Announce, Hint } from '../../src/core/messages.ts'
import { maxHintBytes } from '../../src/wire/limits.ts'
import { meshProtocols } from '../../src/wire/protocols.ts'
import type { TestNode } from './nodes.ts'
import { connected, numbered, startNode, startPair } from './nodes.ts'
import { keysInOrder, peerOf, reach, startRaw } from './raw.ts'
import { until } from './until.ts'

const { topic } = meshProtocols('test')
const fast = { watchMs: 50, graceMs: 150 }

function presence(free: number): Hint {
  return { type: 'presence', queues: ['q'], concurrency: 1_000_000, free }
}

function heard(node: TestNode, from: TestNode): number[] {
  return node.told.flatMap(one => {
    if (one.type !== 'hints' || one.peer !== from.network.peer) return []
    return one.hints.flatMap(hint => (hint.type === 'presence' ? [hint.free] : []))
  })
}

let round = 0

/** Publishes until everybody has heard it: what leaves before the topic is known to all is lost. */
async function publishTo(from: TestNode, to: readonly TestNode[]): Promise<void> {
  const first = ++round
  for (const node of to) {
    await node.until(() => {
      if (heard(node, from).some(free => free >= first)) return true
      from.network.gossip([presence(++round)])
      return false
    }, 'a hint arrives')
  }
}

function pubsub(node: TestNode): GossipSub {
  const service = node.network.libp2p?.services['pubsub']
  if (service === undefined) throw new Error('Node has no gossip')
  return service as GossipSub
}

function gossipStreams(node: TestNode): Stream[] {
  const connections = node.network.libp2p?.getConnections() ?? []
  return connections
    .flatMap(({ streams }) => streams)
    .filter(({ protocol, status }) => protocol.startsWith('/meshsub/') && status === 'open')
}

function announce(ledger: number): Announce {
  const hex = ledger.toString(16).padStart(32, '0')
  const producer = `12D3KooWEeBTf4zWBmZnesBQ1ERhfrVdJ8TQwS8L3hs1eZq5z5Em.0123456789abcdef`
  const info = { ledger: hex, epoch: 1, producer, voters: [] }
  const seqs = Array.from({ length: 400 }, (_, i) => (i % 2 === 0 ? i * 1_000_000 : 1))
  const backlog = { queue: 'q', priority: 0, requires: '', ageMs: 0, backlog: 200, seqs }
  return { type: 'announce', info, round: 1, counter: 1, classes: [backlog] }
}

describe('gossip', () => {
  test('hints reach others under the name of who published them', async t => {
    const [a, b] = await startPair(t)
    const c = await startNode(t, { bootstrap: b.network.addresses() })
    await connected(b, c)
    await publishTo(a, [b])
    // They are not connected: b passes it on.
    assert.equal(a.isUp(c.network.peer), false)
    await publishTo(a, [c])
    await publishTo(c, [a])
  })

  test('what is published together travels together, and the last presence counts', async t => {
    const [a, b] = await startPair(t)
    await publishTo(a, [b])
    const before = a.network.health().gossip?.published ?? 0
    const first = ++round
    for (let i = 0; i < 50; i++) a.network.gossip([presence(++round)])
    await b.until(() => heard(b, a).includes(round), 'the last one arrives')
    assert.deepEqual(
      heard(b, a).filter(free => free > first),
      [round],
    )
    assert.equal((a.network.health().gossip?.published ?? 0) - before, 1)
  })

  test('hints that are too many for one message travel in several', async t => {
    const [a, b] = await startPair(t)
    await publishTo(a, [b])
    const announces = Array.from({ length: 300 }, (_, i) => announce(i))
    a.network.gossip(announces)
    const ledgers = new Set<string>()
    await b.until(() => {
      for (const one of b.told) {
        if (one.type !== 'hints') continue
        for (const hint of one.hints) if (hint.type === 'announce') ledgers.add(hint.info.ledger)
      }
      return ledgers.size === announces.length
    }, 'all announcements arrive')
  })

  test('a gossip stream that is reset is repaired, and the control stream not touched', async t => {
    const [a, b] = await startPair(t, { timings: fast })
    await publishTo(a, [b])
    await publishTo(b, [a])
    for (const stream of gossipStreams(a)) stream.abort(new Error('Test'))
    // Without anybody publishing, which would show it too.
    const repaired = (node: TestNode): number => node.network.health().gossip?.repaired ?? 0
    await until(() => repaired(a) + repaired(b) > 0, 'it is repaired')
    await publishTo(a, [b])
    await publishTo(b, [a])
    assert.deepEqual([a.count('down'), b.count('down')], [0, 0])
  })

  test('an outbound gossip stream that is reset by the other side is repaired', async t => {
    const [a, b] = await startPair(t, { timings: fast })
    await publishTo(a, [b])
    const outbound = gossipStreams(a).filter(({ direction }) => direction === 'outbound')
    assert.equal(outbound.length, 1)
    for (const stream of gossipStreams(b)) {
      if (stream.direction === 'inbound') stream.abort(new Error('Test'))
    }
    await until(() => outbound[0]?.status !== 'open', 'the stream is gone')
    await publishTo(a, [b])
    await publishTo(b, [a])
  })

  test('one of two connections may end', async t => {
    const [a, b] = await startPair(t, { timings: fast })
    await publishTo(a, [b])
    // The second one dialled.
    const { libp2p } = b.network
    const [first] = libp2p?.getConnections() ?? []
    assert.ok(first !== undefined)
    await libp2p?.dial(first.remoteAddr, { force: true })
    assert.equal(libp2p?.getConnections().length, 2)
    first.abort(new Error('Test'))
    await publishTo(a, [b])
    await publishTo(b, [a])
  })

  const garbage = [
    { name: 'bytes that are no hints', data: new Uint8Array(100).fill(0xff) },
    { name: 'too many bytes', data: new Uint8Array(maxHintBytes + 1) },
  ]
  for (const { name, data } of garbage) {
    test(`${name} are rejected, and the node goes on`, async t => {
      const [a, b] = await startPair(t)
      await publishTo(a, [b])
      await pubsub(a).publish(topic, data)
      await until(() => b.network.health().gossip?.rejected === 1, 'it is rejected')
      await publishTo(a, [b])
    })
  }

  test('hints of an origin that is not allowed are rejected', async t => {
    const b = await startNode(t)
    const c = await startNode(t, { bootstrap: b.network.addresses() })
    const a = await startNode(t, { allow: [b.network.peer], bootstrap: b.network.addresses() })
    await connected(b, c)
    await connected(a, b)
    await publishTo(b, [a])
    await publishTo(c, [b])
    await until(() => (a.network.health().gossip?.rejected ?? 0) > 0, 'it is rejected')
    assert.deepEqual(heard(a, c), [])
  })

  test('a node without gossip has everything else', async t => {
    const a = await startNode(t, { gossip: false })
    const b = await startNode(t, { bootstrap: a.network.addresses(), timings: fast })
    await connected(a, b)
    a.network.gossip([presence(1)])
    assert.equal(a.network.health().gossip, undefined)
    a.network.send(b.network.peer, numbered(1))
    await b.until(() => b.count('message') === 1, 'the message arrives')
    // Nobody tries to repair what is not there.
    assert.equal(b.network.health().gossip?.repaired, 0)
    assert.equal(gossipStreams(b).length, 0)
  })

  test('a peer that takes no gossip is left alone after some attempts', async t => {
    const [low, high] = await keysInOrder()
    const node = await startNode(t, { privateKey: high, timings: { watchMs: 20, graceMs: 40 } })
    const raw = await startRaw(t, low)
    const connection = await reach(raw, node)
    await connection.newStream(meshProtocols('test').control)
    await node.until(() => node.isUp(peerOf(low)), 'the stream is up')
    await until(() => node.network.health().gossip?.repaired === 3, 'it is attempted')
    const { promise, resolve } = Promise.withResolvers<void>()
    pubsub(node).addEventListener('gossipsub:heartbeat', () => resolve(), { once: true })
    await promise
    assert.equal(node.count('down'), 0)
    assert.equal(node.network.health().gossip?.repaired, 3)
  })
})
