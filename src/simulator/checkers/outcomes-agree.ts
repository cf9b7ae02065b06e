import { type Collected, type CollectedKind, collectedKinds } from '../../core/collected.ts'
import type { OutcomesCollected, OutcomesKnown } from '../../core/effects.ts'
import type { Entry } from '../../core/entries.ts'
import type { LedgerId, Lsn, PeerId } from '../../core/ids.ts'
import type { Fork } from '../../core/forks.ts'
import type { DecidedRange, Message, Values } from '../../core/messages.ts'
import { type Ranges, seqsOf } from '../../core/ranges.ts'
import type { Actor } from '../observer.ts'
import type { TaskHistory } from '../task-history.ts'
import { Checker } from './checker.ts'

/**
 * S2: a decided outcome never changes, and no user is shown another: of each generation of a task, where
 * its voters were lost and a survivor has published it anew. Whatever is shown to a
 * user, written down as settled or told to others as decided must be, byte for byte, what a
 * majority holds on disk at that moment; and no later ballot may carry anything else.
 */
export class OutcomesAgree extends Checker {
  override outcomes(actor: Actor, { ledger, values, fork }: OutcomesKnown): void {
    for (const some of values) this.#compare(`${actor.peer} shows`, ledger, some, fork)
  }

  override outcomesCollected(actor: Actor, told: OutcomesCollected): void {
    const { ledger, kind, seqs, later } = told
    if (later) this.#collectedLater(`${actor.peer} shows`, ledger, kind, seqs)
    else this.#collected(`${actor.peer} shows`, ledger, kind, seqs)
  }

  override cancelEnded(actor: Actor, ended: Parameters<Checker['cancelEnded']>[1]): void {
    for (const seq of seqsOf(ended.cancelled)) {
      this.#expectKind(
        `${actor.peer} says it cancelled`,
        this.history.task(ended.ledger, seq),
        'cancelled',
      )
    }
    for (const seq of seqsOf(ended.tooLate)) {
      const task = this.history.task(ended.ledger, seq)
      if (task.decided !== undefined) continue
      this.violation('S2', `${task.name}: too late for nothing`, task.ledger)
    }
  }

  override wrote(actor: Actor, _lsn: Lsn, entry: Entry): void {
    if (entry.type === 'settled')
      this.#decided(`${actor.peer} writes`, entry.ledger, entry.outcomes)
    if (entry.type === 'collected') this.#allCollected(`${actor.peer} writes`, entry.ledger, entry)
    if (entry.type !== 'accepted') return
    for (const values of entry.values) this.#proposed(entry.ledger, entry.ballot.counter, values)
  }

  override asked(actor: Actor, _to: PeerId, message: Message): void {
    const { type } = message
    if (type === 'decided') this.#decided(`${actor.peer} says`, message.ledger, message.outcomes)
    if (type === 'collected') this.#allCollected(`${actor.peer} says`, message.ledger, message)
    if (type === 'collected-later') {
      for (const kind of collectedKinds)
        this.#collectedLater(`${actor.peer} says`, message.ledger, kind, message[kind])
    }
    if (type === 'outcomes') {
      for (const values of message.values)
        this.#compare(`${actor.peer} says`, message.ledger, values, message.fork)
    }
    if (type !== 'settle') return
    for (const values of message.values)
      this.#proposed(message.ledger, message.ballot.counter, values)
  }

  #decided(who: string, ledger: LedgerId, outcomes: readonly DecidedRange[]): void {
    for (const { kind, seqs, values } of outcomes) {
      for (const seq of seqsOf(seqs)) this.#expectKind(who, this.history.task(ledger, seq), kind)
      for (const some of values) this.#compare(who, ledger, some)
    }
  }

  #allCollected(who: string, ledger: LedgerId, collected: Collected): void {
    for (const kind of collectedKinds) this.#collected(who, ledger, kind, collected[kind])
  }

  /** What is collected must have been decided, and so, where that is not forgotten. */
  #collected(who: string, ledger: LedgerId, kind: CollectedKind, seqs: Ranges): void {
    for (const seq of seqsOf(seqs)) {
      const task = this.history.task(ledger, seq)
      if (kind !== 'forgotten') this.#expectKind(who, task, kind)
      else if (task.decided === undefined) {
        this.violation('S2', `${who} ${task.name} to be over, which is undecided`, task.ledger)
      }
    }
  }

  /** What is collected of later generations must be how one of them has ended. */
  #collectedLater(who: string, ledger: LedgerId, kind: CollectedKind, seqs: Ranges): void {
    const { digests } = this.history
    for (const seq of seqsOf(seqs)) {
      const { name, later } = this.history.task(ledger, seq)
      const isSo = later.some(({ decided }) => {
        if (decided === undefined) return false
        return kind === 'forgotten' || digests.factsOf(decided.digest)?.kind === kind
      })
      if (!isSo) this.violation('S2', `${who} ${kind} for a later ${name}, of which none is`)
    }
  }

  #expectKind(who: string, task: TaskHistory, kind: Values['kind']): void {
    const { digests } = this.history
    const { decided } = task
    if (decided !== undefined && digests.factsOf(decided.digest)?.kind === kind) return
    const truth = decided === undefined ? 'undecided' : digests.describe(decided.digest)
    this.violation('S2', `${who} ${kind} for ${task.name}, which is ${truth}`, task.ledger)
  }

  #compare(who: string, ledger: LedgerId, values: Values, fork?: Fork): void {
    const { digests } = this.history
    digests.forEach(values, (seq, digest) => {
      const first = this.history.task(ledger, seq)
      const task = fork === undefined ? first : this.history.task(fork.ledger, seq + fork.shift)
      if (task.payloadDigest !== first.payloadDigest) {
        this.violation('S2', `${who} ${task.name} to be ${first.name}, which is another task`)
      }
      if (task.decided?.digest === digest) return
      const truth = task.decided === undefined ? 'undecided' : digests.describe(task.decided.digest)
      const said = `${who} ${digests.describe(digest)} for ${task.name}`
      this.violation('S2', `${said}, which is ${truth}`, task.ledger)
    })
  }

  #proposed(ledger: LedgerId, counter: number, values: Values): void {
    const { digests } = this.history
    digests.forEach(values, (seq, digest) => {
      const task = this.history.task(ledger, seq)
      const { decided } = task
      if (decided === undefined || counter <= decided.counter || digest === decided.digest) return
      this.violation(
        'S2',
        `${task.name}: ballot ${counter} carries ${digests.describe(digest)} after ` +
          `${digests.describe(decided.digest)} was decided at ballot ${decided.counter}`,
        task.ledger,
      )
    })
  }
}
