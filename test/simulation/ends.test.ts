import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Entry } from '../../src/core/entries.ts'
import { noTiming } from '../../src/core/timing.ts'
import { type Simulation, simulate } from '../../src/simulator/simulation.ts'
import { plainSpec } from '../core/fixtures.ts'

const cycles = 8

/** Ledgers of the first node that others still hold once nothing else is kept, by who holds them. */
function heldIn(simulation: Simulation): string[] {
  const held: string[] = []
  const { observers, nodes } = simulation
  const quiet = observers.quiet.bind(observers)
  observers.quiet = (actor, kept: readonly Entry[]) => {
    quiet(actor, kept)
    for (const entry of kept) {
      if (entry.type !== 'opened' && entry.type !== 'observed') continue
      if (entry.producer.startsWith(`${nodes[0]?.peer}.`))
        held.push(`${actor.peer} ${entry.ledger}`)
    }
  }
  simulation.quiet()
  return held
}

test('a node that stops and starts again and again leaves no ledger behind', () => {
  for (const publishes of [true, false]) {
    const few = { faults: ['none'], autoRestart: false, keepMs: 300_000 } as const
    const simulation = simulate({ seed: 3, nodes: 4, ...few })
    simulation.run(10_000)
    for (let cycle = 0; cycle < cycles; cycle++) {
      if (publishes) {
        simulation.applications[0]?.publish({
          spec: { ...plainSpec, queue: 'work', resultTtlMs: 1_000 },
          timing: { ...noTiming, delayMs: 30_000 },
          plans: [{ behaviour: 'done', throws: 0, durationMs: 100 }],
          ...{ fillBytes: 0, copies: 0, keyed: false },
        })
      }
      simulation.run(1_000)
      simulation.mishaps.leave(0)
      simulation.run(10_000)
      simulation.mishaps.restart(0)
      simulation.run(20_000)
    }
    simulation.settle(600_000)
    // The one that takes tasks has three voters; it is looked at twice.
    const held = new Set(heldIn(simulation))
    assert.deepEqual(simulation.violations, [])
    const ledgers = new Set([...held].map(name => name.split(' ')[1]))
    assert.ok(ledgers.size <= 1, `${publishes}: ${[...held].join('\n')}`)
  }
})
