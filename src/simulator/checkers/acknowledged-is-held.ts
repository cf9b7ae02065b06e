import type { Published } from '../../core/effects.ts'
import type { Entry } from '../../core/entries.ts'
import { bitsIn } from '../../core/quorum.ts'
import { seqsOf } from '../../core/ranges.ts'
import type { Actor } from '../observer.ts'
import type { TaskHistory } from '../task-history.ts'
import { Checker } from './checker.ts'

/** S5: a task that was acknowledged is on the disks of a majority until it is decided. */
export class AcknowledgedIsHeld extends Checker {
  override published(actor: Actor, { parts, durable }: Published): void {
    for (const { ledger, seqs } of parts) {
      for (const seq of seqsOf(seqs)) this.#check(this.history.task(ledger, seq), 'acknowledged')
      const voters = this.history.ledger(ledger).info?.voters.length ?? 0
      if (durable && voters < 3) {
        this.violation('S5', `${actor.peer} calls ${voters} voters of ${ledger} durable`)
      }
    }
  }

  override started(actor: Actor, _recovered: readonly Entry[]): void {
    this.#checkAll(actor, 'after a restart')
  }

  override checkpointed(actor: Actor, _held: readonly Entry[]): void {
    this.#checkAll(actor, 'after a checkpoint')
  }

  #checkAll(actor: Actor, when: string): void {
    for (const ledger of this.history.ledgers.values()) {
      if (ledger.bitOf(actor.peer) === 0) continue
      for (const task of ledger.tasks()) {
        if (task.ackedAt < Infinity && task.decided === undefined) {
          this.#check(task, `${when} of ${actor.peer}`)
        }
      }
    }
  }

  #check(task: TaskHistory, when: string): void {
    const holders = bitsIn(task.heldBy)
    if (holders >= task.ledger.majority || task.decided !== undefined) return
    this.violation('S5', `${task.name} is on ${holders} disks, ${when}`)
  }
}
