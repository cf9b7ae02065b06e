import assert from 'node:assert/strict'
import { test } from 'node:test'
import { defineTask, type MeshBlob } from '../../src/index.ts'
import { createTestCluster } from '../../src/testing/index.ts'
import { contentOf } from '../blobs/stores.ts'

test('the other of two nodes still gives results, large ones too, when the only voter has lost its disk', async () => {
  const bytes = contentOf(200_000)
  const small = defineTask('small', { run: (n: number) => n + 1 })
  const large = defineTask('large', { run: () => bytes })
  await using c = await createTestCluster({ nodes: 2, seed: 3, tasks: [small, large] })
  const done = await c.node(0).publish(small, 1)
  assert.equal(done.durable, false)
  const made = await c.node(0).publish(large, undefined)
  const open = await c.node(0).publish(small, 1, { delayMs: 3_600_000 })
  await Promise.all([done.result(), made.result()])
  await c.advance(30_000)
  await c.loseDisk(0)
  await c.restart(0)
  await c.advance(1_000)
  const there = c.node(1)
  assert.equal(await there.task<number>(done.id).result(), 2)
  const blob = await there.task<MeshBlob>(made.id).result()
  assert.deepEqual(await blob.bytes(), bytes)
  assert.equal(await there.task(open.id).state(), 'delayed', 'nobody can say more of it')
  // The node that has lost its disk learns it from the other one.
  assert.equal(await c.node(0).task<number>(done.id).result(), 2)
})
