import type { Entry } from '../core/entries.ts'
import type { LedgerId } from '../core/ids.ts'

/** In which epoch of each ledger the nodes vote, by the entries that they write. */
export class Duties {
  readonly #epochs: Map<LedgerId, number>[] = []

  /** A node has these entries and no others. */
  restart(index: number, entries: readonly Entry[]): void {
    this.#epochs[index] = new Map()
    for (const entry of entries) this.take(index, entry)
  }

  /** A node has one entry more. */
  take(index: number, entry: Entry): void {
    switch (entry.type) {
      case 'opened':
      case 'installed':
        this.#epochs[index]?.set(entry.ledger, entry.epoch)
        break
      case 'sealed':
      case 'moved':
      case 'retired':
        this.#epochs[index]?.delete(entry.ledger)
        break
      default:
        break
    }
  }

  /** The epoch that a node votes in; undefined if it does not vote. */
  of(index: number, ledger: LedgerId): number | undefined {
    return this.#epochs[index]?.get(ledger)
  }
}
