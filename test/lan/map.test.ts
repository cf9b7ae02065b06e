import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { glob, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { allMet, batchMs, type JsonLine, Testbed, type UpNode } from '../e2e/processes.ts'
import { type Host, Lan, whyNoHosts } from './hosts.ts'

const skip = whyNoHosts()
const root = join(import.meta.dirname, '..', '..')

/** Bounds a wait only: how fast nodes meet is measured on a machine with nothing else to do. */
const meetMs = 60_000

/** A node that runs commands on each host; all have met. */
async function upOn(bed: Testbed, hosts: readonly Host[]): Promise<UpNode[]> {
  const args = ['--allow-run']
  const nodes = await Promise.all(
    hosts.map(({ name, within }) => bed.up(name, { within, discover: true, args, concurrency: 2 })),
  )
  await allMet(nodes, meetMs)
  return nodes
}

async function filesBelow(folder: string): Promise<string[]> {
  const files: string[] = []
  for await (const entry of glob('**/*', { cwd: folder, withFileTypes: true })) {
    if (entry.isFile()) files.push(join(entry.parentPath, entry.name))
  }
  return files.toSorted()
}

/** Bytes that a host has received from its network. */
function receivedBy({ within: [program, ...words] }: Host): number {
  const file = '/sys/class/net/eth0/statistics/rx_bytes'
  const { stdout, status } = spawnSync(program, [...words, 'cat', file], { encoding: 'utf8' })
  assert.equal(status, 0)
  return Number(stdout)
}

test('a map over hosts of a LAN prints what the command prints here', { skip }, async () => {
  using lan = new Lan(4)
  await using bed = new Testbed()
  const [away, ...hosts] = lan.hosts
  assert.ok(away)
  const nodes = await upOn(bed, hosts)
  const files = await filesBelow(join(root, 'node_modules', 'libp2p'))
  assert.ok(files.length > 50)
  const here = spawnSync('sha256sum', files, { encoding: 'utf8', maxBuffer: 2 ** 26 })
  assert.equal(here.status, 0)

  const words = ['--keep-order', 'sha256sum', '{}']
  const [first] = nodes
  const fromNode = await bed.run([
    ...['map', '--data', first?.dataDir ?? '', '--joblog', bed.path('log')],
    ...[...words, ':::', ...files],
  ])
  assert.equal(fromNode.code, 0, fromNode.stderr)
  assert.equal(fromNode.stdout, here.stdout)

  // A host without a node of its own, which sends the files, too.
  const folder = join(root, 'node_modules', 'libp2p')
  const input = files.map(file => `${file.slice(folder.length + 1)}\n`).join('')
  const flags = ['--json', '--send', '{}']
  const options = { input, within: away.within, cwd: folder }
  const fromAway = await bed.run(['map', ...flags, ...words], options)
  assert.equal(fromAway.code, 0, fromAway.stderr)
  const printed = fromAway.lines.map(({ stdout }) => String(stdout)).join('')
  assert.equal(printed, here.stdout.replaceAll(`${folder}/`, ''))
  const workers = new Set(fromAway.lines.map(({ node }) => node))
  assert.ok(workers.size >= 2, 'at least two hosts did work')
})

test('what many tasks are sent travels to each host once', { skip }, async () => {
  using lan = new Lan(3)
  await using bed = new Testbed()
  const nodes = await upOn(bed, lan.hosts)
  const [first] = nodes
  assert.ok(first)
  const cwd = bed.path('project')
  await mkdir(cwd)
  const size = 8 * 2 ** 20
  const content = Buffer.alloc(size)
  for (let i = 0; i < size; i += 4) content.writeUInt32LE(Math.imul(i, 2_654_435_761) >>> 0, i)
  await writeFile(join(cwd, 'common'), content)
  await writeFile(join(cwd, 'copy'), content)

  const before = lan.hosts.map(receivedBy)
  const args = Array.from({ length: 30 }, (_, i) => String(i))
  const flags = ['--json', '--data', first.dataDir, '--send', 'common', '--send', 'copy']
  const run = await bed.run(['map', ...flags, 'cat common copy | wc -c; : {}', ':::', ...args], {
    cwd,
  })
  assert.equal(run.code, 0, run.stderr)
  assert.deepEqual(new Set(run.lines.map(({ stdout }) => stdout)), new Set([`${2 * size}\n`]))
  const workers = new Set(run.lines.map(({ node }) => node))
  assert.ok(workers.size >= 2, 'at least two hosts did work')
  for (const [i, host] of lan.hosts.entries()) {
    const received = receivedBy(host) - (before[i] ?? 0)
    // As a voter each other host has it in any case, whether it works or not.
    assert.ok(received < 1.5 * size, `${host.name} has received ${received} bytes`)
    if (i > 0) assert.ok(received > size, `${host.name} has received ${received} bytes`)
  }
})

test('a command on a host that vanishes is run by another one', { skip }, async () => {
  using lan = new Lan(3)
  await using bed = new Testbed()
  const [here, ...others] = lan.hosts
  assert.ok(here)
  const node = await bed.up('here', { within: here.within, discover: true, concurrency: 0 })
  const workers = await upOn(bed, others)
  await allMet([node, ...workers], meetMs)
  const gate = bed.path('gate')
  const script = `echo begun; until test -e '${gate}'; do sleep 0.05; done; echo over; exit 3`
  const run = bed.spawn(['run', '--data', node.dataDir, script])
  await run.printed('begun\n', batchMs)
  const isClaim = ({ event }: JsonLine): boolean => event === 'task:claimed'
  const victim = workers.find(({ process }) => process.lines.some(isClaim))
  assert.ok(victim)
  victim.process.kill('SIGKILL')
  const left = ({ event, peerId }: JsonLine): boolean =>
    event === 'peer:left' && peerId === victim.peerId
  await node.process.when('the node is missed', left, batchMs)
  await writeFile(gate, '')
  assert.deepEqual(await run.exited, { code: 3, signal: null })
  assert.equal(run.stdout, 'begun\nover\n')
})
