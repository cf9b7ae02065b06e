import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { chmod, mkdtemp, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import type { TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { loadIdentity } from '../../src/libp2p/identity.ts'
import { libp2pNetwork } from '../../src/libp2p/network.ts'
import { connected, listen, startNode } from './nodes.ts'

async function temporaryFolder(t: TestContext): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'meshwork-network-'))
  t.after(() => rm(path, { recursive: true, force: true }))
  return path
}

describe('a node', () => {
  test('whose port is in use says so, with address and remedy, and leaves nothing open', async t => {
    const a = await startNode(t)
    const address = a.network.addresses()[0]?.split('/p2p/')[0] ?? ''
    const dataDir = await temporaryFolder(t)
    await assert.rejects(startNode(t, { listen: [address], dataDir }), (error: Error) => {
      assert.equal(error.name, 'ListenFailedError')
      assert.ok(error.message.includes(address))
      assert.match(error.message, /in use; .*another port/)
      assert.ok(!error.message.includes('\n'))
      return true
    })
    // The data directory is free again.
    const b = await startNode(t, { dataDir })
    assert.equal(b.network.addresses().length, 1)
  })

  test('whose address is not of this machine says so', async t => {
    const listen = ['/ip4/192.0.2.1/tcp/0']
    await assert.rejects(startNode(t, { listen }), /Cannot listen on .*does not have that address/)
  })

  const wrong = [
    { name: 'listen', init: { listen: ['0.0.0.0:4001'] } },
    { name: 'bootstrap', init: { bootstrap: ['hub.local'] } },
    { name: 'allow', init: { allow: ['nobody'] } },
    { name: 'mesh', init: { mesh: 'No Good' } },
  ]
  for (const { name, init } of wrong) {
    test(`with a wrong ${name} is refused before anything is opened`, async () => {
      await assert.rejects(libp2pNetwork({ mesh: 'test', ...init }), (error: Error) => {
        assert.equal(error.name, 'InvalidParametersError')
        assert.match(error.message, new RegExp(name))
        return true
      })
    })
  }

  test('tells nothing before its start is over', async t => {
    const a = await startNode(t)
    const network = await libp2pNetwork({
      mesh: 'test',
      mdns: false,
      listen,
      bootstrap: a.network.addresses(),
    })
    t.after(() => network.stop())
    let started = false
    const told: string[] = []
    const tell = (what: string) => (): void => void told.push(`${what} ${started}`)
    const { promise, resolve } = Promise.withResolvers<void>()
    await network.start({
      up: () => resolve(),
      down: tell('down'),
      unreachable: tell('unreachable'),
      message: tell('message'),
      hints: tell('hints'),
      listening: tell('listening'),
    })
    started = true
    assert.equal(told.length, 0)
    await promise
    assert.ok(told.every(what => what.endsWith('true')))
    assert.equal(told[0], 'listening true')
  })

  test('may be stopped twice, and before it has started', async () => {
    const network = await libp2pNetwork({ mesh: 'test', mdns: false, listen })
    await Promise.all([network.stop(), network.stop()])
    network.send('nobody', { lsn: 0, message: { type: 'goodbye' } })
    network.gossip([])
    network.dial('nobody', [])
    network.hangup('nobody', 'none')
    assert.deepEqual(network.addresses(), [])
    assert.deepEqual(network.health().up, [])
    const { signal } = new AbortController()
    await assert.rejects(network.query('nobody', new Uint8Array(), { signal }), {
      name: 'NotStartedError',
    })
  })

  test('leaves no handle behind: its process ends by itself', async () => {
    const script = fileURLToPath(new URL('ends-by-itself.ts', import.meta.url))
    const child = spawn(process.execPath, [script], { stdio: ['ignore', 'pipe', 'inherit'] })
    const limit = setTimeout(() => child.kill('SIGKILL'), 20_000)
    let output = ''
    child.stdout.on('data', (data: Buffer) => {
      output += data.toString()
    })
    const { promise, resolve } = Promise.withResolvers<string>()
    child.on('close', (code, signal) => resolve(`${code} ${signal}`))
    const end = await promise
    clearTimeout(limit)
    assert.deepEqual([output, end], ['stopped\n', '0 null'])
  })
})

describe('a data directory', () => {
  test('makes the node the same one again', async t => {
    const dataDir = await temporaryFolder(t)
    const first = await startNode(t, { dataDir })
    await first.network.stop()
    const second = await startNode(t, { dataDir })
    assert.equal(first.network.peer, second.network.peer)
    const { mode } = await stat(join(dataDir, 'peer.key'))
    assert.equal(mode & 0o777, 0o600)
    assert.deepEqual(
      (await readdir(dataDir)).filter(name => name.startsWith('peer.key')),
      ['peer.key'],
    )
  })

  test('that another node has is refused', async t => {
    const dataDir = await temporaryFolder(t)
    await startNode(t, { dataDir })
    await assert.rejects(startNode(t, { dataDir }), { name: 'DataDirInUseError' })
  })

  test('with a damaged peer store or book is used all the same', async t => {
    const dataDir = await temporaryFolder(t)
    const b = await startNode(t)
    const a = await startNode(t, { dataDir, bootstrap: b.network.addresses() })
    await connected(a, b)
    await a.network.stop()
    const store = join(dataDir, 'peers')
    for (const name of await readdir(store)) {
      if (name === 'CURRENT' || name.startsWith('MANIFEST'))
        await writeFile(join(store, name), 'garbage')
    }
    await writeFile(join(dataDir, 'peers.json'), '{"version":1,"peers":[{"peer":7},')
    const again = await startNode(t, { dataDir })
    assert.match(again.errors.join('\n'), /begun anew[^]*passed over/)
    assert.equal(again.network.peer, a.network.peer)
  })
})

describe('a key file', () => {
  test('is made once, even by two at the same moment', async t => {
    const path = join(await temporaryFolder(t), 'deep', 'peer.key')
    const keys = await Promise.all([1, 2, 3, 4].map(() => loadIdentity(path)))
    const stored = await readFile(path)
    for (const key of keys) assert.ok(key.equals(keys[0]))
    assert.ok((await loadIdentity(path)).equals(keys[0]))
    assert.ok(stored.byteLength > 32)
  })

  const damaged = [
    { name: 'garbage', bytes: Buffer.from('garbage') },
    { name: 'nothing', bytes: Buffer.alloc(0) },
    { name: 'far too much', bytes: Buffer.alloc(100_000, 1) },
  ]
  for (const { name, bytes } of damaged) {
    test(`with ${name} is refused and not replaced`, async t => {
      const path = join(await temporaryFolder(t), 'peer.key')
      await writeFile(path, bytes)
      await assert.rejects(loadIdentity(path), (error: Error) => {
        assert.equal(error.name, 'InvalidParametersError')
        assert.ok(error.message.includes(path))
        return true
      })
      assert.deepEqual(await readFile(path), bytes)
    })
  }

  test('that cannot be read is an error, and not a new identity', async t => {
    const path = join(await temporaryFolder(t), 'peer.key')
    await loadIdentity(path)
    await chmod(path, 0)
    // Nothing is unreadable to an administrator.
    if (process.getuid?.() === 0) t.skip('runs as root')
    else await assert.rejects(loadIdentity(path), { code: 'EACCES' })
  })
})
