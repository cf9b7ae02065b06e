import type { Lsn, Millis } from './ids.ts'
import { chunkOfSeq, type Ledger } from './ledger.ts'
import type { Chunk } from './messages.ts'
import type { Ranges } from './ranges.ts'
import { chunkOf } from './records.ts'

/** The records of some tasks, one chunk per run that is held together. */
export function recordsOf(ledger: Ledger, seqs: Ranges, now: Millis): Chunk[] {
  const chunks: Chunk[] = []
  for (let i = 0; i < seqs.length; i += 2) {
    const end = (seqs[i] as number) + (seqs[i + 1] as number)
    let seq = seqs[i] as number
    while (seq < end) {
      const held = chunkOfSeq(ledger, seq)
      const stop = held === undefined ? seq + 1 : Math.min(end, held.first + held.count)
      const chunk = held === undefined ? undefined : chunkOf(held, seq, stop - seq, now)
      if (chunk !== undefined) chunks.push(chunk)
      seq = stop
    }
  }
  return chunks
}

/** The last entry that holds the record of one of some tasks. */
export function recordLsn(ledger: Ledger, seqs: Ranges): Lsn {
  let lsn = ledger.openedLsn
  for (let i = 0; i < seqs.length; i += 2) {
    const end = (seqs[i] as number) + (seqs[i + 1] as number)
    let seq = seqs[i] as number
    while (seq < end) {
      const held = chunkOfSeq(ledger, seq)
      if (held !== undefined) lsn = Math.max(lsn, held.lsn)
      seq = held === undefined ? seq + 1 : held.first + held.count
    }
  }
  return lsn
}
