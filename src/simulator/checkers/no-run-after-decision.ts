import type { RunHistory } from '../task-history.ts'
import { RunChecker } from './run-checker.ts'

/** S7: a claim that begins after the decision does not lead to a run. */
export class NoRunAfterDecision extends RunChecker {
  protected override begun(run: RunHistory): void {
    const { decided, name, ledger } = run.task
    if (decided === undefined || decided.at >= run.claimedAt) return
    const lateMs = Math.round(run.claimedAt - decided.at)
    const message = `${name} runs on ${run.peer}, claimed ${lateMs} ms after its decision`
    this.violation('S7', message, ledger)
  }
}
