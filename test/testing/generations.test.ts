import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { TaskHandle } from '../../src/index.ts'
import { RunningNode } from '../../src/running-node.ts'
import { createTestCluster } from '../../src/testing/index.ts'
import { inputsOf, resize } from './tasks.ts'

type Cluster = Awaited<ReturnType<typeof createTestCluster>>

const forking = { seed: 6, orphans: 'fork', tasks: [resize] } as const

/** Loses disks of the first generation's voters; a survivor takes over after ten seconds. */
async function giveUp(c: Cluster, lost: readonly number[]): Promise<void> {
  for (const index of lost) {
    await c.loseDisk(index)
    await c.restart(index)
  }
  await c.advance(20_000)
}

async function statesOf(handles: readonly TaskHandle[]): Promise<Set<string>> {
  return new Set(await Promise.all(handles.map(handle => handle.state())))
}

describe('by the name of the first generation', () => {
  test('a task of a later one is shown, explained and cancelled, from any node', async () => {
    await using c = await createTestCluster({ ...forking, nodes: 3, guests: 1 })
    const handles = await c.node(0).publishMany(resize, inputsOf(40), { delayMs: 600_000 })
    await giveUp(c, [1, 2])
    for (const index of [0, 1, 2, 3]) {
      const named = handles.map(({ id }) => c.node(index).task(id))
      const some = named.slice(index * 9, index * 9 + 9)
      assert.deepEqual(await statesOf(some), new Set(['delayed']))
      const said = await some[0]?.explain()
      assert.match(said ?? '', /^Task \w{32}-\d+ \(generation 2, \w{32}-\d+\) is due in \d+ ms$/)
      const first = await some[0]?.cancel('one')
      const rest = await Promise.all(some.slice(1).map(handle => handle.cancel('more')))
      assert.deepEqual(new Set([first, ...rest]), new Set([true]), `node ${index}`)
      assert.deepEqual(await statesOf(some), new Set(['cancelled']))
    }
    const cancelled = await handles[0]?.outcome()
    assert.deepEqual([cancelled?.state, cancelled?.generation], ['cancelled', 2])
    const left = await Promise.all(handles.slice(36).map(handle => handle.outcome()))
    assert.deepEqual(new Set(left.map(({ state }) => state)), new Set(['done']))
    assert.equal(await handles[39]?.cancel(), false)
  })

  test('a voter that is left without its fellows asks others', async () => {
    await using c = await createTestCluster({ ...forking, seed: 4, nodes: 9, voters: 5 })
    const handles = await c.node(0).publishMany(resize, inputsOf(8), { delayMs: 600_000 })
    const { id = '' } = handles[0] ?? {}
    await giveUp(c, [2, 4, 5])
    const left = c.node(6)
    assert.ok(left instanceof RunningNode)
    assert.equal(left.local.look(id)?.alone, true, 'it still keeps the first generation')
    assert.equal(left.local.find(id)?.generation, undefined, 'and nothing of the later one')
    const named = handles.map(handle => left.task(handle.id))
    assert.match((await named[0]?.explain()) ?? '', /generation 2/)
    assert.equal(await named[0]?.cancel(), true)
    const rest = await Promise.all(named.slice(1, 7).map(handle => handle.cancel()))
    assert.deepEqual(new Set(rest), new Set([true]))
    assert.deepEqual(await statesOf(named.slice(0, 7)), new Set(['cancelled']))
    assert.equal(await named[7]?.state(), 'delayed')
    assert.equal((await named[7]?.outcome())?.state, 'done')
  })

  test('that its result is not kept any more is told who asks', async () => {
    await using c = await createTestCluster({ ...forking, nodes: 3 })
    const brief = { delayMs: 60_000, resultTtlMs: 10_000 }
    const [handle] = await c.node(0).publishMany(resize, inputsOf(1), brief)
    const { id = '' } = handle ?? {}
    await giveUp(c, [1, 2])
    await c.advance(100_000)
    const named = c.node(1).task(id)
    assert.match(await named.explain(), /generation 2, \w+-0\) has ended \(done\)/)
    await assert.rejects(named.outcome(), { name: 'ResultExpiredError', taskId: id, state: 'done' })
  })
})
