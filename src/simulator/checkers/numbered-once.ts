import type { Entry, StoredEntry } from '../../core/entries.ts'
import type { Lsn } from '../../core/ids.ts'
import type { Actor } from '../observer.ts'
import type { TaskHistory } from '../task-history.ts'
import { Checker } from './checker.ts'

/**
 * A node numbers what it is asked to publish once: neither a resend nor a crash in between makes
 * other tasks of the same request or key. A number counts from when it is on disk: before, it has not
 * left the node.
 */
export class NumberedOnce extends Checker {
  readonly #pending: { lsn: Lsn; entry: StoredEntry }[][] = []
  /** Per node, the task that it has made of what a payload names. */
  readonly #numbered: Map<number, TaskHistory>[] = []

  override started(actor: Actor, _recovered: readonly Entry[]): void {
    this.#pending[actor.index] = []
  }

  override stopped(actor: Actor, kept: Lsn): void {
    this.durable(actor, kept)
  }

  /** Without its disk it cannot know what it has numbered. */
  override lost(index: number): void {
    this.#numbered[index] = new Map()
  }

  override wrote(actor: Actor, lsn: Lsn, entry: Entry): void {
    // Another generation of a task is asked for by nobody.
    if (entry.type !== 'stored' || entry.chunk.fork !== undefined) return
    // What it has numbered in an earlier life may come back to it as a copy.
    if (this.history.ledger(entry.ledger).info?.producer === actor.node)
      this.#pending[actor.index]?.push({ lsn, entry })
  }

  override durable(actor: Actor, lsn: Lsn): void {
    const pending = this.#pending[actor.index] ?? []
    while (pending[0] !== undefined && pending[0].lsn <= lsn) {
      const { ledger, chunk } = pending[0].entry
      pending.shift()
      for (let seq = chunk.first; seq < chunk.first + chunk.count; seq++) {
        const task = this.history.task(ledger, seq)
        if (task.plan !== undefined) this.#number(actor, task.plan.uid, task)
      }
    }
  }

  #number(actor: Actor, uid: number, task: TaskHistory): void {
    const numbered = (this.#numbered[actor.index] ??= new Map<number, TaskHistory>())
    const before = numbered.get(uid)
    // When nothing is left of a ledger nobody knows what was asked for there.
    if (before === undefined || before.ledger.retiredBy !== 0) numbered.set(uid, task)
    else if (before !== task) {
      this.violation('publish', `${actor.peer} numbers ${before.name} again, as ${task.name}`)
    }
  }
}
