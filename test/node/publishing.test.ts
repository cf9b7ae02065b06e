import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Publish } from '../../src/core/inputs.ts'
import { Publishing } from '../../src/publishing.ts'
import { z } from 'zod'

/** A publisher whose requests the test answers. */
function setup(init: { room?: () => Promise<void> | undefined; servers?: number } = {}) {
  const requests: Publish[] = []
  const unserved: string[] = []
  const publishing = new Publishing({
    input: input => {
      if (input.type === 'publish') requests.push(input)
    },
    get room() {
      return init.room?.()
    },
    definitions: new Map([['known', { attempts: 9 }]]),
    servers: () => init.servers ?? 1,
    onUnserved: queue => unserved.push(queue),
  })
  let next = 0
  const grant = (request: Publish | undefined): void => {
    assert.ok(request)
    const count = request.lengths.length
    const parts = [{ ledger: 'l', seqs: [next, count] }]
    next += count
    publishing.answered({ type: 'published', request: request.request, parts, durable: true })
  }
  return { requests, unserved, publishing, grant }
}

async function until(condition: () => boolean): Promise<void> {
  for (let i = 0; i < 1_000 && !condition(); i++)
    await new Promise(resolve => setImmediate(resolve))
  assert.ok(condition(), 'it did not come to pass')
}

describe('Publishing', () => {
  it('publishes what is asked for at once in one request', async () => {
    const { requests, publishing, grant } = setup()
    const tasks = ['a', 'b', 'c'].map(input => publishing.one('q', input, {}))
    const other = publishing.one('q', 'd', { priority: 1 })
    await until(() => requests.length === 2)
    const [first, second] = requests
    assert.deepEqual([...(first?.lengths ?? [])], [3, 3, 3])
    assert.equal(Buffer.from(first?.payload ?? []).toString(), '"a""b""c"')
    assert.equal(second?.spec.priority, 1)
    grant(first)
    grant(second)
    const places = await Promise.all([...tasks, other])
    assert.deepEqual(
      places.map(({ seq }) => seq),
      [0, 1, 2, 3],
    )
  })

  it('publishes many in slices, and gives their numbers in order', async () => {
    const { requests, publishing, grant } = setup()
    const publishing100 = publishing.many(
      'q',
      Array.from({ length: 2_100 }, (_, i) => i),
      {},
    )
    await until(() => requests.length === 3)
    for (const request of requests) grant(request)
    const places = await publishing100
    assert.deepEqual(
      places.map(({ seq }) => seq),
      Array.from({ length: 2_100 }, (_, i) => i),
    )
  })

  it('publishes nothing when one input is bad', async () => {
    const { requests, publishing } = setup()
    const inputs: unknown[] = Array.from({ length: 1_500 }, (_, i) => i)
    inputs[1_400] = 1n
    await assert.rejects(publishing.many('q', inputs, {}), {
      name: 'InvalidInputError',
      index: 1_400,
    })
    assert.deepEqual(requests, [])
  })

  it('refuses what the schema of the definition does, whether it answers at once or later', async () => {
    const { requests, publishing } = setup()
    const input = z.object({ width: z.number() })
    const rejected = { name: 'InvalidInputError', index: 1, message: /width: / }
    const inputs = [{ width: 1 }, { width: 'wide' }]
    await assert.rejects(publishing.many({ name: 'q', input }, inputs, {}), rejected)
    const slow = input.refine(async () => true)
    await assert.rejects(publishing.many({ name: 'q', input: slow }, inputs, {}), rejected)
    await assert.rejects(publishing.one({ name: 'q', input }, 7, {}), { name: 'InvalidInputError' })
    assert.deepEqual(requests, [])
  })

  it('asks again when it was refused, with what is left of the delay', async () => {
    const { requests, publishing, grant } = setup()
    const task = publishing.one('q', 1, { delayMs: 60_000 })
    await until(() => requests.length === 1)
    const request = requests[0]?.request ?? 0
    publishing.answered({ type: 'publish-refused', request, reason: 'full', retryMs: 5 })
    const { promise, resolve } = Promise.withResolvers<void>()
    const timer = setInterval(() => requests.length === 2 && resolve(), 1)
    await promise
    clearInterval(timer)
    assert.ok((requests[1]?.timing.delayMs ?? 0) < 60_000)
    assert.notEqual(requests[1]?.request, request)
    grant(requests[1])
    assert.deepEqual(await task, { ledger: 'l', seq: 0, durable: true })
  })

  it('stops waiting when its signal is aborted', async () => {
    const { requests, publishing } = setup()
    const controller = new AbortController()
    const task = publishing.many('q', [1], { signal: controller.signal })
    await until(() => requests.length === 1)
    controller.abort(new Error('enough'))
    await assert.rejects(task, { message: 'enough' })
    await assert.rejects(publishing.one('q', 1, { signal: controller.signal }), {
      message: 'enough',
    })
    assert.equal(requests.length, 1)
  })

  it('waits while the node has no room', async () => {
    const gate = Promise.withResolvers<void>()
    let isFull = true
    const { requests, publishing, grant } = setup({
      room: () => (isFull ? gate.promise : undefined),
    })
    const tasks = publishing.many('q', [1, 2], {})
    for (let i = 0; i < 5; i++) await new Promise(resolve => setImmediate(resolve))
    assert.equal(requests.length, 0)
    isFull = false
    gate.resolve()
    await until(() => requests.length === 1)
    grant(requests[0])
    assert.equal((await tasks).length, 2)
  })

  it('ends every wait when the node stops', async () => {
    const { requests, publishing } = setup()
    const tasks = [publishing.one('q', 1, {}), publishing.many('q', [1], {})]
    await until(() => requests.length === 2)
    publishing.fail(new Error('stopped'))
    for (const task of tasks) await assert.rejects(task, { message: 'stopped' })
    await assert.rejects(publishing.one('q', 1, {}), { message: 'stopped' })
  })

  it('takes the defaults of a queue that the node has a definition of', async () => {
    const { requests, publishing } = setup()
    const task = publishing.one('known', 1, {})
    await until(() => requests.length === 1)
    assert.equal(requests[0]?.spec.attempts, 9)
    publishing.fail(new Error('stopped'))
    await assert.rejects(task)
  })

  it('warns once of a queue that nobody serves', async () => {
    const { publishing, unserved } = setup({ servers: 0 })
    const tasks = [publishing.one('q', 1, {}), publishing.one('q', 2, {})]
    publishing.fail(new Error('stopped'))
    await Promise.allSettled(tasks)
    assert.deepEqual(unserved, ['q'])
  })

  it('publishes nothing of nothing', async () => {
    const { publishing } = setup()
    assert.deepEqual(await publishing.many('q', [], {}), [])
  })
})
