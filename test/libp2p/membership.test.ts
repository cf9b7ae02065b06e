import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { describe, test } from 'node:test'
import { libp2pNetwork } from '../../src/libp2p/network.ts'
import { secretCharsMin } from '../../src/libp2p/secret.ts'
import type { TestNode } from './nodes.ts'
import { connected, startNode } from './nodes.ts'
import { until } from './until.ts'

const newSecret = (): string => randomBytes(32).toString('base64url')
const impatient = { timings: { backoffMinMs: 10, backoffMaxMs: 50 } }

function isAlone(node: TestNode): boolean {
  return node.count('up') === 0 && node.count('message') === 0 && node.count('hints') === 0
}

describe('a mesh secret', () => {
  test('joins those who have it', async t => {
    const secret = newSecret()
    const a = await startNode(t, { secret })
    const b = await startNode(t, { secret, bootstrap: a.network.addresses() })
    await connected(a, b)
  })

  const others = [
    { name: 'another one', secret: newSecret() },
    { name: 'none', secret: undefined },
  ]
  for (const { name, secret } of others) {
    for (const isKnown of [true, false]) {
      const how = isKnown ? 'by peer id' : 'by address'
      test(`keeps out who has ${name}, dialled ${how}, and says so once`, async t => {
        const a = await startNode(t, { secret: newSecret() })
        const [address = ''] = a.network.addresses()
        const bootstrap = [isKnown ? address : (address.split('/p2p/')[0] ?? '')]
        const b = await startNode(t, { secret, bootstrap, ...impatient })
        const failures = countDials(b)
        await until(() => failures() >= 4, 'it is tried again and again')
        assert.equal(b.errors.length, 1)
        assert.match(b.errors[0] ?? '', /secret/)
        assert.ok(b.errors[0]?.includes(bootstrap[0]?.split('/p2p/')[0] ?? '?'))
        assert.ok(isAlone(a) && isAlone(b))
      })
    }
  }

  test('is of one mesh: the same secret under another name does not join', async t => {
    const secret = newSecret()
    const a = await startNode(t, { secret })
    const b = await startNode(t, { secret, mesh: 'other', bootstrap: a.network.addresses() })
    await b.until(() => b.errors.length > 0, 'it is logged')
    assert.ok(isAlone(a) && isAlone(b))
  })

  const weak = [
    { name: 'too short', secret: 'x7Kq2mZp9wRt4vYb1nLs6' },
    { name: 'too long', secret: 'x7Kq2mZp9wRt4vYb1nLs6'.repeat(100) },
    { name: 'one character', secret: 'a'.repeat(64) },
    { name: 'empty', secret: '' },
  ]
  for (const { name, secret } of weak) {
    test(`that is ${name} is refused with the remedy`, async () => {
      await assert.rejects(libp2pNetwork({ mesh: 'test', secret }), (error: Error) => {
        assert.equal(error.name, 'InvalidParametersError')
        assert.match(error.message, /meshwork secret/)
        // A part of it would be a help to others who read the log.
        assert.ok(secret === '' || !error.message.includes(secret.slice(0, 8)))
        return true
      })
    })
  }

  test(`of ${secretCharsMin} characters is enough`, async () => {
    await libp2pNetwork({ mesh: 'test', secret: 'x7Kq2mZp9wRt4vYb1nLs6z' })
  })
})

describe('a mesh name', () => {
  test('keeps meshes apart, and says so once', async t => {
    const a = await startNode(t)
    const b = await startNode(t, { mesh: 'other', bootstrap: a.network.addresses(), ...impatient })
    const c = await startNode(t, { bootstrap: a.network.addresses() })
    await connected(a, c)
    await until(() => a.errors.length > 0 || b.errors.length > 0, 'it is logged')
    assert.match([...a.errors, ...b.errors].join('\n'), /mesh name/)
    assert.equal(a.errors.length > 1 || b.errors.length > 1, false)
    assert.deepEqual(a.network.health().up, [c.network.peer])
    assert.ok(isAlone(b))
    const isApart = (): boolean =>
      (b.network.libp2p?.getConnections() ?? []).every(({ status }) => status !== 'open')
    await until(isApart, 'no connection is kept')
  })
})

describe('an allow-list', () => {
  test('lets in and dials only those on it', async t => {
    const friend = await startNode(t)
    const stranger = await startNode(t)
    const a = await startNode(t, {
      allow: [friend.network.peer],
      bootstrap: [...friend.network.addresses(), ...stranger.network.addresses()],
    })
    stranger.network.dial(a.network.peer, a.network.addresses())
    await connected(a, friend)
    const open = (): number => stranger.network.libp2p?.getConnections().length ?? 0
    const dials = countDials(stranger)
    await until(() => dials() > 2 && open() === 0, 'it is turned away')
    assert.deepEqual(a.network.health().up, [friend.network.peer])
    assert.equal(stranger.count('up'), 0)
  })
})

/** Counts connections that a node has tried to open from now on. */
function countDials(node: TestNode): () => number {
  const { libp2p } = node.network
  if (libp2p === undefined) throw new Error('Node is not started')
  let dials = 0
  const dial = libp2p.dial.bind(libp2p)
  libp2p.dial = async (...args) => {
    dials++
    return dial(...args)
  }
  return () => dials
}
