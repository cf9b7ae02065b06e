import assert from 'node:assert/strict'
import { once } from 'node:events'
import { stat } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import { batchMs, ndjson, Testbed, workHandlers } from './processes.ts'

/** Sends bytes to a control socket and returns what comes back until it closes. */
async function talk(path: string, bytes: string): Promise<string> {
  const socket = connect(path).setEncoding('utf8')
  let text = ''
  socket.on('data', (piece: string) => (text += piece))
  socket.on('error', () => undefined)
  socket.end(bytes)
  await once(socket, 'close', { signal: AbortSignal.timeout(batchMs) })
  return text
}

test('only its user may talk to a node, and 10,000 tasks need one command', async () => {
  await using bed = new Testbed()
  const node = await bed.up('a', { handlers: workHandlers })
  const { mode } = await stat(join(node.dataDir, 'control.sock'))
  assert.equal(mode & 0o777, 0o600)

  const inputs = Array.from({ length: 10_000 }, (_, index) => ({ index }))
  const run = await bed.run(
    ['publish', 'echo', '--ndjson', '--wait', '--json', '--data', node.dataDir],
    { input: ndjson(inputs) },
  )
  assert.equal(run.code, 0, run.stderr)
  const results = run.lines.map(({ result }) => (result as { index: number }).index)
  assert.deepEqual(
    results.toSorted((a, b) => a - b),
    inputs.map(({ index }) => index),
  )
})

test('garbage on the control socket is refused, and the node lives', async () => {
  await using bed = new Testbed()
  const node = await bed.up('a', { handlers: workHandlers })
  const path = join(node.dataDir, 'control.sock')
  const cases = [
    ['', /"UsageError"/],
    ['\n', /not a frame/],
    ['hello\n', /not a frame/],
    ['{"type":"inputs","inputs":[]}\n', /A request was expected/],
    ['{"type":"request","request":{"op":"levitate"}}\n', /does not know this request/],
    ['{"type":"request"}\n', /does not know this request/],
    ['{"type":"request","request":{"op":"cancel"}}\n', /lacks what it needs/],
    [
      '{"type":"request","request":{"op":"publish","queue":"echo","options":{},"wait":false,"waitTimeoutMs":1}}\n{"type":"inputs"}\n',
      /Inputs were expected/,
    ],
    [`${'x'.repeat(17 * 1024 * 1024)}\n`, /not a frame/],
  ] as const
  for (const [bytes, answer] of cases) {
    assert.match(await talk(path, bytes), answer, bytes.slice(0, 100))
  }
  const run = await bed.run(['publish', 'echo', '7', '--wait', '--data', node.dataDir])
  assert.equal(run.code, 0, run.stderr)
})

test('a command that is interrupted ends with 130 and leaves the node alone', async () => {
  await using bed = new Testbed()
  const node = await bed.up('a', { handlers: workHandlers, concurrency: 1 })
  const input = JSON.stringify({ gate: bed.path('gate'), log: bed.path('starts.log') })
  const publish = bed.spawn(['publish', 'hold', input, '--wait', '--data', node.dataDir])
  const isClaim = ({ event }: { readonly event?: unknown }): boolean => event === 'task:claimed'
  await node.process.when('the task runs', isClaim, batchMs)
  assert.deepEqual(await publish.end(batchMs, 'SIGINT'), { code: 130, signal: null })
  assert.equal((await bed.run(['node', 'ls', '--data', node.dataDir])).code, 0)
})

test('a command for another mesh does not use the node of the data directory', async () => {
  await using bed = new Testbed()
  const here = await bed.up('here', { args: ['--mesh', 'here'] })
  const there = await bed.up('there', { args: ['--mesh', 'there'], handlers: workHandlers })
  const [address = ''] = there.addresses
  const run = await bed.run([
    ...['publish', 'echo', '1', '--wait', '--json', '--data', here.dataDir],
    ...['--mesh', 'there', '--no-mdns', '--bootstrap', address],
  ])
  assert.equal(run.code, 0, run.stderr)
  assert.equal(run.lines[0]?.['node'], there.peerId)
})

test('tasks can be listed and cancelled, from the node or as a guest', async () => {
  await using bed = new Testbed()
  const node = await bed.up('a', { handlers: workHandlers, concurrency: 0 })
  const [address = ''] = node.addresses
  const here = ['--json', '--data', node.dataDir]
  const guest = ['--json', '--no-mdns', '--bootstrap', address]
  const published = await bed.run(['publish', 'later', '--ndjson', ...here], { input: '1\n2\n3\n' })
  const [one, two, three] = published.lines.map(({ taskId }) => String(taskId))
  assert.ok(one && two && three)

  const first = await bed.run(['task', 'cancel', one, '--reason', 'not now', ...here])
  assert.deepEqual([first.code, first.lines], [0, [{ taskId: one, state: 'cancelled' }]])
  const second = await bed.run(['task', 'cancel', two, ...guest])
  assert.deepEqual([second.code, second.lines], [0, [{ taskId: two, state: 'cancelled' }]])
  const again = await bed.run(['task', 'show', one, ...guest])
  assert.deepEqual(
    [again.lines[0]?.['state'], again.lines[0]?.['reason']],
    ['cancelled', 'not now'],
  )

  for (const where of [here, guest]) {
    const all = await bed.run(['task', 'ls', ...where])
    const states = new Map(all.lines.map(({ taskId, state }) => [taskId, state]))
    assert.deepEqual(
      [one, two, three].map(id => states.get(id)),
      ['cancelled', 'cancelled', 'pending'],
    )
    const open = await bed.run(['task', 'ls', '--state', 'pending', '--queue', 'later', ...where])
    assert.deepEqual(
      open.lines.map(({ taskId }) => taskId),
      [three],
    )
  }
})
