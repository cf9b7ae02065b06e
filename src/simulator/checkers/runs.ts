import type { Run } from '../../core/effects.ts'
import { bitsIn } from '../../core/quorum.ts'
import { seqsOf } from '../../core/ranges.ts'
import type { Actor } from '../observer.ts'
import type { RunHistory } from '../task-history.ts'
import { Checker } from './checker.ts'

/** Looks at each run of each task when it is asked for. */
abstract class RunChecker extends Checker {
  override ran(actor: Actor, { ledger, seqs }: Run): void {
    for (const seq of seqsOf(seqs)) {
      const run = this.history.task(ledger, seq).runs.at(-1)
      if (run !== undefined && run.node === actor.node) this.begun(run)
    }
  }

  /** A run begins; it is the last of its task's. */
  protected abstract begun(run: RunHistory): void
}

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
      )
    }
  }
}

/** S7: a claim that begins after the decision does not lead to a run. */
export class NoRunAfterDecision extends RunChecker {
  protected override begun(run: RunHistory): void {
    const { decided, name } = run.task
    if (decided === undefined || decided.at >= run.claimedAt) return
    const lateMs = Math.round(run.claimedAt - decided.at)
    this.violation('S7', `${name} runs on ${run.peer}, claimed ${lateMs} ms after its decision`)
  }
}

/**
 * S9: at most one holder believes in its lease, from the run effect until it is told to stop,
 * has finished or is dead. Holds where clocks can be trusted; elsewhere it only saves work.
 */
export class OneHolder extends RunChecker {
  protected override begun(run: RunHistory): void {
    if (!this.context.saneClocks) return
    for (const other of run.task.runs) {
      if (other === run || other.endedAt < Infinity) continue
      this.violation(
        'S9',
        `${run.task.name} runs on ${run.peer} with token ${run.token} while ${other.peer} ` +
          `runs it with token ${other.token}`,
      )
    }
  }
}

/**
 * S10: every start has a grant of a majority of its own, and without faults none is in vain:
 * a task starts again only after it threw, ran out of time or was given back unstarted.
 */
export class StartsAreGranted extends RunChecker {
  protected override begun(run: RunHistory): void {
    const { task, peer, token } = run
    const granted = bitsIn(task.grants.get(run.ballotKey) ?? 0)
    if (granted < task.ledger.majority) {
      this.violation('S10', `${task.name} runs on ${peer} by ${granted} grants of token ${token}`)
    }
    for (const other of task.runs) {
      if (other === run) continue
      if (other.ballotKey === run.ballotKey && other.end !== 'released') {
        this.violation('S10', `${task.name} runs on ${peer} twice with token ${token}`)
      }
      // Without faults a process ends only by a task that takes it down.
      const excused = ['error', 'timeout', 'released', 'crashed'].includes(other.end)
      if (!this.context.faultFree || excused) continue
      const end = other.end === '' ? 'while it runs' : `after it was ${other.end}`
      this.violation('S10', `${task.name} runs on ${peer} ${end} on ${other.peer}, without a fault`)
    }
  }
}
