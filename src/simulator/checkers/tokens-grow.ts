import type { RunHistory } from '../task-history.ts'
import { RunChecker } from './run-checker.ts'

/**
 * S6: tokens grow in the real-time order of grants. A grant takes from the first claim under
 * its ballot to the run; one that begins after another one ended has the higher token. (Of two
 * that overlap either may start first.)
 */
export class TokensGrow extends RunChecker {
  protected override begun(run: RunHistory): void {
    for (const other of run.task.runs) {
      if (other === run || other.at > run.claimedAt || other.token < run.token) continue
      this.violation(
        'S6',
        `${run.task.name} runs on ${run.peer} with token ${run.token}, claimed after ` +
          `${other.peer} ran it with token ${other.token}`,
        run.task.ledger,
      )
    }
  }
}
