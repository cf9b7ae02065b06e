import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { runScenario } from '../../src/simulator/scenario.ts'
import { CoverageTable, outOfReach, sometimes } from '../../src/simulator/sometimes.ts'
import { assertHeld } from './assert-held.ts'

const seeds = 380

describe('every property holds whatever goes wrong', () => {
  const coverage = new CoverageTable()
  const counted = new Set<string>()

  for (let seed = 1; seed <= seeds; seed++) {
    test(`seed ${seed}`, () => {
      const result = runScenario({ seed })
      coverage.add(result.simulation.counts)
      for (const name of result.simulation.counts.keys()) counted.add(name)
      assertHeld(result)
    })
  }

  test('the seeds have come through all that can happen', () => {
    assert.deepEqual(coverage.missing(), [])
  })

  test('every refusal that is counted is in the table, or known to be out of reach', () => {
    const known = new Set<string>([...sometimes, ...Object.keys(outOfReach)])
    const refusals = [...counted].filter(name => /refused|conflict|full|unknown/.test(name))
    assert.deepEqual(
      refusals.filter(name => !known.has(name) && !name.startsWith('received ')),
      [],
    )
  })
})
