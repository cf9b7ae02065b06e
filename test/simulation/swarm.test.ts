import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { failureReport } from '../../src/simulator/report.ts'
import { runScenario } from '../../src/simulator/scenario.ts'

const seeds = 160

/**
 * What must happen somewhere in these seeds. A rule that no run comes near to is not tested by
 * them, however often they pass.
 */
const sometimes = [
  // What goes wrong.
  'killed',
  'power lost',
  'crash within a turn',
  'poisoned',
  'left',
  'paused',
  'partition',
  'one-way partition',
  'wall clock set',
  'frame: lost',
  'frame: duplicated',
  'frame: reordered',
  'frame: no stream',
  'stream: down',
  'checkpoint',
  'restart with accepts',
  'restart from a checkpoint',
  // Claims.
  'claim run',
  'claim any',
  'claim raise',
  'claim finish',
  'claim cancel',
  'refused settled',
  'refused not-due',
  'refused blocked',
  'refused held',
  'refused behind',
  'refused missing',
  'granted with an accepted value',
  'granted with records',
  'granted directly',
  'wrote released',
  // Leases.
  'session list asked for',
  'session lease lost',
  'abort lease-lost',
  'abort leaving',
  'sent lost',
  // Runs.
  'another run',
  'two runs at once',
  'run ended error',
  'run ended timeout',
  'run ended unrecoverable',
  'run ended result',
  // Decisions.
  'retry accepted',
  'settle behind',
  'settle settled',
  'an outcome is chosen again by a later ballot',
  'outcome done',
  'outcome cancelled',
  'outcome failed(attempts)',
  'outcome failed(unrecoverable)',
  'outcome failed(timeout)',
  'outcome failed(result)',
  'outcome failed(deliveries)',
  'cancelled',
  'cancelled too late',
  // Records on their way.
  'published',
  'sent submit',
  'sent compare',
  'sent fetch',
  'sent records',
  'sent sync',
  'sent watch',
  'sent goodbye',
  'store settled',
]

describe('every property holds whatever goes wrong', () => {
  const counts = new Map<string, number>()

  for (let seed = 1; seed <= seeds; seed++) {
    test(`seed ${seed}`, () => {
      const result = runScenario({ seed, faults: 'swarm' })
      for (const [name, count] of result.simulation.counts) {
        counts.set(name, (counts.get(name) ?? 0) + count)
      }
      assert.ok(result.violations.length === 0, failureReport(result, 'swarm'))
    })
  }

  test('the seeds have come through all that can happen', () => {
    const never = sometimes.filter(name => !counts.has(name))
    assert.deepEqual(never, [])
  })
})
