import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { faultMixes } from '../../src/simulator/faults.ts'
import { failureReport } from '../../src/simulator/report.ts'
import { runScenario } from '../../src/simulator/scenario.ts'

const seedsPerMix = 12

for (const faults of faultMixes) {
  if (faults === 'swarm') continue
  describe(`every property holds with faults: ${faults}`, () => {
    for (let seed = 1; seed <= seedsPerMix; seed++) {
      test(`seed ${seed}`, () => {
        const result = runScenario({ seed, faults })
        assert.ok(result.violations.length === 0, failureReport(result, faults))
      })
    }
  })
}
