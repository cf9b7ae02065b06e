import assert from 'node:assert/strict'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test, type TestContext } from 'node:test'
import { type DiagnoseOptions, diagnose, type Finding } from '../../src/index.ts'
import { Cluster } from '../node/cluster.ts'
import { says } from './facts.ts'

const listen = ['/ip4/127.0.0.1/tcp/0']
const secret = 'abcdefghijklmnopqrstuvwxyz'

/** A run without multicast, on a folder of its own that must stay as it was. */
async function run(t: TestContext, options: DiagnoseOptions): Promise<readonly Finding[]> {
  const folder = await mkdtemp(join(tmpdir(), 'meshwork-doctor-test-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  const findings = await diagnose({ mdns: false, listen, dataDir: folder, ...options })
  assert.deepEqual(await readdir(folder), [])
  return findings
}

function assertSays(findings: readonly Finding[], ...what: Parameters<typeof says> | unknown[]) {
  const [level, check, pattern] = what as [Finding['level'], string, RegExp]
  assert.ok(says(findings, level, check, pattern), JSON.stringify(findings, undefined, 1))
}

describe('diagnose', () => {
  test('visits the mesh as a guest that peers can reach, and leaves', async t => {
    await using cluster = new Cluster()
    const nodes = await cluster.start(2)
    const left = Promise.all(
      nodes.map(node => {
        const { promise, resolve } = Promise.withResolvers<void>()
        node.addEventListener('peer:left', () => resolve())
        return promise
      }),
    )
    const findings = await run(t, {
      mesh: cluster.mesh,
      bootstrap: nodes.flatMap(({ addresses }) => addresses),
    })
    assertSays(findings, 'ok', 'peers', /2 nodes of mesh test-\d+ are connected/)
    assertSays(findings, 'ok', 'versions', /3 nodes run version/)
    assertSays(findings, 'ok', 'reachable', /all on this machine/)
    assertSays(findings, 'warning', 'secret', /has no secret/)
    assertSays(findings, 'ok', 'fsync', /a sync takes/)
    assert.deepEqual(
      findings.filter(({ level, check }) => level === 'problem' && check !== 'disk'),
      [],
    )
    await left
  })

  test('asks the node that it is given, which peers can reach', async t => {
    await using cluster = new Cluster()
    const [node] = await cluster.start(2, () => ({ secret }))
    const health = await node?.health()
    assert.equal(health?.secret, true)
    assert.equal(health?.self.peerId, node?.peerId)
    assert.equal(health?.nodes.length, 1)
    assert.deepEqual(
      health?.dialBacks.map(({ reached, peerId }) => [reached, peerId]),
      health?.links.map(({ peerId }) => [true, peerId]),
    )
    const findings = await run(t, { mesh: cluster.mesh, node })
    assertSays(findings, 'ok', 'secret', /has a secret/)
    assertSays(findings, 'ok', 'peers', /1 nodes/)
  })

  test('tells that a node has another secret', async t => {
    await using cluster = new Cluster()
    const node = await cluster.add({ secret })
    const findings = await run(t, {
      mesh: cluster.mesh,
      bootstrap: node.addresses,
      listenMs: 1_500,
    })
    assertSays(findings, 'problem', 'secret', /another secret.*at \/ip4\/127\.0\.0\.1\/tcp/)
  })

  test('tells that a node is of another mesh', async t => {
    await using cluster = new Cluster()
    const node = await cluster.add()
    const findings = await run(t, { mesh: 'elsewhere', bootstrap: node.addresses })
    assertSays(findings, 'problem', 'mesh', /not of mesh elsewhere/)
  })

  const bad: readonly (readonly [string, DiagnoseOptions, string, RegExp])[] = [
    ['a mesh that has no such name', { mesh: 'No Name' }, 'doctor', /name of a mesh/],
    ['a secret that is too short', { secret: 'short' }, 'peers', /secret has 5 characters/],
    ['an address that is none', { bootstrap: ['here'] }, 'peers', /bootstrap.*not a multiaddr/],
    [
      'a node that fails',
      { node: { health: () => Promise.reject(new Error('no such request')) } },
      'peers',
      /could not be asked: no such request/,
    ],
  ]
  for (const [name, options, check, pattern] of bad) {
    test(`takes ${name} for a finding`, async t => {
      assertSays(await run(t, { listenMs: 1, ...options }), 'problem', check, pattern)
    })
  }

  test('ends when it is interrupted', async t => {
    const signal = AbortSignal.abort(new Error('interrupted'))
    assertSays(await run(t, { signal }), 'problem', 'peers', /interrupted/)
  })
})
