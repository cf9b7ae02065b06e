import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createNode, defineTask, type MeshNodeInit } from '../../src/index.ts'
import { Cluster, patienceMs } from './cluster.ts'

const wait = { timeoutMs: patienceMs }

const where = defineTask('where', { run: (n: number, ctx) => ({ n, node: ctx.node }) })

/** Tasks of which each needs a while, so that every node gets some. */
const slow = defineTask('slow', {
  run: async (n: number, ctx) => {
    await new Promise(resolve => setTimeout(resolve, 5))
    return { n, node: ctx.node }
  },
})

function sorted<T>(values: readonly T[]): T[] {
  return values.toSorted((a, b) => (a < b ? -1 : 1))
}

describe('three nodes', () => {
  it('share what one of them publishes, each task once', async () => {
    await using cluster = new Cluster()
    const nodes = await cluster.start(3, () => ({ tasks: [slow], concurrency: 4 }))
    const inputs = Array.from({ length: 300 }, (_, i) => i)
    const tasks = await nodes[0]?.publishMany(slow, inputs)
    assert.ok(tasks)
    assert.equal(tasks[0]?.durable, true)
    const results = await Promise.all(tasks.map(task => task.result(wait)))
    assert.deepEqual(
      results.map(({ n }) => n),
      inputs,
    )
    const workers = new Set(results.map(({ node }) => node))
    assert.deepEqual(workers, new Set(nodes.map(({ peerId }) => peerId)))
    for (const node of nodes) assert.equal(node.metrics()['duplicates'], 0)
  })

  it('share work without gossip as well', async () => {
    await using cluster = new Cluster()
    const nodes = await cluster.start(3, index => ({
      gossip: false,
      tasks: index === 0 ? [] : [where],
    }))
    const task = await nodes[0]?.publish(where, 7)
    assert.equal((await task?.result(wait))?.n, 7)
    assert.notEqual((await task?.result(wait))?.node, nodes[0]?.peerId)
  })

  it('know each other, and list every task once', async () => {
    await using cluster = new Cluster()
    const [first, second, third] = await cluster.start(3, index => ({
      tasks: index === 2 ? [where] : [],
      labels: { index },
    }))
    assert.ok(first && second && third)
    assert.deepEqual(sorted(first.peers().map(({ queues }) => queues.length)), [0, 1])
    const tasks = await second.publishMany(where, [1, 2, 3])
    await Promise.all(tasks.map(task => task.result(wait)))
    await second.publish(where, 4, { delayMs: 60_000 })

    const listed = await Array.fromAsync(first.tasks())
    assert.equal(listed.length, 4)
    const delayed = await Array.fromAsync(first.tasks({ state: 'delayed', queue: 'where' }))
    assert.equal(delayed.length, 1)

    const described = await first.nodes()
    assert.deepEqual(sorted(described.map(({ labels }) => labels['index'] ?? '')), ['0', '1', '2'])
    const [queue] = await first.queues()
    assert.deepEqual([queue?.queue, queue?.nodes, queue?.done, queue?.delayed], ['where', 1, 3, 1])
  })

  it('answer for tasks of others: result, state, events and cancel', async () => {
    await using cluster = new Cluster()
    const seen = Promise.withResolvers<void>()
    const started = Promise.withResolvers<void>()
    // Lines are lossy, and a watch takes its time to get around: so it talks until it is heard.
    const gated = defineTask('gated', {
      run: async (_: null, ctx) => {
        started.resolve()
        const talking = setInterval(() => ctx.log('knock'), 20)
        const { promise, reject } = Promise.withResolvers<never>()
        ctx.signal.addEventListener('abort', () => reject(ctx.signal.reason as Error))
        try {
          await Promise.race([seen.promise, promise])
        } finally {
          clearInterval(talking)
        }
        return 'done'
      },
    })
    const [first, , third] = await cluster.start(3, index => ({
      tasks: index === 1 ? [gated] : [],
    }))
    assert.ok(first && third)
    const { id } = await first.publish(gated, null)
    const same = third.task<string>(id)
    await started.promise
    assert.equal(await same.state(), 'running')
    const types: string[] = []
    for await (const event of same.events({ signal: AbortSignal.timeout(patienceMs) })) {
      types.push(event.type)
      if (event.type === 'log') seen.resolve()
    }
    assert.deepEqual([types[0], types.at(-1)], ['log', 'outcome'])
    assert.equal(await same.result(wait), 'done')

    const { id: delayed } = await first.publish(gated, null, { delayMs: 60_000 })
    assert.equal(await third.task(delayed).cancel('not needed'), true)
    await assert.rejects(first.task(delayed).result(wait), { name: 'TaskCancelledError' })
    const unknown = third.task(`${'0'.repeat(32)}-0`)
    await assert.rejects(unknown.state(), { name: 'TaskNotFoundError', asked: 2 })
  })

  it('finish what a node had begun that left', async () => {
    await using cluster = new Cluster()
    const begun = Promise.withResolvers<void>()
    const hold = defineTask('hold', {
      run: async (_: number, { signal, node }) => {
        if (node !== leaving?.peerId) {
          await begun.promise
          return node
        }
        begun.resolve()
        await new Promise((_resolve, reject) => {
          signal.addEventListener('abort', () => reject(signal.reason as Error))
        })
        return 'never'
      },
    })
    const nodes = await cluster.start(3, index => ({ tasks: index === 0 ? [] : [hold] }))
    const leaving = nodes[2]
    const tasks = await nodes[0]?.publishMany(hold, [1, 2, 3, 4, 5, 6, 7, 8])
    await begun.promise
    await leaving?.stop()
    const results = await Promise.all(tasks?.map(task => task.result(wait)) ?? [])
    assert.deepEqual(new Set(results), new Set([nodes[1]?.peerId]))
  })
})

describe('a guest', () => {
  it('publishes, waits, asks and cancels without working or voting', async () => {
    await using cluster = new Cluster()
    await cluster.start(3, () => ({ tasks: [where] }))
    const guest = await cluster.add({ guest: true })
    await guest.ready({ peers: 3 })
    assert.equal(guest.addresses.length, 0)
    const tasks = await guest.publishMany<{ n: number; node: string }>('where', [1, 2, 3])
    assert.equal(tasks[0]?.durable, true)
    const results = await Promise.all(tasks.map(task => task.result(wait)))
    assert.deepEqual(
      results.map(({ n }) => n),
      [1, 2, 3],
    )
    assert.ok(results.every(({ node }) => node !== guest.peerId))
    assert.equal(await tasks[0]?.state(), 'done')
    assert.equal((await Array.fromAsync(guest.tasks({ queue: 'where' }))).length, 3)

    const delayed = await guest.publish('where', 4, { delayMs: 60_000 })
    assert.equal(await delayed.cancel(), true)
    await assert.rejects(delayed.result(wait), { name: 'TaskCancelledError' })
    assert.equal((await guest.queues())[0]?.cancelled, 1)
  })

  it('gives up waiting for a mesh that is not there', async () => {
    await using cluster = new Cluster()
    const guest = await cluster.add({ guest: true })
    await assert.rejects(guest.ready({ peers: 1, timeoutMs: 20 }), {
      name: 'QuorumUnavailableError',
      needed: 1,
      reached: 0,
    })
    await assert.rejects(guest.ready({ signal: AbortSignal.abort(new Error('enough')) }), {
      message: 'enough',
    })
  })
})

describe('nodes with data directories', () => {
  it('finish what was published before all of them were stopped', async () => {
    await using cluster = new Cluster()
    const dirs = await Promise.all(['a', 'b', 'c'].map(name => cluster.dataDir(name)))
    const init = (index: number, tasks: MeshNodeInit['tasks']): MeshNodeInit => ({
      dataDir: dirs[index],
      tasks,
    })
    const before = await cluster.start(3, index => init(index, []))
    const ids = before.map(({ peerId }) => peerId)
    const tasks = await before[0]?.publishMany('where', [1, 2, 3, 4])
    assert.equal(tasks?.[0]?.durable, true)
    await Promise.all(before.map(node => node.stop()))

    cluster.nodes.length = 0
    const after = await cluster.start(3, index => init(index, [where]))
    assert.deepEqual(
      after.map(({ peerId }) => peerId),
      ids,
    )
    for (const [i, { id }] of (tasks ?? []).entries()) {
      const { n } = (await after[1]?.task<{ n: number }>(id).result(wait)) ?? { n: 0 }
      assert.equal(n, i + 1)
    }
  })

  it('refuse a directory that another node uses', async () => {
    await using cluster = new Cluster()
    const dataDir = await cluster.dataDir('used')
    await cluster.add({ dataDir })
    await assert.rejects(createNode({ dataDir, mdns: false }), {
      name: 'StoreLockedError',
      message: /is in use by another node/,
    })
  })
})
