import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { runScenario } from '../../src/simulator/scenario.ts'
import { CoverageTable } from '../../src/simulator/sometimes.ts'
import { assertHeld } from './assert-held.ts'

const seeds = 380

describe('every property holds whatever goes wrong', () => {
  const coverage = new CoverageTable()

  for (let seed = 1; seed <= seeds; seed++) {
    test(`seed ${seed}`, () => {
      const result = runScenario({ seed })
      coverage.add(result.simulation.counts)
      assertHeld(result)
    })
  }

  test('the seeds have come through all that can happen', () => {
    assert.deepEqual(coverage.missing(), [])
  })
})
