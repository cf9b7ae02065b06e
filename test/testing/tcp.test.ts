import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { createTestCluster } from '../../src/testing/index.ts'
import { inputsOf, resize } from './tasks.ts'

describe('the same cluster on real sockets', () => {
  test('completes what was published, though a node crashes and comes back', async () => {
    await using c = await createTestCluster({
      ...{ nodes: 3, seed: 42, tasks: [resize], transport: 'tcp', leaseMs: 2_000 },
    })
    const handles = await c.node(0).publishMany(resize, inputsOf(40))
    await c.crash(2)
    assert.deepEqual(await handles[3]?.result(), { bytes: 6 })
    await c.restart(2)
    await c.settle()
    c.assertCompleted(handles)
    c.assertConverged()
  })

  test('says what it cannot do', async () => {
    await using c = await createTestCluster({ nodes: 1, transport: 'tcp' })
    assert.throws(
      () => c.partition([0], [0]),
      /partition needs a cluster with transport: 'virtual'/,
    )
    assert.throws(() => c.skew(0, 1), { name: 'InvalidParametersError' })
    await assert.rejects(createTestCluster({ transport: 'tcp', faults: ['loss'] }), /faults needs/)
  })
})
