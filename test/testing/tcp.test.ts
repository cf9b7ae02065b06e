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

  test('checks what it is given, and refuses what it cannot do', async () => {
    await using c = await createTestCluster({ nodes: 1, transport: 'tcp' })
    await assert.rejects(c.restart(9), /There is no node 9; the last is 0/)
    await assert.rejects(c.crash(0, { power: true }), /crash with power needs a cluster with/)
    await assert.rejects(c.advance(-1), /advance takes milliseconds/)
    await assert.rejects(c.settle({ limit: 1 } as never), /settle knows no limit/)
  })

  test('names a task that is lost with the only disk that held it, and promises no seed', async () => {
    await using c = await createTestCluster({ nodes: 1, tasks: [resize], transport: 'tcp' })
    const done = await c.node(0).publish(resize, { path: 'a', width: 1 })
    await done.result()
    const [kept] = await c.node(0).publishMany(resize, inputsOf(1), { delayMs: 2_000 })
    const handle = kept ?? { id: '' }
    await c.loseDisk(0)
    await assert.rejects(c.settle({ limitMs: 100 }), /Task \w+-\d is known to no node that is up/)
    await c.restart(0)
    const lost = /^Task.*\n  Task \w+-\d is lost: no node keeps it any more$/
    await assert.rejects(c.settle(), { message: lost })
    assert.throws(() => c.assertConverged(), /is lost: no node keeps it any more$/)
    assert.throws(() => c.assertCompleted([done, handle]), {
      message: /^1 of 2 tasks are not done\n  Task \w+-\d is lost: no node keeps it any more$/,
    })
  })
})
