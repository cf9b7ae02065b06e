import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { setImmediate as immediate } from 'node:timers/promises'
import type { MeshNode } from '../../src/index.ts'
import { Cluster, patienceMs } from './cluster.ts'

const wait = { timeoutMs: patienceMs }
const echo = { echo: (it: unknown) => it }

/** Resolves when a task's result is gone, which happens within a second or two. */
async function collected(node: MeshNode, id: string): Promise<void> {
  const until = performance.now() + patienceMs
  while (performance.now() < until) {
    if ((await node.task(id).explain()).includes('not kept any more')) return
    await immediate()
  }
  assert.fail('the result is still kept')
}

describe('a result that is not kept any more', () => {
  it('is said to be so, also of a task that is known by its id alone', async () => {
    await using cluster = new Cluster()
    const node = await cluster.add({ tasks: echo })
    const task = await node.publish('echo', 7, { resultTtlMs: 0 })
    assert.equal(await task.result(wait), 7)
    const expired = { name: 'ResultExpiredError', taskId: task.id, state: 'done' }
    await collected(node, task.id)
    await assert.rejects(node.task(task.id).result(wait), expired)
    await assert.rejects(node.task(task.id).outcome(wait), expired)
    assert.equal(await node.task(task.id).state(), 'done')
  })

  it('is said to be so to a guest', async () => {
    await using cluster = new Cluster()
    const node = await cluster.add({ tasks: echo })
    const guest = await cluster.add({ guest: true, bootstrap: [...node.addresses] })
    await guest.ready(wait)
    const task = await guest.publish('echo', 7, { resultTtlMs: 0 })
    assert.equal(await task.result(wait), 7)
    await collected(guest, task.id)
    await assert.rejects(guest.task(task.id).result(wait), { name: 'ResultExpiredError' })
  })
})
