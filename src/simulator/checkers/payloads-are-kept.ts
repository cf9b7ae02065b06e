import type { Run } from '../../core/effects.ts'
import type { Entry } from '../../core/entries.ts'
import type { Lsn } from '../../core/ids.ts'
import { seqsOf } from '../../core/ranges.ts'
import type { Actor } from '../observer.ts'
import { digestBytes } from '../value-digest.ts'
import { Checker } from './checker.ts'

/** A task has one payload, wherever it is stored and whoever runs it. */
export class PayloadsAreKept extends Checker {
  override wrote(actor: Actor, _lsn: Lsn, entry: Entry): void {
    if (entry.type !== 'stored') return
    const { first, lengths, payload, count } = entry.chunk
    const seqs = [first, count]
    this.#compare(`${actor.peer} stores`, entry.ledger, seqs, lengths, payload)
  }

  override ran(actor: Actor, { ledger, seqs, lengths, payload }: Run): void {
    this.#compare(`${actor.peer} runs`, ledger, seqs, lengths, payload)
  }

  #compare(
    who: string,
    ledger: string,
    seqs: readonly number[],
    lengths: Uint32Array,
    payload: Uint8Array,
  ): void {
    let from = 0
    let i = 0
    for (const seq of seqsOf(seqs)) {
      const to = from + (lengths[i++] as number)
      const task = this.history.task(ledger, seq)
      // Of what is settled others may take over no more than that it was there.
      const isBare = from === to && task.decided !== undefined
      if (!isBare && task.payloadDigest !== digestBytes(payload, from, to)) {
        this.violation('payload', `${who} ${task.name} with another payload`)
      }
      from = to
    }
  }
}
