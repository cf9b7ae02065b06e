import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { defineTask } from '../../src/index.ts'
import { resolveInit } from '../../src/testing/cluster-init.ts'
import { createTestCluster } from '../../src/testing/index.ts'
import { VirtualCluster } from '../../src/testing/virtual-cluster.ts'
import { inputsOf, resize } from './tasks.ts'

describe('a test cluster', () => {
  test('completes what was published, through a partition and a crash', async () => {
    await using c = await createTestCluster({ nodes: 5, seed: 42, tasks: [resize] })
    const handles = await c.node(0).publishMany(resize, inputsOf(40))
    c.partition([0, 1], [2, 3, 4])
    await c.advance(120_000)
    await c.crash(3)
    c.heal()
    await c.settle()
    c.assertCompleted(handles)
    c.assertConverged()
    assert.equal(handles.length, 40)
    assert.ok(handles.every(({ durable }) => durable))
    assert.deepEqual(await handles[7]?.result(), { bytes: 14 })
  })

  test('is the same run for the same seed, and another one for another', async () => {
    const run = async (seed: number): Promise<string> => {
      const c = new VirtualCluster(resolveInit({ nodes: 3, seed, tasks: [resize] }), undefined)
      await c.start()
      const handles = await c.node(1).publishMany(resize, inputsOf(20))
      c.partition([0], [1, 2])
      await c.advance(5_000)
      c.heal()
      await Promise.all(handles.map(handle => handle.result()))
      await c.stop()
      return c.simulation.hash
    }
    assert.equal(await run(7), await run(7))
    assert.notEqual(await run(7), await run(8))
  })

  test('lets time pass only while something of it is waited for', async () => {
    await using c = await createTestCluster({ tasks: [resize] })
    const before = c.nowMs
    await new Promise(resolve => setTimeout(resolve, 20))
    assert.equal(c.nowMs, before)
    await c.advance(60_000)
    assert.equal(c.nowMs, before + 60_000)
    const handle = await c.node(0).publish(resize, { path: 'a', width: 1 }, { delayMs: 10_000 })
    assert.equal(await handle.state(), 'delayed')
    await handle.result()
    assert.ok(c.nowMs > before + 70_000)
  })

  test('gives the whole of a node: events, progress, queries, other nodes, large inputs', async () => {
    const size = defineTask('size', {
      run: async (text: string, ctx) => {
        ctx.progress(0.5)
        ctx.log('half')
        return { characters: text.length, node: ctx.node }
      },
    })
    await using c = await createTestCluster({ nodes: 3, guests: 1, tasks: [size] })
    const done: string[] = []
    for (let i = 0; i < 3; i++) {
      c.node(i).addEventListener('task:done', ({ detail }) => done.push(detail.node))
    }
    const handle = await c.node(3).publish(size, 'x'.repeat(200_000))
    const events: string[] = []
    for await (const event of handle.events()) events.push(event.type)
    const { characters, node } = await handle.result()
    assert.equal(characters, 200_000)
    assert.ok(events.includes('outcome'))
    assert.ok(done.includes(node))
    assert.equal((await c.node(3).nodes()).length, 4)
    const listed = await Array.fromAsync(c.node(1).tasks())
    assert.deepEqual(
      listed.map(({ id, state }) => [id, state]),
      [[handle.id, 'done']],
    )
    await assert.rejects(
      c
        .node(0)
        .task(`${'0'.repeat(32)}-1`)
        .result(),
      {
        name: 'TaskNotFoundError',
      },
    )
  })

  test('of one node works, and so does one whose nodes run different tasks', async () => {
    await using one = await createTestCluster({ nodes: 1, tasks: [resize] })
    assert.deepEqual(await (await one.node(0).publish(resize, { path: 'a', width: 2 })).result(), {
      bytes: 4,
    })
    const where = defineTask('where', { run: (_: null, ctx) => ctx.node })
    await using c = await createTestCluster({ tasks: index => (index === 2 ? [where] : []) })
    assert.equal(await (await c.node(0).publish(where, null)).result(), 'n2')
  })

  test('ends what fails each time, with hundreds of attempts', async () => {
    let runs = 0
    const broken = defineTask('broken', {
      attempts: 300,
      backoff: { type: 'fixed', delayMs: 1 },
      run: () => {
        runs += 1
        throw new Error('each time')
      },
    })
    await using c = await createTestCluster({ tasks: [broken] })
    const handle = await c.node(0).publish(broken, null)
    await assert.rejects(handle.result(), { name: 'TaskFailedError', attempts: 300 })
    assert.equal(runs, 300)
  })

  test('is alone, though others are at work in the same process', async () => {
    const run = async (seed: number): Promise<void> => {
      await using c = await createTestCluster({ seed, tasks: [resize] })
      const handles = await c.node(0).publishMany(resize, inputsOf(5), { delayMs: 1_000 })
      await c.settle()
      c.assertCompleted(handles)
      c.assertConverged()
    }
    await Promise.all([1, 2, 3, 4].map(run))
  })

  test('stops a node in good order when it is told to', async () => {
    await using c = await createTestCluster({ tasks: [resize] })
    const errors: unknown[] = []
    c.node(2).addEventListener('error', ({ detail }) => errors.push(detail))
    await c.node(2).stop()
    assert.equal(await c.node(2).stopped, undefined)
    assert.deepEqual(errors, [])
    await assert.rejects(c.node(2).publish(resize, { path: 'a', width: 1 }), {
      name: 'NodeStoppedError',
    })
    const handle = await c.node(0).publish(resize, { path: 'a', width: 1 })
    await handle.result()
    await c.settle()
    c.assertConverged()
  })

  test('refuses what makes no sense, with what would', async () => {
    await assert.rejects(createTestCluster({ nodes: 0 }), { name: 'InvalidParametersError' })
    await assert.rejects(createTestCluster({ faults: ['frogs' as never] }), /faults knows no frogs/)
    await using c = await createTestCluster({ nodes: 2 })
    assert.throws(() => c.node(2), /There is no node 2; the last is 1/)
  })
})
