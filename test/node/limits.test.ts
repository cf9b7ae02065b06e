import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Cluster, patienceMs } from './cluster.ts'

const wait = { timeoutMs: patienceMs }
const expired = { name: 'TaskFailedError', reason: 'expired' }

describe('a task with a limit', () => {
  it('fails when nobody has begun it in time', async () => {
    await using cluster = new Cluster()
    const node = await cluster.add({})
    const task = await node.publish('nobody', 1, { queueTimeoutMs: 50 })
    await assert.rejects(task.result(wait), expired)
    assert.equal(await task.state(), 'failed')
    assert.match(await task.explain(), /has failed \(expired\) after 0 errors/)
  })

  it('is not in a hurry any more once it has begun', async () => {
    await using cluster = new Cluster()
    const open = Promise.withResolvers<void>()
    const node = await cluster.add({ tasks: { hold: () => open.promise }, concurrency: 1 })
    const first = await node.publish('hold', 1, { queueTimeoutMs: 20_000 })
    const second = await node.publish('hold', 2, { queueTimeoutMs: 50 })
    await assert.rejects(second.result(wait), expired)
    assert.equal(await first.state(), 'running')
    open.resolve()
    await first.result(wait)
  })

  it('ends while it runs when its time is up, and its handler hears of it', async () => {
    await using cluster = new Cluster()
    const heard = Promise.withResolvers<void>()
    const hold = (_: unknown, { signal }: { signal: AbortSignal }) => {
      signal.addEventListener('abort', () => heard.resolve())
      return heard.promise
    }
    const node = await cluster.add({ tasks: { hold } })
    const task = await node.publish('hold', 1, { expiresAt: Date.now() + 300 })
    await assert.rejects(task.result(wait), expired)
    await heard.promise
  })

  it('has its result when it is done in time', async () => {
    await using cluster = new Cluster()
    const node = await cluster.add({ tasks: { echo: (it: number) => it } })
    const options = { queueTimeoutMs: 60_000, expiresAt: new Date(Date.now() + 60_000) }
    assert.equal(await (await node.publish('echo', 7, options)).result(wait), 7)
  })
})
