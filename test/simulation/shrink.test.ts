import assert from 'node:assert/strict'
import { test } from 'node:test'
import { failureReport, rerunCommand } from '../../src/simulator/report.ts'
import {
  runScenario,
  type ScenarioOptions,
  type ScenarioResult,
} from '../../src/simulator/scenario.ts'
import { shrink } from '../../src/simulator/shrink.ts'
import { lyingOutcomes } from './sabotage.ts'

/** The first seed in which somebody is shown a lie: only some have a user that waits elsewhere. */
function firstFailure(options: Omit<ScenarioOptions, 'seed'> = {}): ScenarioResult {
  for (let seed = 1; seed <= 20; seed++) {
    const result = runScenario({ ...options, seed, tamper: lyingOutcomes, only: ['S2'] })
    if (result.violations.length > 0) return result
  }
  return assert.fail('20 seeds did not fail')
}

test('a failure is reported with its seed, its faults and the command that repeats it', () => {
  const failed = firstFailure({ tasks: 40 })
  const { seed } = failed
  const report = failureReport(failed)
  assert.match(report, /S2 at \d+/)
  assert.ok(
    report.includes(`seed ${seed}, faults ${failed.simulation.mix.kinds.join(',')}: {"lossP"`),
  )
  assert.ok(report.endsWith(`again: npm run simulate -- --seed ${seed} --faults swarm --tasks 40`))
})

test('a failure shrinks to what it needs', () => {
  const failed = firstFailure()
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
  const { seed } = failed
  const command = rerunCommand(smaller)
  assert.ok(
    command.startsWith(`npm run simulate -- --seed ${seed} --faults swarm --without `),
    command,
  )
  assert.match(command, /--tasks 1\b/)
})
