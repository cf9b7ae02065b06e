import assert from 'node:assert/strict'
import { before, describe, it } from 'node:test'
import { countSent, publishWork } from '../../src/simulator/message-cost.ts'
import { Simulation } from '../../src/simulator/simulation.ts'

const joinMs = 8_000
const singles = 40
const apartMs = 200
const batch = 100
const batches = 4

/** Direct messages per task in a mesh of so many nodes, each of which runs two at a time. */
function costOf(nodes: number): { nodes: number; single: number; atOnce: number } {
  const simulation = new Simulation({ seed: 1, nodes, concurrency: 2, faults: ['none'] })
  simulation.run(joinMs)
  const idle = countSent(simulation, () => simulation.run(singles * apartMs))
  const single = countSent(simulation, () => {
    for (let i = 0; i < singles; i++) {
      publishWork(simulation, i, 1)
      simulation.run(apartMs)
    }
  })
  const atOnce = countSent(simulation, () => {
    for (let i = 0; i < batches; i++) publishWork(simulation, i, batch)
    simulation.settle(600_000)
  })
  assert.deepEqual(simulation.violations, [])
  return { nodes, single: (single - idle) / singles, atOnce: atOnce / (batch * batches) }
}

describe('direct messages per task', () => {
  let costs: ReturnType<typeof costOf>[]
  before(() => {
    costs = [3, 10, 30].map(costOf)
  })

  // A publisher or another voter that runs it: two messages each for STORE, STORED, CLAIMED, RENEW,
  // RENEWED, SETTLE, ACCEPTED and DECIDED; less what idle nodes compare more often than busy ones.
  it('are those of one claim where tasks come one by one, however many nodes are idle', () => {
    for (const { nodes, single } of costs) {
      assert.ok(single >= 12 && single <= 20, `${nodes} nodes: ${single}`)
    }
  })

  // A worker that votes asks two others, one that does not asks three.
  it('are no more than half as many again in a larger mesh, where many come at once', () => {
    const least = costs[0]?.atOnce ?? 0
    assert.ok(least >= 5)
    for (const { nodes, atOnce } of costs) {
      assert.ok(atOnce <= 1.5 * least, `${nodes} nodes: ${atOnce}`)
    }
  })
})
