import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Channel } from '../../src/cli/channel.ts'
import { perform } from '../../src/cli/operations.ts'
import { inBatches } from '../../src/cli/run/input-batches.ts'
import type { RunInput, RunRequest } from '../../src/cli/run/requests.ts'
import type { MeshNode } from '../../src/index.ts'
import { Cluster, events, patienceMs } from './cluster.ts'

const request: RunRequest = {
  op: 'run',
  options: { attempts: 1 },
  waitTimeoutMs: patienceMs,
  keepOrder: false,
  live: false,
}

/** A node that tells with how many tasks it was called to publish. */
function counting(node: MeshNode): { node: MeshNode; batches: number[] } {
  const batches: number[] = []
  const proxy = new Proxy(node, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name, target)
      if (name === 'publishMany') {
        return (queue: string, inputs: readonly unknown[], options: object) => {
          batches.push(inputs.length)
          return node.publishMany(queue, inputs, options)
        }
      }
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
  return { node: proxy, batches }
}

async function readAll(replies: AsyncIterable<unknown>): Promise<void> {
  for await (const reply of replies) void reply
}

function inputsOf(command: string, count: number): Channel<RunInput> {
  const inputs = new Channel<RunInput>()
  for (let seq = 1; seq <= count; seq++) {
    inputs.push({ type: 'command', seq, command, send: [], return: [] })
  }
  inputs.push({ type: 'last' })
  return inputs
}

describe('a request to run commands', () => {
  it('publishes many together, and cancels all when its user goes, as a guest too', async () => {
    await using cluster = new Cluster()
    const worker = await cluster.add({ allowRun: true, concurrency: 1 })
    const guest = await cluster.add({ guest: true })
    await guest.ready({ peers: 1 })
    for (const through of [worker, guest]) {
      const { node, batches } = counting(through)
      const gone = new AbortController()
      const claimed = events(worker, 'task:claimed')
      const cancelled = events(worker, 'task:cancelled', 10_000)
      const inputs = inBatches(inputsOf('sleep 1000', 10_000))
      const replies = perform(node, request, inputs, gone.signal)
      const over = readAll(replies)
      await claimed
      while (batches.reduce((sum, tasks) => sum + tasks, 0) < 10_000) {
        await events(worker, 'task:published')
      }
      assert.ok(batches.length <= 11, `${batches.length} calls`)
      gone.abort(new Error('gone'))
      await assert.rejects(over, { message: 'gone' })
      await cancelled
    }
  })

  it('needs a node that allows it', async () => {
    await using cluster = new Cluster()
    const node = await cluster.add({})
    const replies = perform(
      node,
      { ...request, waitTimeoutMs: 100 },
      inBatches(inputsOf('true', 1)),
      new AbortController().signal,
    )
    await assert.rejects(replies.next(), {
      name: 'NobodyRunsError',
      message: /^No node of this mesh runs commands of others; .* up --allow-run$/,
    })
  })

  it('is of no use to a guest that would run them itself', async () => {
    await using cluster = new Cluster()
    await assert.rejects(cluster.add({ guest: true, allowRun: true }), /A guest runs nothing/)
  })
})
