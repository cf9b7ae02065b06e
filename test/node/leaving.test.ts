import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Cluster, events, patienceMs } from './cluster.ts'

// More often than a task may be started by workers that then vanish.
const leavers = 7

test('a task whose workers leave one after the other keeps all of its attempts', async () => {
  await using cluster = new Cluster()
  // With leases of an hour only what is given back can be done by others.
  const leaseMs = 3_600_000
  const publisher = await cluster.add({ concurrency: 0, leaseMs })
  const task = await publisher.publish<number>('hold', 0, { attempts: 1 })
  for (let i = 0; i < leavers; i++) {
    const hold = (_: unknown, { signal }: { signal: AbortSignal }): Promise<never> =>
      new Promise((_, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason))
      })
    const worker = await cluster.add({ concurrency: 1, leaseMs, tasks: { hold } })
    const claimed = events(worker, 'task:claimed')
    await claimed
    await worker.stop()
  }
  const tasks = { hold: (_: unknown, ctx: { attempt: number }) => ctx.attempt }
  await cluster.add({ concurrency: 1, leaseMs, tasks })
  assert.equal(await task.result({ timeoutMs: patienceMs }), 1)
})

test('a drained node claims nothing more, and its results are decided', async () => {
  await using cluster = new Cluster()
  const started = Promise.withResolvers<void>()
  const gate = Promise.withResolvers<string>()
  const hold = (): Promise<string> => {
    started.resolve()
    return gate.promise
  }
  const leaseMs = 3_600_000
  const publisher = await cluster.add({ concurrency: 0, leaseMs })
  const worker = await cluster.add({ concurrency: 1, leaseMs, tasks: { hold } })
  await worker.ready({ peers: 1 })
  const first = await publisher.publish<string>('hold', 1)
  await started.promise
  const drained = worker.drain()
  const second = await publisher.publish<string>('hold', 2)
  gate.resolve('by the first')
  await drained
  assert.equal(worker.metrics()['claimedTasks'], 0)
  await worker.stop()
  assert.equal(await first.result({ timeoutMs: patienceMs }), 'by the first')
  await cluster.add({ concurrency: 1, leaseMs, tasks: { hold: () => 'by the second' } })
  assert.equal(await second.result({ timeoutMs: patienceMs }), 'by the second')
})
