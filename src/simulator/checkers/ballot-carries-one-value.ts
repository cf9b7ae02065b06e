import type { Ballot } from '../../core/ballot.ts'
import type { Entry } from '../../core/entries.ts'
import type { LedgerId, Lsn, PeerId } from '../../core/ids.ts'
import type { Message, Values } from '../../core/messages.ts'
import type { Actor } from '../observer.ts'
import type { TaskHistory } from '../task-history.ts'
import { Checker } from './checker.ts'

/** S3: a ballot carries one value per task, ever; a resend is the same, byte for byte. */
export class BallotCarriesOneValue extends Checker {
  readonly #carried = new Map<TaskHistory, Map<number, number>>()

  override asked(_actor: Actor, _to: PeerId, message: Message): void {
    if (message.type === 'settle') this.#carry(message.ledger, message.ballot, message.values)
  }

  override wrote(_actor: Actor, _lsn: Lsn, entry: Entry): void {
    if (entry.type === 'accepted') this.#carry(entry.ledger, entry.ballot, entry.values)
  }

  #carry(ledger: LedgerId, ballot: Ballot, values: readonly Values[]): void {
    const { digests } = this.history
    const key = this.history.ballotKey(ballot)
    for (const some of values) {
      digests.forEach(some, (seq, digest) => {
        const task = this.history.task(ledger, seq)
        let carried = this.#carried.get(task)
        if (carried === undefined) this.#carried.set(task, (carried = new Map<number, number>()))
        const before = carried.get(key)
        if (before === digest) return
        carried.set(key, digest)
        if (before === undefined) return
        this.violation(
          'S3',
          `${task.name}: ballot ${ballot.counter} of ${ballot.proposer} carries ` +
            `${digests.describe(digest)} after ${digests.describe(before)}`,
        )
      })
    }
  }
}
