import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { MeshNode } from '../../src/index.ts'
import { Cluster, patienceMs } from './cluster.ts'

const wait = { timeoutMs: patienceMs }

/** Handlers that count their runs. */
function counting(): { runs: unknown[]; tasks: Record<string, (input: unknown) => unknown> } {
  const runs: unknown[] = []
  const pay = (input: unknown): unknown => {
    runs.push(input)
    return input
  }
  return { runs, tasks: { pay } }
}

describe('a key', () => {
  it('is one task, however often and by whichever call it is published', async () => {
    await using cluster = new Cluster()
    const { runs, tasks } = counting()
    const node = await cluster.add({ tasks })
    const publish = () => node.publish('pay', { order: 17 }, { key: 'order 17' })
    const [first, second] = await Promise.all([publish(), publish()])
    assert.deepEqual(await first.result(wait), { order: 17 })
    const third = await publish()
    const [fourth] = await node.publishMany('pay', [{ order: 17 }], { key: 'order 17' })
    assert.deepEqual([second.id, third.id, fourth?.id], [first.id, first.id, first.id])
    assert.deepEqual(await third.result(wait), { order: 17 })
    assert.deepEqual(runs, [{ order: 17 }])
  })

  it('of another input, or with other options, is a TaskExistsError that names the task', async () => {
    await using cluster = new Cluster()
    const { tasks } = counting()
    const node = await cluster.add({ tasks })
    const key = 'order 17'
    const { id } = await node.publish('pay', 1, { key })
    const exists = { name: 'TaskExistsError', taskId: id, key, queue: 'pay' }
    await assert.rejects(node.publish('pay', 2, { key }), exists)
    await assert.rejects(node.publish('pay', 1, { key, attempts: 9 }), exists)
    const later = await node.publish('pay', 1, { key, delayMs: 60_000 })
    assert.equal(later.id, id, 'when it is to run is no part of it')
  })

  it('holds for what guests publish through one node', async () => {
    await using cluster = new Cluster()
    const { runs, tasks } = counting()
    const node = await cluster.add({ tasks })
    const guest = async (): Promise<MeshNode> => {
      const added = await cluster.add({ guest: true, bootstrap: [...node.addresses] })
      await added.ready(wait)
      return added
    }
    const key = 'order 17'
    const one = await (await guest()).publish('pay', 1, { key })
    assert.equal(await one.result(wait), 1)
    const another = await guest()
    const again = await another.publish('pay', 1, { key })
    assert.equal(again.id, one.id)
    assert.equal(await again.result(wait), 1)
    const exists = { name: 'TaskExistsError', taskId: one.id }
    await assert.rejects(another.publish('pay', 2, { key }), exists)
    assert.deepEqual(runs, [1])
  })

  const wrong = [
    { name: 'is a text', key: 17 as unknown as string, count: 1 },
    { name: 'is not empty', key: '', count: 1 },
    { name: 'is 256 bytes long at the most', key: 'é'.repeat(129), count: 1 },
    { name: 'names one task, not several', key: 'k', count: 2 },
  ]
  for (const { name, key, count } of wrong) {
    it(name, async () => {
      await using cluster = new Cluster()
      const node = await cluster.add({ tasks: counting().tasks })
      const inputs = Array.from({ length: count }, (_, i) => i)
      await assert.rejects(node.publishMany('pay', inputs, { key }), {
        name: 'InvalidParametersError',
      })
    })
  }
})
