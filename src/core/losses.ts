import { collectedKinds } from './collected.ts'
import type { Entry } from './entries.ts'
import type { LedgerId, StorageId } from './ids.ts'
import { addRun, addRuns } from './intervals.ts'
import type { LedgerInfo, Voter } from './messages.ts'
import { countOf, subtract } from './ranges.ts'

/** What goes with a storage, as far as its entries could be read. */
export interface Losses {
  /** Open tasks that it kept alone. */
  readonly tasks: number
  /** Results that it kept alone. */
  readonly results: number
  /** Open tasks that it kept together with others, who go on. */
  readonly shared: number
  /** Open tasks of which it cannot be told any more who else kept them. */
  readonly unclear: number
}

interface Kept {
  voters: readonly Voter[]
  readonly stored: number[]
  readonly settled: number[]
  readonly collected: number[]
}

/** Counts what a storage has kept, from any of its entries: whatever is missing is not counted. */
export class LossCount {
  readonly #storageId: StorageId
  readonly #ledgers = new Map<LedgerId, Kept>()

  constructor(storageId: StorageId) {
    this.#storageId = storageId
  }

  add(entry: Entry): void {
    switch (entry.type) {
      case 'opened':
      case 'installed':
      case 'sealed':
        this.#keepers(entry)
        break
      case 'stored':
        addRun(this.#at(entry.ledger).stored, entry.chunk.first, entry.chunk.count)
        break
      case 'settled':
        for (const { seqs } of entry.outcomes) addRuns(this.#at(entry.ledger).settled, seqs)
        break
      case 'collected':
        for (const kind of collectedKinds) {
          addRuns(this.#at(entry.ledger).collected, entry[kind])
        }
        break
      case 'moved':
      case 'retired':
        this.#ledgers.delete(entry.ledger)
        break
      default:
    }
  }

  get losses(): Losses {
    let [tasks, results, shared, unclear] = [0, 0, 0, 0]
    for (const { voters, stored, settled, collected } of this.#ledgers.values()) {
      const open = countOf(subtract(subtract(stored, settled), collected))
      const isAlone = voters.length === 1 && voters[0]?.storageId === this.#storageId
      if (isAlone) {
        tasks += open
        results += countOf(subtract(settled, collected))
      } else if (voters.length > 0) {
        shared += open
      } else {
        unclear += open
      }
    }
    return { tasks, results, shared, unclear }
  }

  #keepers({ ledger, voters }: LedgerInfo): void {
    this.#at(ledger).voters = voters
  }

  #at(ledger: LedgerId): Kept {
    let kept = this.#ledgers.get(ledger)
    if (kept === undefined) {
      kept = { voters: [], stored: [], settled: [], collected: [] }
      this.#ledgers.set(ledger, kept)
    }
    return kept
  }
}
