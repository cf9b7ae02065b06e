import type { RunHistory } from '../task-history.ts'
import { RunChecker } from './run-checker.ts'

/**
 * S9: at most one holder believes in its lease, from the run effect until it is told to stop,
 * has finished or is dead. Holds where clocks can be trusted; elsewhere it only saves work.
 */
export class OneHolder extends RunChecker {
  protected override begun(run: RunHistory): void {
    if (this.context.disturbed.clocks) return
    for (const other of run.task.runs) {
      if (other === run || other.endedAt < Infinity) continue
      this.violation(
        'S9',
        `${run.task.name} runs on ${run.peer} with token ${run.token} while ${other.peer} ` +
          `runs it with token ${other.token}`,
        run.task.ledger,
      )
    }
  }
}
