import assert from 'node:assert/strict'
import { failureReport } from '../../src/simulator/report.ts'
import type { ScenarioResult } from '../../src/simulator/scenario.ts'
import { shrink } from '../../src/simulator/shrink.ts'

/** Fails with how to see it again, and with a smaller run that breaks the same, unless all held. */
export function assertHeld(result: ScenarioResult): void {
  if (result.violations.length > 0) assert.fail(failureReport(result, shrink(result)))
}
