import assert from 'node:assert/strict'
import { randomBytes, scrypt } from 'node:crypto'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer, get } from 'node:http'
import { type AddressInfo, connect, createServer as createTcpServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test, type TestContext } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { promisify } from 'node:util'
import { Worker } from 'node:worker_threads'
import { defineTask } from '../../src/index.ts'
import { resolveInit } from '../../src/testing/cluster-init.ts'
import { createTestCluster } from '../../src/testing/index.ts'
import { VirtualCluster } from '../../src/testing/virtual-cluster.ts'

/** Virtual time that a task takes whose handler takes none, with room to spare. */
const noTimeMs = 2_000

describe('virtual time stands still while a handler does real work', () => {
  test('with timers, files, threads and sockets', async t => {
    const folder = await mkdtemp(join(tmpdir(), 'meshwork-real-'))
    const server = createServer((_, response) => response.end('hello'))
    await new Promise<void>(resolve => {
      server.listen(0, '127.0.0.1', resolve)
    })
    t.after(async () => {
      server.close()
      server.closeAllConnections()
      await rm(folder, { recursive: true })
    })
    const { port } = server.address() as AddressInfo
    const work = defineTask('work', {
      run: async (_: null, { taskId }) => {
        const began = c.nowMs
        await pause(60)
        const file = join(folder, taskId)
        await writeFile(file, randomBytes(100_000))
        await promisify(scrypt)(await readFile(file), 'salt', 32)
        const text = await (await fetch(`http://127.0.0.1:${port}`)).text()
        return { passedMs: c.nowMs - began, text }
      },
    })
    await using c = await createTestCluster({ nodes: 3, tasks: [work] })
    const before = c.nowMs
    const handles = await c.node(0).publishMany(work, [null, null, null])
    for (const handle of handles) {
      assert.deepEqual(await handle.result(), { passedMs: 0, text: 'hello' })
    }
    assert.ok(c.nowMs - before < noTimeMs, `${c.nowMs - before} virtual ms`)
  })

  test('and how long that takes changes nothing', async () => {
    const run = async (realMs: () => number): Promise<string> => {
      const work = defineTask('work', { run: (width: number) => pause(realMs(), width) })
      const config = resolveInit({ nodes: 3, seed: 4, concurrency: 2, tasks: [work] })
      const c = new VirtualCluster(config, undefined)
      await c.start()
      const handles = await c.node(1).publishMany(work, [1, 2, 3, 4, 5, 6])
      await Promise.all(handles.map(handle => handle.result()))
      await c.stop()
      return c.simulation.hash
    }
    const falling = [9, 8, 7, 5, 3, 2]
    const rising = [1, 4, 6, 8, 9, 20]
    const one = await run(() => falling.pop() ?? 1)
    assert.equal(await run(() => rising.pop() ?? 1), one)
  })

  test('and passes while handlers wait for something virtual', async () => {
    const patient = defineTask('patient', {
      run: async (_: null, { signal }) => {
        const began = c.nowMs
        await c.sleep(90_000)
        await pause(5)
        signal.throwIfAborted()
        return c.nowMs - began
      },
    })
    await using c = await createTestCluster({ nodes: 3, tasks: [patient] })
    const handle = await c.node(0).publish(patient, null)
    assert.equal(await handle.result(), 90_000)
  })

  test('and for a signal that only the cluster gives', async () => {
    const hanging = defineTask('hanging', {
      attempts: 1,
      run: (_: null, { signal }) =>
        new Promise<never>((_, reject) => {
          signal.addEventListener('abort', () => reject(signal.reason as Error))
        }),
    })
    await using c = await createTestCluster({ nodes: 3, tasks: [hanging] })
    const handle = await c.node(0).publish(hanging, null, { timeoutMs: 40_000 })
    await assert.rejects(handle.result(), { name: 'TaskFailedError', reason: 'timeout' })
  })

  test('which has an end that says so', async t => {
    const forever = defineTask('forever', { run: () => pause(600_000, null, { signal }) })
    const ending = new AbortController()
    const { signal } = ending
    t.after(() => ending.abort())
    await using c = await createTestCluster({ nodes: 1, tasks: [forever], realWorkMs: 100 })
    const handle = await c.node(0).publish(forever, null)
    await assert.rejects(
      handle.result(),
      /stood still for 100 ms since real work goes on \(Timeout\)/,
    )
  })

  const waits = [
    [
      'a timer that keeps no process alive',
      () => new Promise(done => setTimeout(done, 400).unref()),
    ],
    [
      'the end of AbortSignal.timeout',
      () => new Promise(done => AbortSignal.timeout(400).addEventListener('abort', done)),
    ],
  ] as const
  for (const [name, wait] of waits) {
    test(`for ${name}`, async () => {
      assert.equal(await passedMs(wait), 0)
    })
  }

  test('for an answer on a connection that was open before', async t => {
    const socket = await connected(t, 700)
    assert.equal(await passedMs(() => asked(socket)), 0)
  })

  for (const keepsAlive of [true, false]) {
    const which = keepsAlive ? 'a thread' : 'a thread that keeps no process alive'
    test(`for the answer of ${which}, started before`, async t => {
      const thread = new Worker(threadText, { eval: true })
      t.after(() => thread.terminate())
      await new Promise(done => thread.once('online', done))
      const answers: ((value: unknown) => void)[] = []
      thread.on('message', value => answers.shift()?.(value))
      if (!keepsAlive) thread.unref()
      const ask = (): Promise<unknown> =>
        new Promise(done => {
          answers.push(done)
          thread.postMessage(700)
        })
      assert.equal(await passedMs(ask), 0)
    })
  }

  for (const by of ['fetch', 'http'] as const) {
    test(`for answers to requests of ${by} on a connection that is kept, and a signal`, async t => {
      const server = createServer((_, response) => {
        setTimeout(() => response.end('hello'), 500).unref()
      })
      await new Promise<void>(done => server.listen(0, '127.0.0.1', done))
      t.after(() => {
        server.close()
        server.closeAllConnections()
      })
      const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
      const ask = (signal: AbortSignal): Promise<unknown> => {
        if (by === 'fetch') return fetch(url, { signal }).then(answer => answer.text())
        return new Promise((done, failed) => {
          get(url, { signal }, answer => answer.resume().on('end', done)).on('error', failed)
        })
      }
      const work = defineTask('work', {
        run: async (_: null, { signal }) => {
          const before = c.nowMs
          await ask(signal)
          return c.nowMs - before
        },
      })
      await using c = await createTestCluster({ nodes: 1, concurrency: 1, tasks: [work] })
      const handles = await c.node(0).publishMany(work, [null, null])
      for (const handle of handles) assert.equal(await handle.result(), 0)
    })
  }

  test('after what it has waited for has come from the test', async () => {
    const gate = Promise.withResolvers<void>()
    const passed = await passedMs(async now => {
      await gate.promise
      const began = now()
      await pause(100)
      return now() - began
    }, gate.resolve)
    assert.equal(passed, 0)
  })

  test('but not for a connection that another one has left open', async t => {
    let socket: Socket | undefined
    const opening = defineTask('opening', {
      run: async () => {
        socket = await connected(t, 1)
        await asked(socket)
      },
    })
    const hanging = defineTask('hanging', {
      attempts: 1,
      run: (_: null, { signal }) =>
        new Promise<never>((_, reject) => {
          signal.addEventListener('abort', () => reject(signal.reason as Error))
        }),
    })
    const tasks = [opening, hanging]
    await using c = await createTestCluster({ nodes: 1, seed: 1, tasks, realWorkMs: 3_000 })
    const opened = await c.node(0).publish(opening, null, { delayMs: 9_000 })
    const hung = await c.node(0).publish(hanging, null, { timeoutMs: 40_000, delayMs: 9_000 })
    await c.settle()
    assert.equal(await hung.state(), 'failed')
    c.assertCompleted([opened])
    assert.ok(socket?.readable)
  })

  test('and what handlers tell meanwhile comes in the order in which they began', async () => {
    const run = async (realMs: number[]): Promise<string> => {
      const telling = defineTask('telling', {
        run: async (n: number, ctx) => {
          await pause(realMs[n])
          ctx.progress(n)
          ctx.log(`${n}`)
          assert.throws(() => ctx.progress(undefined), /must be JSON/)
          await c.sleep(1_000)
          ctx.progress(n)
        },
      })
      const config = resolveInit({ nodes: 2, seed: 4, concurrency: 3, tasks: [telling] })
      const c = new VirtualCluster(config, undefined)
      await c.start()
      const handles = await c.node(1).publishMany(telling, [0, 1, 2, 3, 4, 5])
      const told = handles.map(async handle => Array.fromAsync(handle.events()))
      await Promise.all(told)
      await c.stop()
      return c.simulation.hash
    }
    assert.equal(await run([30, 20, 10, 30, 20, 10]), await run([10, 20, 30, 10, 20, 30]))
  })
})

/** How much virtual time passes within a handler, and what it takes; `meanwhile` is called before. */
async function passedMs(
  wait: (now: () => number) => Promise<unknown>,
  meanwhile?: () => void,
): Promise<unknown> {
  const work = defineTask('work', {
    run: async () => {
      const before = c.nowMs
      const passed = await wait(() => c.nowMs)
      return meanwhile === undefined ? c.nowMs - before : passed
    },
  })
  await using c = await createTestCluster({ nodes: 1, seed: 1, tasks: [work] })
  const handle = await c.node(0).publish(work, null)
  await c.advance(1_000)
  meanwhile?.()
  return await handle.result()
}

const threadText = `
  const { parentPort } = require('node:worker_threads')
  parentPort.on('message', ms => setTimeout(() => parentPort.postMessage(ms), ms))
`

/** A connection to somebody who answers after so long. */
async function connected(t: TestContext, afterMs: number): Promise<Socket> {
  const server = createTcpServer(peer => {
    peer.on('data', data => void setTimeout(() => peer.write(data), afterMs).unref())
  })
  await new Promise<void>(done => server.listen(0, '127.0.0.1', done))
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1')
  t.after(() => {
    socket.destroy()
    server.close()
  })
  await new Promise(done => socket.once('connect', done))
  return socket
}

function asked(socket: Socket): Promise<unknown> {
  const answer = new Promise(done => socket.once('data', done))
  socket.write('?')
  return answer
}
