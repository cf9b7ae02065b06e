import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { test } from 'node:test'
import { Cluster, patienceMs } from './cluster.ts'

test('a command serves a queue, and its stderr is the log of the task', async () => {
  await using cluster = new Cluster()
  const gate = await cluster.dataDir('gate')
  const wait = `until test -e '${gate}'; do sleep 0.05; done`
  const talk = `${wait}; read -r line; echo "got $line" >&2; echo done >&2; echo "{\\"line\\":$line}"`
  const node = await cluster.add({ commands: { talk: { command: talk, concurrency: 1 } } })
  assert.deepEqual(
    (await node.nodes()).flatMap(({ queues }) => queues),
    ['talk'],
  )
  // It waits for the first one, so that nothing of it is missed.
  await node.publish('talk', 6)
  const task = await node.publish('talk', 7)
  const seen = Array.fromAsync(task.events({ signal: AbortSignal.timeout(patienceMs) }))
  await writeFile(gate, '')
  assert.deepEqual(
    (await seen).map(event => (event.type === 'log' ? event.line : event.type)),
    ['attempt', 'got 7', 'done', 'outcome'],
  )
  assert.deepEqual(await task.result({ timeoutMs: patienceMs }), { line: 7 })
})

test('a cancelled task ends its command', async () => {
  await using cluster = new Cluster()
  const commands = { wait: "trap 'exit 0' TERM; while :; do echo up >&2; sleep 0.05; done" }
  const node = await cluster.add({ commands })
  const task = await node.publish('wait', 0)
  let cancelled: boolean | undefined
  for await (const event of task.events({ signal: AbortSignal.timeout(patienceMs) })) {
    if (event.type === 'log') cancelled ??= await task.cancel('not needed')
  }
  assert.equal(cancelled, true)
  assert.equal(await task.state(), 'cancelled')
})

test('a node limits its queues further, whatever serves them', async () => {
  await using cluster = new Cluster()
  const order: string[] = []
  const gates = new Map<number, PromiseWithResolvers<void>>()
  const hold = async (seq: number): Promise<void> => {
    order.push(`begin ${seq}`)
    const gate = Promise.withResolvers<void>()
    gates.set(seq, gate)
    await gate.promise
    order.push(`end ${seq}`)
  }
  const node = await cluster.add({
    concurrency: 3,
    queueConcurrency: { hold: 1, shout: 2 },
    tasks: { hold, free: () => order.push('free') },
    commands: { shout: 'tr a-z A-Z' },
  })
  const first = await node.publish<void>('hold', 1)
  const second = await node.publish<void>('hold', 2)
  // Others are not kept waiting by the queue that is full.
  await (await node.publish('free', 0)).result({ timeoutMs: patienceMs })
  assert.equal(await (await node.publish('shout', 'a')).result({ timeoutMs: patienceMs }), 'A')
  const [running] = [...gates.keys()]
  gates.get(running ?? 0)?.resolve()
  await Promise.any([first, second].map(task => task.result({ timeoutMs: patienceMs })))
  const next = running === 1 ? 2 : 1
  await node.publish('free', 0)
  while (!gates.has(next)) await new Promise(resolve => setImmediate(resolve))
  gates.get(next)?.resolve()
  await Promise.all([first, second].map(task => task.result({ timeoutMs: patienceMs })))
  const held = order.filter(line => line !== 'free')
  assert.deepEqual(held, [`begin ${running}`, `end ${running}`, `begin ${next}`, `end ${next}`])

  await assert.rejects(cluster.add({ queueConcurrency: { hold: 1 } }), {
    name: 'InvalidParametersError',
    message: 'queueConcurrency limits queue hold, which this node does not serve',
  })
})

test('a queue with two handlers is refused', async () => {
  await using cluster = new Cluster()
  const init = { tasks: { same: () => 1 }, commands: { same: 'true' } }
  await assert.rejects(cluster.add(init), {
    name: 'InvalidParametersError',
    message: /same has more than one handler/,
  })
})
