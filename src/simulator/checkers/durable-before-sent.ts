import type { Entry } from '../../core/entries.ts'
import type { LedgerId, Lsn, PeerId } from '../../core/ids.ts'
import type { Accepted, Claimed, Message } from '../../core/messages.ts'
import { seqsOf } from '../../core/ranges.ts'
import type { Actor } from '../observer.ts'
import { Checker } from './checker.ts'

/**
 * Write before send: a reply leaves only after what it implies is on disk. A promise implies
 * no more than that its counter lies below the reserved mark; its grant may be lost.
 */
export class DurableBeforeSent extends Checker {
  /** Highest counter reserved on disk, per node and ledger. */
  readonly #marks: Map<LedgerId, number>[] = []
  readonly #pending: { lsn: Lsn; ledger: LedgerId; mark: number }[][] = []

  override started(actor: Actor, recovered: readonly Entry[]): void {
    this.#pending[actor.index] = []
    const marks = new Map<LedgerId, number>()
    this.#marks[actor.index] = marks
    for (const entry of recovered)
      if (entry.type === 'reserved') raise(marks, entry.ledger, entry.mark)
  }

  override wrote(actor: Actor, lsn: Lsn, entry: Entry): void {
    if (entry.type !== 'reserved') return
    this.#pending[actor.index]?.push({ lsn, ledger: entry.ledger, mark: entry.mark })
  }

  override durable(actor: Actor, lsn: Lsn): void {
    const pending = this.#pending[actor.index] ?? []
    const marks = this.#marks[actor.index]
    while (pending[0] !== undefined && pending[0].lsn <= lsn) {
      const { ledger, mark } = pending[0]
      pending.shift()
      if (marks !== undefined) raise(marks, ledger, mark)
    }
  }

  override sent(actor: Actor, to: PeerId, message: Message): void {
    switch (message.type) {
      case 'opened': {
        const ledger = this.history.ledger(message.ledger)
        if ((ledger.openedBy & ledger.bitOf(actor)) === 0) {
          this.violation('durable', `${actor.peer} tells ${to} OPENED before it is on disk`)
        }
        break
      }
      case 'stored': {
        const ledger = this.history.ledger(message.ledger)
        const bit = ledger.bitOf(actor)
        for (const seq of seqsOf(message.stored)) {
          // One sync may bring both the record and the end of the ledger here.
          if ((ledger.task(seq).wasHeldBy & bit) !== 0) continue
          this.violation('durable', `${actor.peer} tells ${to} STORED ${seq} before it is on disk`)
        }
        break
      }
      case 'accepted':
        this.#accepted(actor, to, message)
        break
      case 'claimed':
        this.#claimed(actor, to, message)
        break
      default:
        break
    }
  }

  #accepted(actor: Actor, to: PeerId, { ledger: id, epoch, ballot, accepted }: Accepted): void {
    const ledger = this.history.ledger(id)
    const bit = ledger.bitOf(actor)
    const key = this.history.ballotKey(ballot)
    for (const seq of seqsOf(accepted)) {
      const task = ledger.task(seq)
      const has = task.tallies.some(
        one => one.epoch === epoch && one.ballotKey === key && (one.mask & bit) !== 0,
      )
      if (has) continue
      this.violation(
        'durable',
        `${actor.peer} tells ${to} ACCEPTED ${task.name} before it is on disk`,
      )
    }
  }

  #claimed(actor: Actor, to: PeerId, { ledger: id, ballot, granted }: Claimed): void {
    if (granted.length === 0) return
    const mark = this.#marks[actor.index]?.get(id) ?? 0
    if (ballot.counter > mark) {
      const text = `${actor.peer} grants ${to} ballot ${ballot.counter} above its mark ${mark}`
      this.violation('durable', text)
    }
  }
}

function raise(marks: Map<LedgerId, number>, ledger: LedgerId, mark: number): void {
  marks.set(ledger, Math.max(marks.get(ledger) ?? 0, mark))
}
