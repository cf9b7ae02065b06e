import type { Hint } from '../core/messages.ts'
import { union } from '../core/ranges.ts'

/** Most hints that wait: one announcement and one notice for each of so many ledgers. */
const waitingMax = 2_048

/**
 * Hints that wait to be published. They are lossy, so what newer ones say takes the place of
 * older ones: an announcement replaces that of the same ledger, notices of a ledger are joined,
 * of presences the last one counts. Where there are too many, notices and presence go first.
 */
export class HintQueue {
  readonly #hints = new Map<string, Hint>()
  #dropped = 0

  get size(): number {
    return this.#hints.size
  }

  /** Hints that were thrown away for want of room. */
  get dropped(): number {
    return this.#dropped
  }

  put(hint: Hint): void {
    const key = keyOf(hint)
    const earlier = this.#hints.get(key)
    this.#hints.set(key, earlier === undefined ? hint : merge(earlier, hint))
    if (this.#hints.size > waitingMax) this.#drop()
  }

  /** Takes out up to so many hints, those that wait longest first. */
  take(count: number): Hint[] {
    const taken: Hint[] = []
    for (const [key, hint] of this.#hints) {
      if (taken.length >= count) break
      taken.push(hint)
      this.#hints.delete(key)
    }
    return taken
  }

  clear(): void {
    this.#hints.clear()
  }

  #drop(): void {
    let victim: string | undefined
    for (const [key, { type }] of this.#hints) {
      victim ??= key
      if (type === 'announce') continue
      victim = key
      break
    }
    if (victim === undefined) return
    this.#hints.delete(victim)
    this.#dropped++
  }
}

function keyOf(hint: Hint): string {
  switch (hint.type) {
    case 'announce':
      return `announce ${hint.info.ledger}`
    case 'taken':
      return `taken ${hint.ledger}`
    case 'presence':
      return 'presence'
    default:
      return hint satisfies never
  }
}

function merge(earlier: Hint, later: Hint): Hint {
  if (earlier.type !== 'taken' || later.type !== 'taken') return later
  return { ...later, seqs: union(earlier.seqs, later.seqs) }
}
