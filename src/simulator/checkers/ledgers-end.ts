import type { Entry } from '../../core/entries.ts'
import type { LedgerId } from '../../core/ids.ts'
import { addRun, addRuns, removeRuns } from '../../core/intervals.ts'
import { countOf, type Ranges } from '../../core/ranges.ts'
import { encodeEntry } from '../../wire/codec.ts'
import type { Actor } from '../observer.ts'
import { Checker } from './checker.ts'

/** Bytes that a ledger may take whose tasks are all over, and that one takes of which nothing is left. */
const openBytesMax = 600
const retiredBytesMax = 64

/** Bytes of one run of a set. */
const runBytesMax = 8

/** What one node keeps of one ledger. */
interface KeptLedger {
  readonly open: number[]
  /** Tasks that have been heard of. */
  readonly known: number[]
  bytes: number
  runs: number
  /** How many tasks it has; −1 while it is not closed. */
  end: number
  isRetired: boolean
}

/**
 * S11: once all is quiet and nothing is kept any more, a ledger takes a few bytes: those that say how
 * its tasks have ended; and next to nothing when it is closed, too.
 */
export class LedgersEnd extends Checker {
  override quiet(actor: Actor, kept: readonly Entry[]): void {
    for (const [id, ledger] of ledgersIn(kept)) {
      const { open, known, bytes, runs, end, isRetired } = ledger
      if (open.length > 0) continue
      const name = `${actor.peer} keeps ledger ${id.slice(0, 8)}`
      // Tasks that nobody but their producer ever held may be gone with its disk: they never end.
      if (end >= 0 && countOf(known) >= end)
        this.violation('S11', `${name}, which is closed and settled`)
      const most = (isRetired ? retiredBytesMax : openBytesMax) + runs * runBytesMax
      if (bytes > most) this.violation('S11', `${name} in ${bytes} bytes, at most ${most}`)
    }
  }
}

function ledgersIn(entries: readonly Entry[]): Map<LedgerId, KeptLedger> {
  const ledgers = new Map<LedgerId, KeptLedger>()
  for (const entry of entries) {
    if (!('ledger' in entry) || entry.type === 'submitted') continue
    let kept = ledgers.get(entry.ledger)
    if (kept === undefined) {
      kept = { open: [], known: [], bytes: 0, runs: 0, end: -1, isRetired: false }
      ledgers.set(entry.ledger, kept)
    }
    kept.bytes += encodeEntry(entry).length
    note(kept, entry)
  }
  return ledgers
}

function close({ open, known }: KeptLedger, seqs: Ranges): void {
  removeRuns(open, seqs)
  addRuns(known, seqs)
}

function note(kept: KeptLedger, entry: Entry): void {
  switch (entry.type) {
    case 'stored':
      addRun(kept.open, entry.chunk.first, entry.chunk.count)
      addRun(kept.known, entry.chunk.first, entry.chunk.count)
      break
    case 'settled':
      for (const { seqs } of entry.outcomes) close(kept, seqs)
      break
    case 'collected':
      for (const seqs of [entry.done, entry.failed, entry.cancelled, entry.forgotten]) {
        close(kept, seqs)
        kept.runs += seqs.length / 2
      }
      break
    case 'closed':
      kept.end = entry.end
      break
    case 'retired':
      kept.isRetired = true
      for (const seqs of [entry.failed, entry.cancelled, entry.forgotten]) {
        kept.runs += seqs.length / 2
      }
      break
    case 'accepted':
      // What is accepted and not settled is open, whether its record is here or not.
      for (const { seqs } of entry.values) addRuns(kept.open, seqs)
      break
    default:
      break
  }
}
