import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { inspect } from 'node:util'
import { defineTask } from '../../src/index.ts'
import { createTestCluster } from '../../src/testing/index.ts'
import { resize } from './tasks.ts'

const input = { path: 'a', width: 1 }

describe('a failed assertion tells', () => {
  test('what the handler has thrown', async () => {
    const broken = defineTask('broken', {
      run: async (): Promise<void> => {
        throw new RangeError('my bug 17')
      },
    })
    await using c = await createTestCluster({ nodes: 3, seed: 1, tasks: [broken] })
    const handle = await c.node(0).publish(broken, undefined, { attempts: 2 })
    await c.settle()
    const told = /is failed \(attempts\); its handler threw: RangeError: my bug 17$/m
    assert.throws(() => c.assertCompleted([handle]), { message: told })
  })

  test('that a task is not due yet, and how long that takes', async () => {
    await using c = await createTestCluster({ nodes: 3, seed: 1, tasks: [resize] })
    const handle = await c.node(0).publish(resize, input, { delayMs: 2_400_000 })
    await assert.rejects(c.settle(), (error: Error) => {
      assert.match(
        error.message,
        /is not due for another \d+ ms; advance, or give settle a limitMs/,
      )
      assert.doesNotMatch(error.message, /undefined/)
      return true
    })
    assert.throws(() => c.assertCompleted([handle]), /is not due for another \d+ ms/)
    assert.throws(() => c.assertConverged(), /is not due for another \d+ ms/)
  })

  test('that tasks are lost, whatever the error says that a handle or a node gives', async () => {
    await using c = await createTestCluster({ nodes: 1, seed: 6, tasks: [resize] })
    const handle = await c.node(0).publish(resize, input, { delayMs: 60_000 })
    await c.loseDisk(0)
    const stopped = await rejection(handle.result())
    await c.restart(0)
    const unknown = await rejection(c.node(0).task(handle.id).result())
    for (const error of [stopped, unknown]) {
      const told = /is lost: its only voter n0 has lost its disk\n +seed 6\n +again: /
      assert.match(inspect(error), told)
    }
  })
})

function rejection(work: Promise<unknown>): Promise<unknown> {
  return work.then(
    () => assert.fail('it came about'),
    (error: unknown) => error,
  )
}
