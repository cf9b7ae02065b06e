import { describe, test } from 'node:test'
import type { CrashAt } from '../../src/simulator/options.ts'
import { runScenario, type ScenarioResult } from '../../src/simulator/scenario.ts'
import { assertHeld } from './assert-held.ts'

const seed = 7

/** Three nodes and a few tasks, with no fault but one crash. */
function run(crashAt?: CrashAt): ScenarioResult {
  return runScenario({
    ...{ seed, faults: ['none'], nodes: 3, guests: 0, voters: 3, gossip: true, known: 'all' },
    ...{ leaseMs: 3_000, concurrency: 2, queues: ['work'], tasks: 4, faultyMs: 10_000, crashAt },
  })
}

describe('a node may die at every write and before every message that it sends', () => {
  const points = run().simulation.nodes.map(node => node.points)
  for (const [index, count] of points.entries()) {
    for (const how of ['kill', 'power'] as const) {
      test(`node ${index}, ${count} times by ${how}`, () => {
        for (let point = 1; point <= count; point++) assertHeld(run({ index, point, how }))
      })
    }
  }
})
