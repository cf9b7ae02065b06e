import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { TestContext } from 'node:test'
import { gossipsub } from '@libp2p/gossipsub'
import { identify } from '@libp2p/identify'
import type { Libp2p } from '@libp2p/interface'
import { noise } from '@libp2p/noise'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import { createLibp2p } from 'libp2p'
import { gossipOptions } from '../../src/libp2p/gossip-options.ts'
import { meshProtocols } from '../../src/wire/protocols.ts'
import type { TestNode } from './nodes.ts'
import { connected, listen, numbered, recordErrors, startNode } from './nodes.ts'
import { until } from './until.ts'

async function ownLibp2p(t: TestContext, start = true): Promise<Libp2p> {
  const libp2p = await createLibp2p({
    start,
    addresses: { listen },
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
    connectionMonitor: { enabled: false },
    logger: recordErrors([]),
    services: {
      identify: identify(),
      pubsub: gossipsub(gossipOptions(meshProtocols('test').topic)),
    },
  })
  t.after(() => libp2p.stop())
  return libp2p
}

describe('with an instance of the user', () => {
  test('a node works on it, and leaves it running and as it was', async t => {
    const libp2p = await ownLibp2p(t)
    const protocols = libp2p.getProtocols()
    const timings = { watchMs: 50, graceMs: 1_000 }
    const a = await startNode(t, { libp2p, timings })
    const b = await startNode(t, { bootstrap: a.network.addresses(), timings })
    await connected(a, b)
    assert.equal(a.network.peer, libp2p.peerId.toString())
    b.network.send(a.network.peer, numbered(1))
    await a.until(() => a.count('message') === 1, 'the message arrives')
    // Its identify has another name than ours, but gossip finds its way.
    await until(() => {
      publish(b)
      return a.count('hints') > 0
    }, 'a hint arrives')
    await a.network.stop()
    assert.equal(libp2p.status, 'started')
    assert.deepEqual(libp2p.getProtocols(), protocols)
  })

  test('one that is not started is started', async t => {
    const libp2p = await ownLibp2p(t, false)
    const a = await startNode(t, { libp2p })
    assert.equal(libp2p.status, 'started')
    await a.until(() => a.count('listening') === 1, 'it listens')
  })

  test('gossip that cannot be repaired in place is repaired by connecting anew', async t => {
    const timings = { watchMs: 20, graceMs: 40 }
    const a = await startNode(t, { libp2p: await ownLibp2p(t), timings })
    const init = { libp2p: await ownLibp2p(t), bootstrap: a.network.addresses(), timings }
    const b = await startNode(t, init)
    await connected(a, b)
    const heard = (to: TestNode): boolean => to.count('hints') > 0
    await until(() => {
      publish(a)
      return heard(b)
    }, 'a hint arrives')
    const before = b.count('up')
    for (const { streams } of b.network.libp2p?.getConnections() ?? []) {
      const gossip = streams.filter(({ protocol }) => protocol.startsWith('/meshsub/'))
      for (const stream of gossip) stream.abort(new Error('Test'))
    }
    const hints = b.count('hints')
    await until(() => {
      publish(a)
      return b.count('hints') > hints
    }, 'a hint arrives again')
    assert.ok(b.count('up') > before)
  })
})

let round = 0

function publish(node: TestNode): void {
  round++
  node.network.gossip([{ type: 'presence', queues: [], concurrency: 1_000_000, free: round }])
}
