import type { Entry } from '../../core/entries.ts'
import type { Lsn, NodeId } from '../../core/ids.ts'
import { bitsIn } from '../../core/quorum.ts'
import { seqsOf } from '../../core/ranges.ts'
import type { Actor } from '../observer.ts'
import type { RunHistory } from '../task-history.ts'
import { RunChecker } from './run-checker.ts'

interface Uncounted {
  readonly run: RunHistory
  readonly by: Actor
}

/**
 * S10: every start has a grant of a majority of its own, and without faults none is in vain:
 * a task starts again only after it threw, ran out of time or was given back unstarted. A start that
 * its process has not outlived stays counted by a majority: it may have died of it. One voter may have
 * granted it so late that the process did not hear of it.
 */
export class StartsAreGranted extends RunChecker {
  /** Deaths that a process does not count any more, until it has written all that it writes at once. */
  readonly #uncounted = new Map<NodeId, Map<string, Uncounted>>()
  /** Voters that do not count a death, as masks. */
  readonly #uncountedBy = new Map<RunHistory, number>()

  override wrote(actor: Actor, _lsn: Lsn, entry: Entry): void {
    if (entry.type !== 'released' && entry.type !== 'granted') return
    const { node } = actor
    const before = this.#uncounted.get(node)
    if (before === undefined && entry.type === 'granted') return
    const uncounted = before ?? new Map<string, Uncounted>()
    const key = this.history.ballotKey(entry.ballot)
    for (const seq of seqsOf(entry.seqs)) {
      const id = `${entry.ledger}|${seq}|${key}`
      // Whoever takes over what others have counted writes that it does not count twice.
      if (entry.type === 'granted') uncounted.delete(id)
      else {
        const { runs } = this.history.task(entry.ledger, seq)
        const run = runs.find(({ ballotKey, end }) => ballotKey === key && end === 'crashed')
        if (run !== undefined) uncounted.set(id, { run, by: actor })
      }
    }
    if (uncounted.size > 0) this.#uncounted.set(node, uncounted)
    else this.#uncounted.delete(node)
  }

  override durable({ node }: Actor): void {
    for (const { run, by } of this.#uncounted.get(node)?.values() ?? []) {
      const { task, peer, ballotKey } = run
      const mask = (this.#uncountedBy.get(run) ?? 0) | task.ledger.bitFor(by)
      this.#uncountedBy.set(run, mask)
      if (task.ledger.isMajority((task.grants.get(ballotKey) ?? 0) & ~mask)) continue
      const message = `no majority counts that ${task.name} took down ${peer}: ${by.peer} does not any more`
      this.violation('S10', message, task.ledger)
    }
    this.#uncounted.delete(node)
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
