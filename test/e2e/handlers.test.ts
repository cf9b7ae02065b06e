import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import {
  batchMs,
  makeFolder,
  ndjson,
  type Run,
  Testbed,
  untilContains,
  type UpNode,
} from './processes.ts'

const unruly = join(import.meta.dirname, 'unruly')

/** Longer than a lease; a minute and a half in the long form. */
const spinMs = process.env['MESHWORK_LONG'] === undefined ? 35_000 : 90_000

/** Publishes to a node and waits for the outcome. */
function published(
  bed: Testbed,
  node: UpNode,
  queue: string,
  input: unknown,
  ...flags: string[]
): Promise<Run> {
  const wait = ['--attempts', '1', '--wait', '--json', '--data', node.dataDir]
  return bed.run(['publish', queue, JSON.stringify(input), ...flags, ...wait])
}

/** Asserts that a task has failed for good. */
function assertFailed({ code, lines, stderr }: Run, reason: string, error: RegExp): void {
  assert.equal(code, 1, stderr)
  assert.partialDeepStrictEqual(lines, [{ state: 'failed', reason }])
  assert.match(String(lines[0]?.['error']), error)
}

/** Asserts that a node does what it always does. */
async function assertWorks(bed: Testbed, node: UpNode): Promise<void> {
  const inputs = Array.from({ length: 30 }, (_, index) => index)
  const args = ['publish', 'echo', '--ndjson', '--wait', '--json', '--data', node.dataDir]
  const run = await bed.run(args, { input: ndjson(inputs) })
  assert.equal(run.code, 0, run.stderr)
  assert.deepEqual(
    run.lines.map(({ result }) => Number(result)).toSorted((a, b) => a - b),
    inputs,
  )
}

for (const isolate of ['thread', 'process'] as const) {
  test(`unruly handlers harm nobody but themselves: each has its ${isolate}`, async () => {
    await using bed = new Testbed()
    const how = isolate === 'process' ? ['--isolate'] : []
    const node = await bed.up('a', {
      handlers: unruly,
      concurrency: 3,
      args: ['--handler-memory', '128', '--lease', '2s', ...how],
    })
    const log = bed.path('starts.log')
    // Three leases long, beside everything else.
    const spun = published(bed, node, 'spin', { ms: 6_000, log })
    await untilContains(log, '\n')

    const code = isolate === 'thread' ? /exited with code: 7/ : /ended with exit code 7/
    assertFailed(await published(bed, node, 'exit', 7), 'attempts', code)
    const full = /devour .*128 MiB/
    assertFailed(await published(bed, node, 'devour', 'objects'), 'attempts', full)
    assertFailed(await published(bed, node, 'devour', 'buffers'), 'attempts', full)
    if (isolate === 'process') {
      assertFailed(await published(bed, node, 'crash', 'SIGSEGV'), 'attempts', /died of SIGSEGV/)
    }
    const late = await published(bed, node, 'forever', 0, '--timeout', '200ms')
    assertFailed(late, 'timeout', /longer than 200 ms/)
    const stuck = `Handler of forever \\(task .*\\) is stuck: .* its ${isolate} was ended`
    await node.process.said(`its ${isolate} was ended`, batchMs)
    assert.match(node.process.stderr, new RegExp(`^warning: ${stuck}$`, 'm'))

    await assertWorks(bed, node)
    const run = await spun
    assert.equal(run.code, 0, run.stderr)
    assert.partialDeepStrictEqual(run.lines, [{ result: 'spun', attempt: 1 }])
    assert.equal((await readFile(log, 'utf8')).split('\n').length, 2, 'it was started once')
    assert.equal((await bed.run(['node', 'ls', '--data', node.dataDir])).code, 0)
  })

  test(`what handlers print is not among the JSON of up: each has its ${isolate}`, async () => {
    await using bed = new Testbed()
    const args = isolate === 'process' ? ['--isolate'] : []
    const node = await bed.up('a', { handlers: unruly, args })
    const run = await published(bed, node, 'print', '{"event":"forged"}')
    assert.equal(run.code, 0, run.stderr)
    await node.process.when('the task is done', ({ event }) => event === 'task:done', batchMs)
    await node.process.said('forged', batchMs)
    assert.ok(node.process.lines.every(({ event }) => event !== 'forged'))
  })
}

test('a handler that computes for longer than a lease keeps it', async () => {
  await using bed = new Testbed()
  const spin = `export { spin } from '${join(unruly, 'unruly.ts')}'\n`
  await writeFile(join(await makeFolder(bed, 'spin'), 'spin.mjs'), spin)
  const worker = { handlers: bed.path('spin'), concurrency: 1 }
  const [publisher, node] = await bed.mesh({ publisher: { concurrency: 0 }, node: worker })
  assert.ok(publisher && node)
  const log = bed.path('starts.log')
  const spun = published(bed, publisher, 'spin', { ms: spinMs, log })
  await untilContains(log, '\n')
  // Another one that would take the task over.
  await bed.up('idle', { ...worker, bootstrap: [publisher] })
  const run = await spun
  assert.equal(run.code, 0, run.stderr)
  assert.partialDeepStrictEqual(run.lines, [{ result: 'spun', attempt: 1, node: node.peerId }])
  assert.equal((await readFile(log, 'utf8')).split('\n').length, 2, 'it was started once')
})

test('a cancelled handler that never ends gives its slot to the next task', async () => {
  await using bed = new Testbed()
  const node = await bed.up('a', { handlers: unruly, concurrency: 1 })
  const published = await bed.run(['publish', 'forever', '0', '--json', '--data', node.dataDir])
  const taskId = String(published.lines[0]?.['taskId'])
  await node.process.when('it has started', ({ event }) => event === 'task:claimed', batchMs)
  const cancelled = await bed.run(['task', 'cancel', taskId, '--data', node.dataDir])
  assert.equal(cancelled.code, 0, cancelled.stderr)
  await assertWorks(bed, node)
  const shown = await bed.run(['task', 'show', taskId, '--json', '--data', node.dataDir])
  assert.partialDeepStrictEqual(shown.lines, [{ state: 'cancelled' }])
})
