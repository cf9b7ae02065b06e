import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { defineTask } from '../../src/index.ts'
import { createTestCluster } from '../../src/testing/index.ts'
import { inputsOf, resize } from './tasks.ts'

describe('what can be done to a test cluster', () => {
  test('partition: the side without a majority publishes nothing until it heals', async () => {
    await using c = await createTestCluster({ nodes: 3, tasks: [resize] })
    c.partition([0], [1, 2])
    let isPublished = false
    const publishing = c.node(0).publish(resize, { path: 'a', width: 1 })
    void publishing.then(() => (isPublished = true))
    await c.advance(20_000)
    assert.equal(isPublished, false)
    c.heal()
    const handle = await publishing
    await handle.result()
    await c.settle()
    c.assertConverged()
  })

  test('crash and restart: a node comes back with what its disk holds', async () => {
    const ran: string[] = []
    const slow = defineTask('slow', {
      run: async (_: null, ctx) => {
        ran.push(ctx.node)
        await c.sleep(30_000)
        return ctx.node
      },
    })
    await using c = await createTestCluster({ nodes: 3, seed: 1, concurrency: 1, tasks: [slow] })
    const handle = await c.node(0).publish(slow, null)
    await c.advance(1_000)
    const worker = Number(ran[0]?.slice(1))
    await c.crash(worker)
    await assert.rejects(c.node(worker).publish(slow, null), { name: 'NodeStoppedError' })
    await c.restart(worker)
    await c.settle()
    c.assertCompleted([handle])
    assert.equal(ran.length, 2, 'what ran on the node that crashed runs again')
    assert.equal((await c.node(worker).task(handle.id).outcome()).state, 'done')
  })

  test('all nodes may lose their power at once', async () => {
    await using c = await createTestCluster({ nodes: 3, tasks: [resize] })
    const handles = await c.node(0).publishMany(resize, inputsOf(30), { delayMs: 60_000 })
    for (const index of [0, 1, 2]) await c.crash(index, { power: true })
    await c.advance(10_000)
    for (const index of [0, 1, 2]) await c.restart(index)
    await c.settle()
    c.assertCompleted(handles)
    c.assertConverged()
  })

  test('pause: a worker that sleeps loses its lease, and its result does not count', async () => {
    const ran: [node: string, token: number][] = []
    const slow = defineTask('slow', {
      run: async (_: null, ctx) => {
        ran.push([ctx.node, ctx.token])
        await c.sleep(5_000)
        return ctx.token
      },
    })
    await using c = await createTestCluster({
      nodes: 4,
      leaseMs: 3_000,
      concurrency: 1,
      tasks: [slow],
    })
    const handle = await c.node(0).publish(slow, null)
    await c.advance(1_000)
    const worker = Number(ran[0]?.[0].slice(1))
    c.pause(worker, 60_000)
    await c.advance(60_001)
    await c.settle()
    assert.equal(ran.length, 2)
    assert.equal(
      await c
        .node((worker + 1) % 4)
        .task(handle.id)
        .result(),
      ran[1]?.[1],
    )
    assert.ok((ran[1]?.[1] ?? 0) > (ran[0]?.[1] ?? 0), 'tokens grow')
  })

  test('skew: a wall clock that is wrong changes no outcome', async () => {
    await using c = await createTestCluster({ tasks: [resize] })
    c.skew(1, 3_600_000)
    const handles = await c.node(1).publishMany(resize, inputsOf(5), { delayMs: 1_000 })
    c.skew(1, -3_600_000)
    await c.settle()
    c.assertCompleted(handles)
  })

  test('heal: a wall clock shows again what it did', async () => {
    await using c = await createTestCluster({ nodes: 1, seed: 1, tasks: [resize] })
    const before = c.nowMs
    const input = { path: 'a', width: 1 }
    const handle = await c.node(0).publish(resize, input, { delayMs: 1_200_000 })
    await c.crash(0)
    c.skew(0, 3_600_000)
    c.skew(0, 7_200_000)
    c.heal()
    await c.restart(0)
    await c.node(0).task(handle.id).outcome()
    assert.ok(c.nowMs - before >= 1_200_000, `done after ${c.nowMs - before} ms`)
  })

  test('heal: frames are as fast again as they were', async () => {
    const publishMs = async (slow: boolean): Promise<number> => {
      await using c = await createTestCluster({ seed: 1, tasks: [resize] })
      if (slow) {
        c.latency([200, 400])
        c.latency(5_000)
        c.heal()
        await c.advance(60_000)
      }
      const before = c.nowMs
      for (let n = 0; n < 10; n++) await c.node(0).publish(resize, { path: 'a', width: n })
      return (c.nowMs - before) / 10
    }
    const fresh = await publishMs(false)
    const healed = await publishMs(true)
    assert.ok(healed < 2 * fresh + 5, `${healed} ms, and ${fresh} ms where nothing had been slow`)
  })

  test('pause: the longest counts, whichever was asked for first', async () => {
    await using c = await createTestCluster({ nodes: 1, seed: 1, tasks: [resize] })
    const publishMs = async (): Promise<number> => {
      const before = c.nowMs
      await c.node(0).publish(resize, { path: 'a', width: 1 })
      return c.nowMs - before
    }
    c.pause(0, 10)
    c.pause(0, 60_000)
    assert.ok((await publishMs()) >= 60_000)
    c.pause(0, 60_000)
    c.pause(0, 10)
    assert.ok((await publishMs()) >= 60_000)
    c.pause(0, 60_000)
    c.pause(0)
    await c.advance(90_000)
    c.resume(0)
    assert.ok((await publishMs()) < 1_000)
  })

  test('pause: a node that is down starts into it', async () => {
    await using c = await createTestCluster({ nodes: 1, seed: 1, tasks: [resize] })
    await c.crash(0)
    c.pause(0, 60_000)
    await c.advance(10_000)
    await c.restart(0)
    const before = c.nowMs
    await c.node(0).publish(resize, { path: 'a', width: 1 })
    assert.ok(c.nowMs - before >= 49_000, `held after ${c.nowMs - before} ms`)
  })

  test('pause: a crash ends it', async () => {
    await using c = await createTestCluster({ nodes: 1, seed: 1, tasks: [resize] })
    c.pause(0, 60_000)
    await c.crash(0)
    await c.restart(0)
    const before = c.nowMs
    await c.node(0).publish(resize, { path: 'a', width: 1 })
    assert.ok(c.nowMs - before < 1_000, `held after ${c.nowMs - before} ms`)
  })

  test('hold and release: messages wait on their way', async () => {
    await using c = await createTestCluster({ tasks: [resize], seed: 3 })
    const release = c.hold({ type: 'settle' })
    const handle = await c.node(0).publish(resize, { path: 'a', width: 1 })
    await c.advance(3_000)
    assert.notEqual(await handle.state(), 'done')
    release()
    await handle.result()
    c.hold({ from: 0 })
    let isPublished = false
    const other = c.node(0).publish(resize, { path: 'b', width: 1 })
    void other.then(() => (isPublished = true))
    await c.advance(1_000)
    assert.equal(isPublished, false)
    c.release()
    await (await other).result()
  })

  test('loss and latency slow everything down, and stop nothing', async () => {
    await using c = await createTestCluster({ tasks: [resize] })
    c.latency([200, 400])
    c.loss(0.3)
    const handles = await c.node(0).publishMany(resize, inputsOf(20))
    await c.advance(30_000)
    c.heal()
    await c.settle()
    c.assertCompleted(handles)
    c.assertConverged()
  })

  test('a majority that is down is named by whoever waits for it', async () => {
    await using c = await createTestCluster({ nodes: 3, seed: 5, tasks: [resize] })
    const [handle] = await c.node(0).publishMany(resize, inputsOf(1), { delayMs: 5_000 })
    await c.crash(1)
    await c.crash(2)
    await assert.rejects(c.settle({ limitMs: 60_000 }), (error: Error) => {
      assert.match(error.message, /Not settled after 60\d\d\d virtual ms/)
      assert.match(error.message, /is undecided; of its voters n\d, n\d are down/)
      assert.match(error.message, /seed 5\nagain: MESHWORK_SEED=5 node --test .*mishaps\.test\.ts$/)
      return true
    })
    assert.throws(() => c.assertCompleted([handle ?? { id: '' }]), /1 of 1 tasks are not done/)
  })

  test('a disk that is lost with the only vote for a task is named', async () => {
    await using c = await createTestCluster({ nodes: 1, seed: 6, tasks: [resize] })
    const handles = await c.node(0).publishMany(resize, inputsOf(2), { delayMs: 5_000 })
    await c.loseDisk(0)
    await c.restart(0)
    const lost = /Task \w+-\d of resize is lost: its only voter n0 has lost its disk/
    await assert.rejects(c.settle(), lost)
    assert.throws(() => c.assertCompleted(handles), lost)
    assert.throws(() => c.assertConverged(), lost)
  })

  test('who waits for a task that is lost with its only voter is told so', async () => {
    await using c = await createTestCluster({ nodes: 1, guests: 1, seed: 6, tasks: [resize] })
    const handle = await c.node(1).publish(resize, { path: 'a', width: 1 }, { delayMs: 60_000 })
    const result = handle.result()
    result.catch(() => {})
    await c.loseDisk(0)
    await c.restart(0)
    await assert.rejects(result, (error: Error) => {
      assert.equal(error.name, 'TaskLostError')
      assert.match(error.message, /is lost: node n0 has lost its disk.*; publish it again$/)
      return true
    })
  })

  test('who waits for a task that others keep, too, goes on waiting when a disk is lost', async () => {
    await using c = await createTestCluster({ nodes: 3, guests: 1, seed: 6, tasks: [resize] })
    const handle = await c.node(3).publish(resize, { path: 'a', width: 1 }, { delayMs: 60_000 })
    const result = handle.result()
    await c.loseDisk(0)
    await c.restart(0)
    await c.advance(30_000)
    assert.ok(await result)
  })

  test('tasks whose voters are lost go on as another generation where that is wanted', async () => {
    await using c = await createTestCluster({ nodes: 3, seed: 6, orphans: 'fork', tasks: [resize] })
    const [handle] = await c.node(0).publishMany(resize, inputsOf(1), { delayMs: 60_000 })
    const warned = Promise.withResolvers<string>()
    c.node(0).addEventListener('warning', ({ detail }) => warned.resolve(detail.message))
    for (const index of [1, 2]) {
      await c.loseDisk(index)
      await c.restart(index)
    }
    const outcome = await handle?.outcome()
    assert.equal(outcome?.state, 'done')
    assert.equal(outcome.generation, 2)
    assert.match(outcome.forkId ?? '', /^[0-9a-f]{32}-0$/)
    assert.notEqual(outcome.forkId, outcome.taskId)
    assert.match(await warned.promise, /kept 1 tasks of ledger .* as generation 2/)
  })

  test('a disk that is lost among three takes nothing along', async () => {
    await using c = await createTestCluster({ nodes: 3, tasks: [resize] })
    const handles = await c.node(0).publishMany(resize, inputsOf(10), { delayMs: 5_000 })
    await c.loseDisk(1)
    await c.restart(1)
    await c.settle()
    c.assertCompleted(handles)
  })
})
