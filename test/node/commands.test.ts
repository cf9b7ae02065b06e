import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Cluster, patienceMs } from './cluster.ts'

test('a command serves a queue, and its stderr is the log of the task', async () => {
  await using cluster = new Cluster()
  const talk = 'read -r line; echo "got $line" >&2; echo done >&2; echo "{\\"line\\":$line}"'
  const node = await cluster.add({ commands: { talk: { command: talk, concurrency: 1 } } })
  assert.deepEqual(
    (await node.nodes()).flatMap(({ queues }) => queues),
    ['talk'],
  )
  const task = await node.publish('talk', 7, { delayMs: 50 })
  const signal = AbortSignal.timeout(patienceMs)
  const seen = await Array.fromAsync(task.events({ signal }))
  assert.deepEqual(
    seen.map(event => (event.type === 'log' ? event.line : event.type)),
    ['attempt', 'got 7', 'done', 'outcome'],
  )
  assert.deepEqual(await task.result({ timeoutMs: patienceMs }), { line: 7 })
})

test('a cancelled task ends its command', async () => {
  await using cluster = new Cluster()
  const commands = { wait: "trap 'exit 0' TERM; echo up >&2; while :; do sleep 0.05; done" }
  const node = await cluster.add({ commands })
  const task = await node.publish('wait', 0, { delayMs: 50 })
  for await (const event of task.events({ signal: AbortSignal.timeout(patienceMs) })) {
    if (event.type === 'log') assert.equal(await task.cancel('not needed'), true)
  }
  assert.equal(await task.state(), 'cancelled')
})

test('a queue with two handlers is refused', async () => {
  await using cluster = new Cluster()
  const init = { tasks: { same: () => 1 }, commands: { same: 'true' } }
  await assert.rejects(cluster.add(init), {
    name: 'InvalidParametersError',
    message: /same has more than one handler/,
  })
})
