import type { Entry } from '../../core/entries.ts'
import type { Lsn } from '../../core/ids.ts'
import { bitsIn } from '../../core/quorum.ts'
import { seqsOf } from '../../core/ranges.ts'
import type { Actor } from '../observer.ts'
import type { RunHistory } from '../task-history.ts'
import { RunChecker } from './run-checker.ts'

/**
 * S10: every start has a grant of a majority of its own, and without faults none is in vain:
 * a task starts again only after it threw, ran out of time or was given back unstarted. A start that
 * its process has not outlived stays counted: it may have died of it.
 */
export class StartsAreGranted extends RunChecker {
  override wrote({ peer }: Actor, _lsn: Lsn, entry: Entry): void {
    if (entry.type !== 'released') return
    const key = this.history.ballotKey(entry.ballot)
    for (const seq of seqsOf(entry.seqs)) {
      const { name, ledger, runs } = this.history.task(entry.ledger, seq)
      const died = runs.find(run => run.ballotKey === key && run.end === 'crashed')
      if (died === undefined) continue
      this.violation('S10', `${peer} does not count that ${name} took down ${died.peer}`, ledger)
    }
  }

  protected override begun(run: RunHistory): void {
    const { task, peer, token } = run
    const granted = task.grants.get(run.ballotKey) ?? 0
    if (!task.ledger.isMajority(granted)) {
      const message = `${task.name} runs on ${peer} by ${bitsIn(granted)} grants of token ${token}`
      this.violation('S10', message, task.ledger)
    }
    for (const other of task.runs) {
      if (other === run) continue
      if (other.ballotKey === run.ballotKey && other.end !== 'released') {
        const message = `${task.name} runs on ${peer} twice with token ${token}`
        this.violation('S10', message, task.ledger)
      }
      // Without faults a process ends only by a task that takes it down.
      const excused = ['error', 'timeout', 'released', 'crashed'].includes(other.end)
      if (this.context.disturbed.any || excused) continue
      const end = other.end === '' ? 'while it runs' : `after it was ${other.end}`
      this.violation('S10', `${task.name} runs on ${peer} ${end} on ${other.peer}, without a fault`)
    }
  }
}
