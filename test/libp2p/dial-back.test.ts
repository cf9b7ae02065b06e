import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { describe, test, type TestContext } from 'node:test'
import type { Connection } from '@libp2p/interface'
import { multiaddr } from '@multiformats/multiaddr'
import { DialBacks } from '../../src/libp2p/dial-back.ts'
import { startNode, startPair } from './nodes.ts'

const meshSecret = 'abcdefghijklmnopqrstuvwxyz'
const otherSecret = 'zyxwvutsrqponmlkjihgfedcba'

/** Dials back peers that come from a place. */
function dialBacksTo(address: string): DialBacks {
  const connection = { remoteAddr: multiaddr(address) } as Connection
  return new DialBacks({ connection: peer => (peer === 'p' ? connection : undefined) })
}

/** The port of a server on 127.0.0.1, and how many have connected to it. */
async function listen(t: TestContext): Promise<{ port: number; count: () => number }> {
  let count = 0
  const server = createServer(socket => {
    count++
    socket.destroy()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => server.close())
  const address = server.address()
  assert.ok(typeof address === 'object' && address !== null)
  return { port: address.port, count: () => count }
}

describe('dialling back', () => {
  test('tells whether somebody answers at the host that a peer comes from', async t => {
    const { port } = await listen(t)
    const dialBacks = dialBacksTo('/ip4/127.0.0.1/tcp/1234')
    assert.deepEqual(await dialBacks.dialBack('p', port), {
      address: `/ip4/127.0.0.1/tcp/${port}`,
      reached: true,
    })
    // The server listens at 127.0.0.1 only.
    assert.equal((await dialBacksTo('/ip4/127.0.0.2/tcp/1').dialBack('p', port))?.reached, false)
  })

  test('tries nothing for peers that are not connected, over relays, or to no port', async t => {
    const { port, count } = await listen(t)
    const dialBacks = dialBacksTo('/ip4/127.0.0.1/tcp/1234')
    assert.equal(await dialBacks.dialBack('q', port), undefined)
    for (const bad of [0, -1, 65_536, 1.5, Number.NaN]) {
      assert.equal(await dialBacks.dialBack('p', bad), undefined)
    }
    for (const address of ['/dns4/localhost/tcp/1', '/ip4/127.0.0.1/udp/1']) {
      assert.equal(await dialBacksTo(address).dialBack('p', port), undefined)
    }
    assert.equal(count(), 0)
  })

  test('is done a few times only, whoever asks', async t => {
    const { port } = await listen(t)
    const dialBacks = dialBacksTo('/ip4/127.0.0.1/tcp/1234')
    let tried = 0
    for (let i = 0; i < 50; i++) {
      if ((await dialBacks.dialBack('p', port)) !== undefined) tried++
    }
    assert.ok(tried >= 1 && tried < 20, `${tried} of 50 were tried`)
    const fresh = dialBacksTo('/ip4/127.0.0.1/tcp/1234')
    const all = await Promise.all(Array.from({ length: 50 }, () => fresh.dialBack('p', port)))
    assert.ok(all.filter(answer => answer !== undefined).length <= 4, 'few at the same time')
  })

  test('reaches a node at the port that it listens at', async t => {
    const [a, b] = await startPair(t)
    const port = Number(/tcp\/(\d+)/.exec(a.network.addresses()[0] ?? '')?.[1])
    const answer = await b.network.dialBack(a.network.peer, port)
    assert.deepEqual(answer, { address: `/ip4/127.0.0.1/tcp/${port}`, reached: true })
  })
})

describe('the health of a network', () => {
  test('tells how peers are connected', async t => {
    const [a, b] = await startPair(t)
    const [ofA, ofB] = [a.network.health().links, b.network.health().links]
    assert.deepEqual(
      [ofA.map(({ peer }) => peer), ofB.map(({ peer }) => peer)],
      [[b.network.peer], [a.network.peer]],
    )
    const directions = [...ofA, ...ofB].map(({ direction }) => direction)
    assert.deepEqual(directions.toSorted(), ['inbound', 'outbound'])
    assert.ok([...ofA, ...ofB].every(({ address }) => address.startsWith('/ip4/127.0.0.1/tcp/')))
    assert.deepEqual(a.network.health().strangers, {})
  })

  for (const withPeer of [false, true]) {
    const known = withPeer ? 'whose id is known' : 'of which only the place is known'
    test(`counts handshakes with a node of another secret, ${known}`, async t => {
      const a = await startNode(t, { secret: meshSecret })
      const [whole = ''] = a.network.addresses()
      const address = withPeer ? whole : whole.replace(/\/p2p\/.*/, '')
      const b = await startNode(t, { secret: otherSecret, bootstrap: [address] })
      await b.until(() => b.network.health().strangers.secret !== undefined, 'b has met a stranger')
      const met = b.network.health().strangers.secret
      assert.ok((met?.count ?? 0) >= 1)
      assert.equal(met?.address, whole.replace(/\/p2p\/.*/, ''))
      assert.ok((met?.agoMs ?? -1) >= 0)
      assert.deepEqual(b.network.health().links, [])
    })
  }

  test('counts nodes of other meshes at addresses that were given', async t => {
    const a = await startNode(t)
    const b = await startNode(t, { mesh: 'other', bootstrap: [...a.network.addresses()] })
    await b.until(() => b.network.health().strangers.mesh !== undefined, 'b has met a stranger')
    assert.equal(b.network.health().strangers.secret, undefined)
  })
})
