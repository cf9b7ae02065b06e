import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { MeshBlob } from '../../src/index.ts'
import { contentOf } from '../blobs/stores.ts'
import { Cluster, patienceMs } from './cluster.ts'

test('a task outlives the only node that kept it, which was stopped', async () => {
  await using cluster = new Cluster()
  const publisher = await cluster.add({ concurrency: 0 })
  const { id } = await publisher.publish<number>('double', 21)
  const keeper = await cluster.add({ concurrency: 0 })
  await Promise.all([keeper.ready({ peers: 1 }), publisher.ready({ peers: 1 })])
  await publisher.stop()
  assert.equal(keeper.metrics()['openTasks'], 1)
  await cluster.add({ concurrency: 1, tasks: { double: (n: number) => 2 * n } })
  assert.equal(await keeper.task<number>(id).result({ timeoutMs: patienceMs }), 42)
})

test('blobs of such a task are at the next voter before the only one that had them is gone', async () => {
  await using cluster = new Cluster()
  const publisher = await cluster.add({ concurrency: 0 })
  const bytes = contentOf(3_000_000)
  const { id } = await publisher.publish<number>('size', bytes)
  const keeper = await cluster.add({ concurrency: 0 })
  await Promise.all([keeper.ready({ peers: 1 }), publisher.ready({ peers: 1 })])
  await publisher.stop()
  assert.equal(keeper.metrics()['openTasks'], 1)
  await cluster.add({ concurrency: 1, tasks: { size: (input: MeshBlob) => input.size } })
  assert.equal(await keeper.task<number>(id).result({ timeoutMs: patienceMs }), bytes.byteLength)
})

test('what runs on a node that stops is given to others, with all of its attempts', async () => {
  await using cluster = new Cluster()
  const started = Promise.withResolvers<void>()
  const publisher = await cluster.add({
    concurrency: 1,
    tasks: {
      hold: (_: unknown, { signal }: { signal: AbortSignal }): Promise<never> => {
        started.resolve()
        return new Promise((_, reject) => {
          signal.addEventListener('abort', () => reject(signal.reason))
        })
      },
    },
  })
  const { id } = await publisher.publish<number>('hold', 0, { attempts: 1 })
  await started.promise
  const keeper = await cluster.add({ concurrency: 0 })
  await Promise.all([keeper.ready({ peers: 1 }), publisher.ready({ peers: 1 })])
  await publisher.stop()
  await cluster.add({ tasks: { hold: (_: unknown, ctx: { attempt: number }) => ctx.attempt } })
  assert.equal(await keeper.task<number>(id).result({ timeoutMs: patienceMs }), 1)
})

test('all nodes may stop at once, with tasks left', async () => {
  await using cluster = new Cluster()
  const nodes = await cluster.start(5, () => ({ concurrency: 0 }))
  await nodes[0]?.publish('later', 1)
  await Promise.all(nodes.map(node => node.stop()))
  const errors = await Promise.all(nodes.map(node => node.stopped))
  assert.deepEqual(errors, [undefined, undefined, undefined, undefined, undefined])
})
