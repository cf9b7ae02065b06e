import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { glob } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import {
  allMet,
  batchMs,
  met,
  ndjson,
  Testbed,
  workHandlers,
  type JsonLine,
  type Run,
} from '../e2e/processes.ts'
import { Lan, whyNoHosts } from './hosts.ts'

const skip = whyNoHosts()
const root = join(import.meta.dirname, '..', '..')

/** Bounds a wait only: how fast nodes meet is measured on a machine with nothing else to do. */
const meetMs = 60_000

/** The hashes that sha256sum gives, by path. */
function sha256sum(paths: readonly string[]): Map<string, string> {
  const { stdout, status } = spawnSync('sha256sum', [...paths], {
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  })
  assert.equal(status, 0)
  return new Map(
    stdout
      .trim()
      .split('\n')
      .map(line => [line.slice(66), line.slice(0, 64)]),
  )
}

async function filesBelow(folder: string): Promise<string[]> {
  const files: string[] = []
  for await (const entry of glob('**/*', { cwd: folder, withFileTypes: true })) {
    if (entry.isFile()) files.push(join(entry.parentPath, entry.name))
  }
  return files.toSorted()
}

/** Asserts one right outcome per file, and returns which nodes gave them. */
function assertHashes(run: Run, expected: ReadonlyMap<string, string>): Set<unknown> {
  assert.equal(run.code, 0, run.stderr)
  assert.ok(run.lines.every(({ state }) => state === 'done'))
  assert.equal(run.lines.length, expected.size)
  assert.equal(new Set(run.lines.map(({ taskId }) => taskId)).size, expected.size)
  const hashes = run.lines.map(({ result }) => String(result))
  assert.deepEqual(hashes.toSorted(), [...expected.values()].toSorted())
  return new Set(run.lines.map(({ node }) => node))
}

for (const quiet of [[], ['--no-gossip']]) {
  const mode = quiet.length === 0 ? '' : ', without gossip, too'
  test(
    `hosts of a LAN find each other and share the hashing of files${mode}`,
    { skip },
    async () => {
      using lan = new Lan(4)
      await using bed = new Testbed()
      const [guest, ...others] = lan.hosts.toReversed()
      assert.ok(guest)
      const nodes = await Promise.all(
        others.map(({ name, within }) =>
          bed.up(name, { within, discover: true, handlers: workHandlers, args: quiet }),
        ),
      )
      const [publisher] = nodes
      assert.ok(publisher)
      await allMet(nodes, meetMs)

      const files = await filesBelow(join(root, 'node_modules', 'libp2p'))
      assert.ok(files.length > 50)
      const expected = sha256sum(files)
      const input = ndjson(files.map(path => ({ path })))
      const args = ['publish', 'hash', '--wait', '--json', '--ndjson']

      const fromNode = await bed.run([...args, '--data', publisher.dataDir], { input })
      const workers = assertHashes(fromNode, expected)
      assert.ok(workers.size >= 2, 'at least two hosts did work')
      assert.ok([...workers].every(worker => nodes.some(({ peerId }) => peerId === worker)))

      const fromGuest = await bed.run(args, { input, within: guest.within })
      assert.ok(
        assertHashes(fromGuest, expected).size >= 2,
        'at least two hosts worked for the guest',
      )
    },
  )
}

test('the leases of a host that vanishes pass to others', { skip }, async () => {
  using lan = new Lan(3)
  await using bed = new Testbed()
  const nodes = await Promise.all(
    lan.hosts.map(({ name, within }, index) =>
      bed.up(name, { within, discover: true, handlers: workHandlers, concurrency: index * 2 }),
    ),
  )
  const [publisher, victim, other] = nodes
  assert.ok(publisher && victim && other)
  await allMet(nodes, meetMs)

  const publish = bed.spawn(
    ['publish', 'nap', '--wait', '--json', '--ndjson', '--data', publisher.dataDir],
    { input: ndjson(Array.from({ length: 60 }, () => ({ ms: 300 }))) },
  )
  const isClaim = ({ event }: JsonLine): boolean => event === 'task:claimed'
  await victim.process.when('the victim claims a task', isClaim, batchMs)
  victim.process.kill('SIGKILL')
  await publisher.process.when(
    'the publisher notices',
    ({ event, peerId }) => event === 'peer:left' && peerId === victim.peerId,
    batchMs,
  )
  assert.deepEqual(await publish.exited, { code: 0, signal: null })
  assert.equal(new Set(publish.lines.map(({ taskId }) => taskId)).size, 60)
  assert.ok(publish.lines.every(({ state }) => state === 'done'))

  const back = await bed.up(victim.name, {
    within: lan.hosts[1]?.within ?? [],
    discover: true,
    handlers: workHandlers,
  })
  assert.equal(back.peerId, victim.peerId)
  await met(back, other, meetMs)
})

test(
  'meshes of different names or secrets on one LAN do not see each other',
  { skip },
  async () => {
    using lan = new Lan(3)
    await using bed = new Testbed()
    const [one, two, three] = lan.hosts
    assert.ok(one && two && three)
    const a = await bed.up('a', { within: one.within, discover: true, args: ['--mesh', 'left'] })
    await bed.up('b', { within: two.within, discover: true, args: ['--mesh', 'right'] })
    const c = await bed.up('c', { within: three.within, discover: true, args: ['--mesh', 'left'] })
    await allMet([a, c], meetMs)

    const seen = await bed.run(['node', 'ls', '--json', '--data', a.dataDir])
    const peers = seen.lines.map(({ peerId }) => String(peerId))
    assert.deepEqual(peers.toSorted(), [a.peerId, c.peerId].toSorted())
  },
)
