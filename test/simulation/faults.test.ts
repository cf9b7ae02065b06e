import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { drawFaults, faultKinds, type FaultName } from '../../src/simulator/fault-kinds.ts'
import { calm } from '../../src/simulator/faults.ts'
import { runScenario } from '../../src/simulator/scenario.ts'
import { Simulation } from '../../src/simulator/simulation.ts'

function draw(seed: number, ...names: readonly FaultName[]) {
  return drawFaults(seed, { names, without: [] })
}

describe('the faults of a seed', () => {
  test('are none where none are wanted', () => {
    assert.deepEqual(draw(1, 'none'), { kinds: [], faults: calm })
  })

  test('are other kinds for every seed of a swarm, and each of them for some', () => {
    const seen = new Set<string>()
    const mixes = new Set<string>()
    for (let seed = 1; seed <= 200; seed++) {
      const { kinds } = draw(seed, 'swarm')
      for (const kind of kinds) seen.add(kind)
      mixes.add(kinds.join())
    }
    assert.deepEqual([...seen].toSorted(), [...faultKinds].toSorted())
    assert.ok(mixes.size > 190)
  })

  test('stay what they are when one kind is left out', () => {
    for (let seed = 1; seed <= 20; seed++) {
      const all = draw(seed, 'chaos')
      const { faults } = drawFaults(seed, { names: ['chaos'], without: ['loss'] })
      assert.deepEqual({ ...faults, lossP: all.faults.lossP }, all.faults)
    }
  })

  test('are each something that goes wrong', () => {
    for (const kind of faultKinds) {
      const without = drawFaults(7, { names: [kind], without: [kind] })
      assert.notDeepEqual(draw(7, kind).faults, without.faults, kind)
    }
  })
})

test('a pause ends when it was to end, though an earlier one was cut short', () => {
  const simulation = new Simulation({ seed: 1, nodes: 1, faults: ['pauses'] })
  simulation.run(1_000)
  const [node] = simulation.nodes
  assert.ok(node !== undefined)
  simulation.mishaps.pause(0, 60_000, { sleeps: true })
  simulation.run(10_000)
  simulation.heal()
  assert.equal(node.paused, false)
  simulation.run(49_000)
  simulation.mishaps.pause(0, 5_000)
  simulation.run(2_000)
  assert.equal(node.paused, true, 'the first pause was to end by now')
  simulation.run(4_000)
  assert.equal(node.paused, false)
})

/** What each kind of fault is counted as, in runs that have no other. */
const marks: Partial<Record<FaultName, readonly string[]>> = {
  loss: ['frame: lost'],
  duplicates: ['frame: duplicated'],
  reorder: ['frame: reordered'],
  delays: ['frame: delayed'],
  partitions: ['partition', 'one-way partition', 'bridged partition'],
  flaps: ['stream: down', 'flapping connection'],
  crashes: ['killed'],
  'crash-points': ['crash within a turn'],
  pauses: ['paused'],
  'wall-clocks': ['wall clock set'],
  checkpoints: ['checkpoint'],
  'fsync-errors': ['sync failed', 'quarantined: a sync has failed'],
  'bit-flips': ['bit flipped', 'quarantined: an entry has another checksum'],
  'full-disks': ['disk full', 'start refused: disk full'],
  wipes: ['disk wiped'],
  rollbacks: ['disk rolled back', 'quarantined: others have seen more of it'],
  'little-room': ['store full', 'publish refused'],
  leaves: ['left'],
  departures: ['departed'],
  joins: ['joins late'],
}

describe('a fault happens', () => {
  for (const [kind, events] of Object.entries(marks)) {
    test(kind, () => {
      const missing = new Set(events)
      for (let seed = 1; seed <= 20 && missing.size > 0; seed++) {
        const faults = [kind as FaultName]
        const { simulation } = runScenario({ seed, faults, nodes: 5, tasks: 100, faultyMs: 60_000 })
        for (const event of events) if (simulation.counts.has(event)) missing.delete(event)
      }
      assert.deepEqual([...missing], [])
    })
  }
})
