import type { Published } from '../../core/effects.ts'
import type { Entry } from '../../core/entries.ts'
import { bitsIn } from '../../core/quorum.ts'
import { seqsOf } from '../../core/ranges.ts'
import type { Actor } from '../observer.ts'
import type { TaskHistory } from '../task-history.ts'
import { Checker } from './checker.ts'

/**
 * S5: a task that was acknowledged is held by a voter of every majority until it is decided, as long
 * as a majority of the disks is left.
 */
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

  override lost(index: number): void {
    for (const task of this.history.acknowledged())
      this.#check(task, `without the disk of ${index}`)
  }

  #checkAll(actor: Actor, when: string): void {
    for (const ledger of this.history.ledgers.values()) {
      if (ledger.bitOf(actor) === 0) continue
      for (const task of ledger.tasks()) {
        if (task.ackedAt < Infinity && task.decided === undefined) {
          this.#check(task, `${when} of ${actor.peer}`)
        }
      }
    }
  }

  #check(task: TaskHistory, when: string): void {
    const { ledger, heldBy, decided, name } = task
    if (decided !== undefined || ledger.isLost || ledger.meetsEveryMajority(heldBy)) return
    this.violation('S5', `${name} is on ${bitsIn(heldBy)} disks, ${when}`)
  }
}
