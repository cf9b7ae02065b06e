import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import {
  batchMs,
  ndjson,
  patienceMs,
  Testbed,
  untilContains,
  type UpNode,
  workHandlers,
} from './processes.ts'

test('Ctrl-C lets running tasks finish, and gives the others to other nodes', async () => {
  await using bed = new Testbed()
  const [publisher, leaver] = await bed.mesh({
    publisher: { concurrency: 0 },
    leaver: { handlers: workHandlers, concurrency: 2 },
  })
  assert.ok(publisher && leaver)
  const gate = bed.path('gate')
  const log = bed.path('starts.log')
  const publish = bed.spawn(
    ['publish', 'hold', '--ndjson', '--wait', '--json', '--data', publisher.dataDir],
    { input: ndjson(Array.from({ length: 12 }, () => ({ gate, log }))) },
  )
  await untilContains(log, ` ${leaver.process.pid}\n`)
  const left = leaver.process.end(patienceMs, 'SIGINT')
  const other = await bed.up('other', {
    handlers: workHandlers,
    concurrency: 4,
    bootstrap: [publisher],
  })
  await untilContains(log, ` ${other.process.pid}\n`)
  await writeFile(gate, '')

  assert.deepEqual(await left, { code: 0, signal: null })
  assert.partialDeepStrictEqual(leaver.process.lines.at(-1), { event: 'down', finished: 2 })
  assert.deepEqual(await publish.exited, { code: 0, signal: null })
  const makers = publish.lines.map(({ node }) => node)
  assert.equal(makers.length, 12)
  assert.ok(makers.includes(leaver.peerId), 'what ran was finished')
  assert.ok(makers.includes(other.peerId), 'what did not run was handed on')
  assert.ok(
    publish.lines.every(({ attempt }) => attempt === 1),
    'leaving costs no attempt',
  )
  assert.ok(!existsSync(join(leaver.dataDir, 'control.sock')))
})

test('a second Ctrl-C does not wait', async () => {
  await using bed = new Testbed()
  const node = await bed.up('a', { handlers: workHandlers })
  const input = JSON.stringify({ gate: bed.path('gate'), log: bed.path('starts.log') })
  const published = await bed.run(['publish', 'hold', input, '--data', node.dataDir])
  assert.equal(published.code, 0, published.stderr)
  await untilContains(bed.path('starts.log'), ` ${node.process.pid}\n`)

  node.process.kill('SIGINT')
  await node.process.said('finishing what runs', batchMs)
  node.process.kill('SIGINT')
  assert.deepEqual(await node.process.exited, { code: 130, signal: null })
})

// Nothing can interrupt a thread that is in native code.
const unruly = join(import.meta.dirname, 'unruly')

/** A node with a task that is in native code. */
async function upInNative(bed: Testbed, args: readonly string[]): Promise<UpNode> {
  const node = await bed.up('a', { handlers: unruly, args })
  const input = { pipe: bed.path('pipe'), log: bed.path('starts.log') }
  execFileSync('mkfifo', [input.pipe])
  const publish = ['publish', 'native', JSON.stringify(input), '--data', node.dataDir]
  const published = await bed.run(publish)
  assert.equal(published.code, 0, published.stderr)
  await untilContains(input.log, 'native')
  return node
}

test('a second Ctrl-C does not wait for native code either', async () => {
  await using bed = new Testbed()
  const node = await upInNative(bed, [])
  node.process.kill('SIGINT')
  await node.process.said('finishing what runs', batchMs)
  node.process.kill('SIGINT')
  assert.deepEqual(await node.process.exited, { code: 130, signal: null })
})

test('a node leaves in good order although a handler is in native code', async () => {
  await using bed = new Testbed()
  const node = await upInNative(bed, ['--drain', '200ms'])
  assert.deepEqual(await node.process.end(patienceMs), { code: 0, signal: null })
  assert.deepEqual(node.process.lines.at(-1), { event: 'down', finished: 0, released: 1 })
})

// With leases of an hour only what is given back can be done by others.
const longLease = ['--lease', '1h']

test('a node that leaves in the middle of a batch loses nothing and costs no attempt', async () => {
  await using bed = new Testbed()
  const worker = { handlers: workHandlers, concurrency: 4, args: longLease }
  const [publisher, leaver, other] = await bed.mesh({
    publisher: { concurrency: 0, args: longLease },
    leaver: worker,
    other: worker,
    third: worker,
  })
  assert.ok(publisher && leaver && other)
  const log = bed.path('starts.log')
  const publish = bed.spawn(
    ['publish', 'note', '--ndjson', '--wait', '--json', '--data', publisher.dataDir],
    { input: ndjson(Array.from({ length: 400 }, () => ({ log, ms: 20 }))) },
  )
  await untilContains(log, ` ${leaver.process.pid}\n`)
  assert.deepEqual(await leaver.process.end(patienceMs, 'SIGTERM'), { code: 0, signal: null })
  assert.deepEqual(await publish.exited, { code: 0, signal: null })

  assert.equal(publish.lines.length, 400)
  const attempts = publish.lines.map(({ state, attempt }) => `${String(state)} ${String(attempt)}`)
  assert.deepEqual([...new Set(attempts)], ['done 1'])
  const starts = (await readFile(log, 'utf8')).trim().split('\n')
  const started = starts.map(line => line.split(' ')[0])
  assert.equal(new Set(started).size, 400)
  assert.equal(leaver.process.lines.at(-1)?.['event'], 'down')
})

test('what does not end in time is given back, and another node does it', async () => {
  await using bed = new Testbed()
  const worker = { handlers: workHandlers, args: [...longLease, '--drain', '1s'] }
  const [publisher, leaver] = await bed.mesh({
    publisher: { concurrency: 0, args: longLease },
    leaver: { ...worker, concurrency: 1 },
  })
  assert.ok(publisher && leaver)
  const gate = bed.path('gate')
  const log = bed.path('starts.log')
  const publish = bed.spawn([
    'publish',
    'linger',
    '--wait',
    '--json',
    '--data',
    publisher.dataDir,
    JSON.stringify({ gate, log }),
  ])
  await untilContains(log, ` ${leaver.process.pid}\n`)
  const left = leaver.process.end(patienceMs, 'SIGTERM')
  const other = await bed.up('other', { ...worker, bootstrap: [publisher] })
  await untilContains(log, ` ${other.process.pid}\n`)
  await writeFile(gate, '')

  assert.deepEqual(await left, { code: 0, signal: null })
  assert.match(
    leaver.process.stderr,
    /^warning: 1 task did not end within 1 s and will run elsewhere$/m,
  )
  assert.deepEqual(leaver.process.lines.at(-1), { event: 'down', finished: 0, released: 1 })
  assert.deepEqual(await publish.exited, { code: 0, signal: null })
  assert.partialDeepStrictEqual(publish.lines, [{ node: other.peerId, attempt: 1 }])
})
