import assert from 'node:assert/strict'
import { test } from 'node:test'
import { failureReport, rerunCommand } from '../../src/simulator/report.ts'
import { runScenario } from '../../src/simulator/scenario.ts'
import { shrink } from '../../src/simulator/shrink.ts'
import { lyingOutcomes } from './sabotage.ts'

test('a failure is reported with its seed, its faults and the command that repeats it', () => {
  const seed = 5
  const failed = runScenario({ seed, tamper: lyingOutcomes, only: ['S2'], tasks: 40 })
  assert.ok(failed.violations.length > 0)
  const report = failureReport(failed)
  assert.match(report, /S2 at \d+/)
  assert.ok(
    report.includes(`seed ${seed}, faults ${failed.simulation.mix.kinds.join(',')}: {"lossP"`),
  )
  assert.ok(report.endsWith(`again: npm run simulate -- --seed ${seed} --faults swarm --tasks 40`))
})

test('a failure shrinks to what it needs', () => {
  const failed = runScenario({ seed: 3, tamper: lyingOutcomes, only: ['S2'] })
  const smaller = shrink(failed)
  const again = runScenario(smaller)
  assert.deepEqual(
    again.violations.map(({ property }) => property),
    again.violations.map(() => 'S2'),
  )
  assert.ok(again.violations.length > 0)
  // Lies need no fault, and no more than one task.
  assert.deepEqual(again.simulation.mix.kinds, [])
  assert.equal(smaller.tasks, 1)
  assert.match(rerunCommand(smaller), /--seed 3 --faults swarm --without \S+ .*--tasks 1/)
})
