import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { defineTask } from '../../src/index.ts'
import { fuzz, type TestCluster } from '../../src/testing/index.ts'
import { inputsOf, resize } from './tasks.ts'

describe('fuzz', () => {
  test('tries one seed after the other, and everything is decided in the end', async () => {
    const seeds: number[] = []
    await fuzz({ nodes: 4, runs: 4, seed: 10, tasks: [resize] }, async c => {
      seeds.push(c.seed)
      await c.node(0).publishMany(resize, inputsOf(10))
      await c.advance(20_000)
    })
    assert.deepEqual(seeds, [10, 11, 12, 13])
  })

  test('tells of what fails with the smallest cluster and the fewest faults that do', async () => {
    const sizes: number[] = []
    const scenario = async (c: TestCluster): Promise<void> => {
      sizes.push(c.size)
      if (c.seed === 3) throw new RangeError('the third is bad')
    }
    const init = { nodes: 4, runs: 5, seed: 1, faults: ['loss', 'crashes'] } as const
    await assert.rejects(fuzz({ ...init, tasks: [resize] }, scenario), (error: Error) => {
      assert.match(error.message, /^the third is bad/)
      assert.match(error.message, /fails alike with nodes: 1, faults: \[\]/)
      assert.match(error.message, /seed 3, faults loss,crashes/)
      assert.match(error.message, /again: MESHWORK_SEED=3 node --test .*fuzz\.test\.ts/)
      assert.ok(error.cause instanceof RangeError)
      return true
    })
    assert.equal(sizes.at(-1), 1)
  })

  test('finds a handler that is not fit for being run twice', async () => {
    const ran = new Map<number, number>()
    const counted = defineTask('counted', {
      run: async ({ width }: { path: string; width: number }) => count(ran, width),
    })
    const scenario = async (c: TestCluster): Promise<void> => {
      ran.clear()
      const handles = await c.node(0).publishMany(counted, inputsOf(20))
      await c.advance(60_000)
      c.heal()
      for (const handle of handles) assert.equal(await handle.result(), 1)
    }
    const init = {
      nodes: 4,
      leaseMs: 3_000,
      runs: 40,
      seed: 1,
      faults: ['crashes', 'loss'],
    } as const
    await assert.rejects(fuzz({ ...init, tasks: [counted] }, scenario), /crashes/)
  })
})

function count(ran: Map<number, number>, key: number): number {
  const times = (ran.get(key) ?? 0) + 1
  ran.set(key, times)
  return times
}
