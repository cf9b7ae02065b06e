import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { pathToFileURL } from 'node:url'
import { createNode, defineTask, UnrecoverableError } from '../../src/index.ts'
import { Cluster, events, patienceMs } from './cluster.ts'

const wait = { timeoutMs: patienceMs }
const quick = { attempts: 2, backoff: { type: 'fixed', delayMs: 1 } } as const

const add = defineTask('add', {
  run: ({ a, b }: { a: number; b: number }, ctx) => {
    ctx.log(`adding on attempt ${ctx.attempt}`)
    return a + b
  },
})

describe('a node alone', () => {
  it('runs what is published, and gives its result', async () => {
    await using cluster = new Cluster()
    const node = await cluster.add({ tasks: [add] })
    const task = await node.publish(add, { a: 1, b: 2 })
    assert.equal(task.durable, false)
    assert.equal(await task.result(wait), 3)
    assert.equal(await task.state(), 'done')
    assert.deepEqual(await task.outcome(wait), {
      taskId: task.id,
      state: 'done',
      result: 3,
      node: node.peerId,
      attempt: 1,
    })
    // Again, from a handle that knows nothing but the id.
    assert.equal(await node.task(task.id).result(wait), 3)
    assert.equal(await node.task(task.id).cancel('late'), false)
  })

  it('gives results of many in their order', async () => {
    await using cluster = new Cluster()
    const node = await cluster.add({ tasks: { double: (n: number) => n * 2 }, concurrency: 100 })
    const inputs = Array.from({ length: 3_000 }, (_, i) => i)
    const tasks = await node.publishMany<number>('double', inputs)
    const results = await Promise.all(tasks.map(task => task.result(wait)))
    assert.deepEqual(
      results,
      inputs.map(n => n * 2),
    )
    assert.equal(new Set(tasks.map(({ id }) => id)).size, inputs.length)
  })

  it('tries again what throws, and tells the last error', async () => {
    await using cluster = new Cluster()
    const attempts: number[] = []
    const node = await cluster.add({
      tasks: {
        flaky: (_: unknown, { attempt }) => {
          attempts.push(attempt)
          if (attempt === 1) throw new Error('not yet')
          return 'at last'
        },
        broken: () => {
          throw new RangeError('too wide')
        },
        hopeless: () => {
          throw new UnrecoverableError('never')
        },
      },
    })
    const flaky = await node.publish<string>('flaky', undefined, quick)
    assert.equal(await flaky.result(wait), 'at last')
    assert.deepEqual(attempts, [1, 2])

    const broken = await node.publish('broken', undefined, quick)
    await assert.rejects(broken.result(wait), (error: Error & { cause: Error }) => {
      assert.equal(error.name, 'TaskFailedError')
      assert.match(error.message, /\(attempts, 2 attempts\): too wide$/)
      assert.equal(error.cause.name, 'RangeError')
      return true
    })
    const hopeless = await node.publish('hopeless', undefined, quick)
    await assert.rejects(hopeless.result(wait), { reason: 'unrecoverable' })
  })

  it('runs what is more urgent first, and what is delayed later', async () => {
    await using cluster = new Cluster()
    const order: string[] = []
    const gate = Promise.withResolvers<void>()
    const node = await cluster.add({
      concurrency: 1,
      tasks: {
        q: async (name: string) => {
          order.push(name)
          if (name === 'first') await gate.promise
        },
      },
    })
    const started = events(node, 'task:claimed')
    const tasks = [await node.publish('q', 'first')]
    await started
    tasks.push(await node.publish('q', 'delayed', { delayMs: 300, priority: 9 }))
    tasks.push(...(await node.publishMany('q', ['low', 'low'])))
    tasks.push(await node.publish('q', 'high', { priority: 5 }))
    assert.equal(await tasks[1]?.state(), 'delayed')
    gate.resolve()
    await Promise.all(tasks.map(task => task.result(wait)))
    assert.deepEqual(order.slice(0, 2), ['first', 'high'])
    assert.equal(order.length, 5)
  })

  it('cancels a task that waits, and aborts one that runs', async () => {
    await using cluster = new Cluster()
    const aborted = Promise.withResolvers<unknown>()
    const node = await cluster.add({
      tasks: {
        endless: (_: unknown, { signal }) =>
          new Promise((_resolve, reject) => {
            signal.addEventListener('abort', () => {
              aborted.resolve(signal.reason)
              reject(signal.reason as Error)
            })
          }),
      },
    })
    const claimed = events(node, 'task:claimed')
    const running = await node.publish('endless')
    await claimed
    assert.equal(await running.state(), 'running')
    assert.equal(await running.cancel('not needed'), true)
    await assert.rejects(running.result(wait), {
      name: 'TaskCancelledError',
      reason: 'not needed',
    })
    assert.equal((await aborted.promise) instanceof Error, true)

    const delayed = await node.publish('endless', undefined, { delayMs: 60_000 })
    assert.equal(await delayed.cancel(), true)
    assert.equal(await delayed.state(), 'cancelled')
  })

  it('tells what happens to a task while it is watched', async () => {
    await using cluster = new Cluster()
    const node = await cluster.add({ tasks: [add] })
    const task = await node.publish(add, { a: 1, b: 2 }, { delayMs: 50 })
    const seen = await Array.fromAsync(task.events({ signal: AbortSignal.timeout(patienceMs) }))
    assert.deepEqual(
      seen.map(({ type }) => type),
      ['attempt', 'log', 'outcome'],
    )
    assert.deepEqual(seen[1], { type: 'log', line: 'adding on attempt 1' })
  })

  it('tells its listeners of every task', async () => {
    await using cluster = new Cluster()
    const node = await cluster.add({ tasks: [add] })
    const published = events(node, 'task:published')
    const claimed = events(node, 'task:claimed')
    const done = events(node, 'task:done')
    const { id } = await node.publish(add, { a: 2, b: 2 })
    assert.deepEqual(await published, [{ taskId: id, queue: 'add' }])
    assert.equal((await claimed)[0]?.node, node.peerId)
    assert.deepEqual(await done, [
      { taskId: id, queue: 'add', node: node.peerId, attempt: 1, result: 4 },
    ])
  })

  it('warns of a queue that nobody serves, and does not find what is not there', async () => {
    await using cluster = new Cluster()
    const node = await cluster.add({ tasks: [add] })
    const warned = events(node, 'warning')
    const task = await node.publish('subtract', 1)
    assert.equal((await warned)[0]?.queue, 'subtract')
    assert.match(await task.explain(), /no connected node serves queue subtract/)

    const unknown = node.task(`${'0'.repeat(32)}-7`)
    await assert.rejects(unknown.result(wait), { name: 'TaskNotFoundError', asked: 0 })
    await assert.rejects(unknown.cancel(), { name: 'TaskNotFoundError' })
    assert.throws(() => node.task('task-7'), { name: 'InvalidParametersError' })
  })

  it('stops waiting when its time is up or its signal aborted, and the task goes on', async () => {
    await using cluster = new Cluster()
    const gate = Promise.withResolvers<string>()
    const node = await cluster.add({ tasks: { gated: () => gate.promise } })
    const task = await node.publish('gated')
    await assert.rejects(task.result({ timeoutMs: 5 }), { name: 'TimeoutError' })
    const controller = new AbortController()
    const result = task.result({ signal: controller.signal })
    controller.abort(new Error('enough'))
    await assert.rejects(result, { message: 'enough' })
    gate.resolve('open')
    assert.equal(await task.result(wait), 'open')
  })

  it('ends every wait when it stops', async () => {
    await using cluster = new Cluster()
    const node = await cluster.add({ tasks: { gated: () => new Promise(() => {}) } })
    const task = await node.publish('gated')
    const result = assert.rejects(task.result(), { name: 'NodeStoppedError' })
    await node.stop()
    await node.stop()
    await result
    assert.equal(await node.stopped, undefined)
    await assert.rejects(node.publish('gated'), { name: 'NodeStoppedError' })
  })

  it('drains: takes no more, and resolves when what runs has ended', async () => {
    await using cluster = new Cluster()
    const [gate, started] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
    const gated = (): Promise<void> => {
      started.resolve()
      return gate.promise
    }
    const node = await cluster.add({ tasks: { gated } })
    const task = await node.publish('gated')
    await started.promise
    const drained = node.drain()
    const later = await node.publish('gated')
    gate.resolve()
    await drained
    assert.equal(node.metrics()['runsHeld'], 0)
    assert.equal(await task.result(wait), null)
    assert.equal(await later.state(), 'pending')
  })

  it('stops with the signal it was made with', async () => {
    const controller = new AbortController()
    const { signal } = controller
    await using cluster = new Cluster()
    const node = await cluster.add({ signal })
    controller.abort()
    assert.equal(await node.stopped, undefined)
    await assert.rejects(createNode({ signal }), { name: 'AbortError' })
  })

  it('runs the handlers of a module file in threads, with the defaults of its definitions', async () => {
    await using cluster = new Cluster()
    const file = `${await cluster.dataDir('handlers')}.mjs`
    const definitions = join(import.meta.dirname, '../../src/worker/definition.ts')
    await writeFile(
      file,
      `import { isMainThread } from 'node:worker_threads'
      import { defineTask } from ${JSON.stringify(pathToFileURL(definitions).href)}
      export const where = () => isMainThread
      export const broken = defineTask('broken', {
        attempts: 1,
        run: () => { throw new Error('of no use') },
      })`,
    )
    const node = await cluster.add({ handlers: file })
    const task = await node.publish<boolean>('where')
    assert.equal(await task.result(wait), false)
    const broken = await node.publish('broken')
    await assert.rejects(broken.result(wait), { name: 'TaskFailedError', attempts: 1 })

    const missing = createNode({ handlers: `${file}.gone`, mdns: false })
    await assert.rejects(missing, { name: 'HandlerModuleError' })
  })

  it('lets a handler publish', async () => {
    await using cluster = new Cluster()
    const node = await cluster.add({
      tasks: {
        double: (n: number) => n * 2,
        start: async (n: number, ctx) => (await ctx.publish('double', n)).id,
      },
    })
    const started = await node.publish<string>('start', 21)
    const id = await started.result(wait)
    assert.equal(await node.task(id).result(wait), 42)
  })

  it('says why it cannot listen', async () => {
    await using cluster = new Cluster()
    const { addresses } = await cluster.add()
    const port = /tcp\/(\d+)/.exec(addresses[0] ?? '')?.[1]
    const listen = [`/ip4/127.0.0.1/tcp/${port}`]
    await assert.rejects(createNode({ mdns: false, listen }), {
      name: 'ListenFailedError',
      message: /the port is in use/,
    })
  })
})
