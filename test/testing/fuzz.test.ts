import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { defineTask } from '../../src/index.ts'
import { type FaultName, fuzz, type TestCluster } from '../../src/testing/index.ts'
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

  test('tells only of a smaller cluster that fails when it is asked for as told', async () => {
    const scenario = async (c: TestCluster): Promise<void> => {
      const before = c.nowMs
      await c.node(0).publish(resize, { path: 'a', width: 1 })
      if (c.nowMs - before > 100) throw new RangeError('slow')
    }
    const init = { seed: 4, runs: 1, tasks: [resize] } as const
    const error = await fuzz({ ...init, nodes: 3, faults: ['duplicates'] }, scenario).then(
      () => assert.fail('it does not fail'),
      (error: Error) => error,
    )
    const [, nodes, list = ''] = /nodes: (\d+), faults: \[(.*)\]/.exec(error.message) ?? []
    const faults = list.split(', ').flatMap(name => (name === '' ? [] : [name.slice(1, -1)]))
    const told = { ...init, nodes: Number(nodes), faults: faults as FaultName[] }
    await assert.rejects(fuzz(told, scenario), /^AssertionError.*: slow|^slow/m)
  })

  test('takes another failure of the same class for what it is', async () => {
    const scenario = async (c: TestCluster): Promise<void> => {
      assert.equal(c.size, 4)
      assert.fail('the real bug')
    }
    const init = { nodes: 4, seed: 1, runs: 1, faults: ['loss'], tasks: [resize] } as const
    await assert.rejects(fuzz(init, scenario), (error: Error) => {
      assert.match(error.message, /^the real bug/)
      assert.match(error.message, /fails alike with nodes: 4, faults: \[\]/)
      return true
    })
  })

  test('tells the seed and the command once, and what the cluster found', async () => {
    const init = { nodes: 3, seed: 1, runs: 1, faults: ['loss'], tasks: [resize] } as const
    const scenario = async (c: TestCluster): Promise<void> => {
      await c.node(1).publish(resize, { path: 'a', width: 1 }, { delayMs: 60_000 })
      for (let i = 0; i < c.size; i++) await c.loseDisk(i)
    }
    await assert.rejects(fuzz(init, scenario), (error: Error) => {
      assert.match(error.message, /^Tasks are lost\n  fails alike with nodes: \d/)
      assert.match(error.message, /^ {2}Task .* is lost: its only voter/m)
      assert.equal(error.message.match(/again:/g)?.length, 1)
      return true
    })
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
