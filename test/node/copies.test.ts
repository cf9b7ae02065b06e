import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Cluster, patienceMs } from './cluster.ts'

const wait = { timeoutMs: patienceMs }
const echo = { echo: (it: unknown) => it }

describe('copies', () => {
  it('let publish wait for as many nodes', async () => {
    await using cluster = new Cluster()
    const node = await cluster.add({ tasks: echo })
    let published = false
    const publishing = node.publish('echo', 7, { copies: 3 })
    void publishing.then(() => (published = true))
    const other = await cluster.add({ bootstrap: [...node.addresses] })
    await other.ready(wait)
    const last = await node.publish('echo', 8, { copies: 1 })
    assert.equal(await last.result(wait), 8)
    assert.equal(published, false, 'two nodes hold it at the most')
    await cluster.add({ bootstrap: [...node.addresses] })
    const task = await publishing
    assert.equal(task.durable, true)
    assert.equal(await task.result(wait), 7)
  })

  const wrong = [
    { copies: 0, message: /^copies must be/ },
    { copies: 2.5, message: /^copies must be/ },
    {
      copies: 5,
      message:
        'copies is 5, and a ledger of this node has 3 voters; ask for fewer, or raise voters',
    },
  ]
  for (const { copies, message } of wrong) {
    it(`are not ${copies}`, async () => {
      await using cluster = new Cluster()
      const node = await cluster.add({ tasks: echo })
      await assert.rejects(node.publish('echo', 7, { copies }), {
        name: 'InvalidParametersError',
        message,
      })
    })
  }
})
