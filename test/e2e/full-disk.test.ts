import assert from 'node:assert/strict'
import { stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { contentOf, hashOf } from '../blobs/stores.ts'
import { until } from '../libp2p/until.ts'
import { patienceMs, Testbed, type UpNode } from './processes.ts'
import { reservedMebibytes, SmallDisk } from './small-disk.ts'

const bytes = contentOf(20 * 2 ** 20)
const hash = hashOf(bytes)

/** A size that has no room for the bytes, and one that has. */
const [tooSmall, largeEnough] = [reservedMebibytes + 10, reservedMebibytes + 60]

async function mount(t: TestContext, mebibytes: number): Promise<SmallDisk | undefined> {
  const disk = await SmallDisk.mount(mebibytes)
  if (disk === undefined) t.skip('mounting a small disk is not permitted here')
  return disk
}

function blobOf({ dataDir }: UpNode): Promise<number> {
  return stat(join(dataDir, 'blobs', hash.slice(0, 2), hash)).then(
    ({ size }) => size,
    () => 0,
  )
}

/** What a process has said that begins like this, line by line. */
function said(node: UpNode, kind: 'warning' | 'error', about: RegExp): string[] {
  const lines = node.process.stderr.split('\n')
  return lines.filter(line => line.startsWith(`${kind}: `) && about.test(line))
}

test('a voter without room for a large input says so once, and gets it when there is', async t => {
  await using disk = await mount(t, tooSmall)
  if (disk === undefined) return
  await using bed = new Testbed()
  const [a, b, c] = await bed.mesh({ a: {}, b: { dataDir: disk.path('b') }, c: {} })
  assert.ok(a && b && c)
  const input = bed.path('input')
  await writeFile(input, bytes)
  const args = ['publish', 'count', `@${input}`, '--raw', '--json', '--data', a.dataDir]
  const published = await bed.run(args)
  assert.equal(published.code, 0, published.stderr)
  assert.equal(published.lines[0]?.['durable'], true)
  assert.deepEqual(await Promise.all([a, b, c].map(blobOf)), [bytes.length, 0, bytes.length])

  const complaint = new RegExp(
    `There is no room for ${bytes.length} bytes in .*/b/blobs; make room there`,
  )
  await b.process.said('There is no room', patienceMs)
  await disk.resize(largeEnough)
  const all = async (): Promise<boolean> => (await blobOf(b)) === bytes.length
  let has = false
  await until(() => {
    void all().then(it => (has = it))
    return has
  }, 'the voter has it')
  assert.equal(said(b, 'warning', complaint).length, 1, b.process.stderr)

  const d = await bed.up('d', { args: ['--exec', 'count=wc -c'], bootstrap: [a, b, c] })
  const id = String(published.lines[0]?.['taskId'])
  const show = ['task', 'show', id, '--json', '--data', d.dataDir]
  let row = await bed.run(show)
  for (let i = 0; i < 100 && row.lines[0]?.['state'] !== 'done'; i++) row = await bed.run(show)
  assert.equal(row.lines[0]?.['result'], bytes.length)
})

test('a large input that no majority has room for is refused in one line', async t => {
  await using disk = await mount(t, tooSmall)
  if (disk === undefined) return
  await using bed = new Testbed()
  const [a, b, c] = await bed.mesh({
    a: {},
    b: { dataDir: disk.path('b') },
    c: { dataDir: disk.path('c') },
  })
  assert.ok(a && b && c)
  const input = bed.path('input')
  await writeFile(input, bytes)
  const publish = ['publish', 'count', `@${input}`, '--raw', '--data']
  const peers = await bed.run([...publish, a.dataDir])
  assert.equal(peers.code, 1)
  const names = [b.peerId, c.peerId].join('|')
  assert.match(
    peers.stderr,
    new RegExp(
      `^error: Nodes (${names}), (${names}) have no room for ${bytes.length} bytes; make room there$`,
      'm',
    ),
  )
  // Where the publisher's own disk is the one that is full, its folder is named.
  const own = await bed.run([...publish, b.dataDir])
  assert.equal(own.code, 1)
  assert.match(
    own.stderr,
    /^error: There is no room for \d+ bytes in .*\/b\/blobs; make room there$/m,
  )
  const tasks = await bed.run(['task', 'ls', '--json', '--data', a.dataDir])
  assert.deepEqual(tasks.lines, [])
})

test('a voter whose disk is full leaves in one line, loses nothing, and comes back', async t => {
  await using disk = await mount(t, reservedMebibytes)
  if (disk === undefined) return
  await using bed = new Testbed()
  const dataDir = disk.path('b')
  const [a, b, c] = await bed.mesh({
    a: {},
    b: { dataDir },
    c: { args: ['--exec', 'count=wc -c'] },
  })
  assert.ok(a && b && c)
  const inputs = Array.from({ length: 200 }, (_, i) => `"${String(i).padEnd(1_000)}"\n`).join('')
  const publish = ['publish', 'count', '--ndjson', '--wait', '--json', '--data', a.dataDir]
  await disk.fill()
  const run = await bed.run(publish, { input: inputs })
  assert.equal(run.code, 0, run.stderr)
  assert.deepEqual(new Set(run.lines.map(({ result }) => result)), new Set([1_002]))
  assert.equal(run.lines.length, 200)
  const exit = await b.process.exited
  assert.equal(exit.code, 1)
  const errors = said(b, 'error', /./)
  assert.equal(errors.length, 1, b.process.stderr)
  assert.match(errors[0] ?? '', /Data directory .* cannot be written: ENOSPC.*; check the disk/)

  await disk.unfill()
  const again = await bed.up('b', { dataDir, bootstrap: [a, c] })
  a.process.kill('SIGKILL')
  await a.process.exited
  const more = await bed.run([...publish.slice(0, -1), again.dataDir], { input: '"x"\n' })
  assert.equal(more.code, 0, more.stderr)
  const known = await bed.run(['task', 'ls', '--json', '--limit', '1000', '--data', again.dataDir])
  assert.equal(known.lines.filter(({ state }) => state === 'done').length, 201)
})
