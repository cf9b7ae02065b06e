import type { Run } from '../../core/effects.ts'
import { seqsOf } from '../../core/ranges.ts'
import type { Actor } from '../observer.ts'
import type { RunHistory } from '../task-history.ts'
import { Checker } from './checker.ts'

/** Looks at each run of each task when it is asked for. */
export abstract class RunChecker extends Checker {
  override ran(actor: Actor, { ledger, seqs }: Run): void {
    for (const seq of seqsOf(seqs)) {
      const run = this.history.task(ledger, seq).runs.at(-1)
      if (run !== undefined && run.node === actor.node) this.begun(run)
    }
  }

  /** A run begins; it is the last of its task's. */
  protected abstract begun(run: RunHistory): void
}
