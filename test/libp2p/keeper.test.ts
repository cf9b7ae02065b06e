import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import type { AddressInfo, Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import type { TestContext } from 'node:test'
import { generateKeyPair } from '@libp2p/crypto/keys'
import { connected, startNode, startPair } from './nodes.ts'
import { keysInOrder, peerOf } from './raw.ts'

async function temporaryFolder(t: TestContext): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'meshwork-keeper-'))
  t.after(() => rm(path, { recursive: true, force: true }))
  return path
}

/** A port that takes connections and never says anything. */
async function mutePort(t: TestContext): Promise<{ port: number; server: Server }> {
  const server = createServer(() => {})
  const sockets = new Set<{ destroy(): unknown }>()
  server.on('connection', socket => sockets.add(socket))
  t.after(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  const { promise, resolve } = Promise.withResolvers<void>()
  server.listen(0, '127.0.0.1', resolve)
  await promise
  return { port: (server.address() as AddressInfo).port, server }
}

/** A port that nobody listens on: it was free a moment ago. */
async function freePort(t: TestContext): Promise<number> {
  const { port, server } = await mutePort(t)
  const { promise, resolve } = Promise.withResolvers<void>()
  server.close(() => resolve())
  await promise
  return port
}

describe('keeper', () => {
  test('a peer that restarts on another port comes back when somebody tells where it is', async t => {
    const privateKey = await generateKeyPair('Ed25519')
    const a = await startNode(t)
    const b = await startNode(t, { privateKey, bootstrap: a.network.addresses() })
    await connected(a, b)
    const before = b.network.addresses()
    await b.network.stop()
    await a.until(() => a.count('down') === 1, 'it is gone')
    const again = await startNode(t, { privateKey })
    assert.notDeepEqual(again.network.addresses(), before)
    a.network.dial(again.network.peer, again.network.addresses())
    await connected(a, again)
  })

  test('a peer that restarts on the same port is found again without help', async t => {
    const privateKey = await generateKeyPair('Ed25519')
    const a = await startNode(t, { timings: { backoffMaxMs: 200 } })
    const b = await startNode(t, { privateKey })
    a.network.dial(b.network.peer, b.network.addresses())
    await connected(a, b)
    const [address = ''] = b.network.addresses()
    await b.network.stop()
    await a.until(() => a.count('unreachable') > 2, 'it is gone')
    const again = await startNode(t, { privateKey, listen: [address.split('/p2p/')[0] ?? ''] })
    await connected(a, again)
  })

  test('a bootstrap address without a peer id is tried until somebody is there', async t => {
    const port = await freePort(t)
    const address = `/ip4/127.0.0.1/tcp/${port}`
    const a = await startNode(t, { bootstrap: [address], timings: { backoffMaxMs: 200 } })
    const b = await startNode(t, { listen: [address] })
    await connected(a, b)
    // Another node takes its place: the address counts, not who was there.
    await b.network.stop()
    const c = await startNode(t, { listen: [address] })
    await connected(a, c)
    assert.notEqual(b.network.peer, c.network.peer)
  })

  test("a node's own address among the bootstrap addresses is dropped", async t => {
    const port = await freePort(t)
    const address = `/ip4/127.0.0.1/tcp/${port}`
    const a = await startNode(t, { listen: [address], bootstrap: [address] })
    const b = await startNode(t, { bootstrap: [address] })
    await connected(a, b)
    assert.deepEqual(a.network.health().up, [b.network.peer])
    assert.equal(a.network.health().known, 1)
  })

  test('a port that nobody listens on is told as refused', async t => {
    const a = await startNode(t)
    const peer = peerOf(await generateKeyPair('Ed25519'))
    a.network.dial(peer, [`/ip4/127.0.0.1/tcp/${await freePort(t)}`])
    await a.until(() => a.count('unreachable', peer) >= 3, 'it is tried again and again')
    const refused = a.told.flatMap(one => (one.type === 'unreachable' ? [one.refused] : []))
    assert.ok(refused.every(Boolean))
  })

  test('a port where another peer has moved in is told as refused, too', async t => {
    const a = await startNode(t)
    const b = await startNode(t)
    const peer = peerOf(await generateKeyPair('Ed25519'))
    a.network.dial(
      peer,
      b.network.addresses().map(address => address.split('/p2p/')[0] ?? ''),
    )
    await a.until(() => a.count('unreachable', peer) > 0, 'it is not there')
    const [first] = a.told.filter(one => one.type === 'unreachable')
    assert.equal(first?.refused, true)
  })

  test('a machine that takes the connection and does not answer is not told as refused', async t => {
    const a = await startNode(t, { timings: { dialMs: 200 } })
    const peer = peerOf(await generateKeyPair('Ed25519'))
    const { port } = await mutePort(t)
    a.network.dial(peer, [`/ip4/127.0.0.1/tcp/${port}`])
    await a.until(() => a.count('unreachable', peer) > 0, 'it is told')
    const [first] = a.told.filter(one => one.type === 'unreachable')
    assert.equal(first?.refused, false)
  })

  test('one address of several that does not answer makes the peer not refused', async t => {
    const a = await startNode(t, { timings: { dialMs: 500 } })
    const peer = peerOf(await generateKeyPair('Ed25519'))
    const { port } = await mutePort(t)
    a.network.dial(peer, [`/ip4/127.0.0.1/tcp/${await freePort(t)}`, `/ip4/127.0.0.1/tcp/${port}`])
    await a.until(() => a.count('unreachable', peer) > 0, 'it is told')
    const [first] = a.told.filter(one => one.type === 'unreachable')
    assert.equal(first?.refused, false)
  })

  test('peers are remembered over a restart, and dialled at once', async t => {
    const dataDir = await temporaryFolder(t)
    const b = await startNode(t)
    const a = await startNode(t, { dataDir, bootstrap: b.network.addresses() })
    await connected(a, b)
    await a.network.stop()
    await b.until(() => b.count('down') === 1, 'it is gone')
    // b could dial it, too, but does not know where it is now.
    const again = await startNode(t, { dataDir })
    assert.equal(again.network.peer, a.network.peer)
    await connected(again, b)
  })

  test('a node that cannot be dialled comes by itself, also after its connection ended', async t => {
    const [low, high] = await keysInOrder()
    for (const [mine, theirs] of [
      [low, high],
      [high, low],
    ]) {
      if (mine === undefined || theirs === undefined) continue
      const hub = await startNode(t, { privateKey: mine })
      const bootstrap = hub.network.addresses()
      const guest = await startNode(t, { privateKey: theirs, listen: [], bootstrap })
      await connected(hub, guest)
      assert.deepEqual(guest.network.addresses(), [])
      for (const connection of hub.network.libp2p?.getConnections() ?? []) {
        connection.abort(new Error('Test'))
      }
      await hub.until(() => hub.count('up') === 2, 'it is back')
      assert.equal(hub.count('unreachable'), 0)
      await guest.network.stop()
      await hub.network.stop()
    }
  })

  test('garbage for addresses and peer ids is passed over', async t => {
    const [a, b] = await startPair(t)
    a.network.dial('nobody', ['/ip4/127.0.0.1/tcp/1'])
    a.network.dial(a.network.peer, a.network.addresses())
    a.network.dial(b.network.peer, [
      '',
      '/',
      'x'.repeat(10_000),
      '/ip4/1.2.3.4/udp/5',
      '/dns4//tcp/1',
    ])
    assert.equal(a.network.health().known, 1)
    assert.equal(a.isUp(b.network.peer), true)
  })
})
