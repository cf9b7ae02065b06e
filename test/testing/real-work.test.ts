import assert from 'node:assert/strict'
import { randomBytes, scrypt } from 'node:crypto'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { promisify } from 'node:util'
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
})
