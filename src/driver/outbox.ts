import type { Send } from '../core/effects.ts'
import type { Lsn } from '../core/ids.ts'

/** Messages that wait until the journal is durable up to the lsn they rest on. */
export class Outbox {
  // Ascending by `after`; equal ones in the order they were put in.
  #sends: Send[] = []
  #head = 0

  get size(): number {
    return this.#sends.length - this.#head
  }

  put(send: Send): void {
    let at = this.#sends.length
    // Nearly always the last place: a message rests on an entry of its own turn.
    while (at > this.#head && (this.#sends[at - 1] as Send).after > send.after) at--
    if (at === this.#sends.length) this.#sends.push(send)
    else this.#sends.splice(at, 0, send)
  }

  /** Takes out, one by one, what may leave now that the journal is durable up to `lsn`. */
  *release(lsn: Lsn): Generator<Send> {
    for (let next = this.#sends[this.#head]; next !== undefined; next = this.#sends[this.#head]) {
      if (next.after > lsn) break
      this.#head++
      yield next
    }
    if (this.#head === this.#sends.length) this.clear()
    else if (this.#head > 1_024) {
      this.#sends = this.#sends.slice(this.#head)
      this.#head = 0
    }
  }

  clear(): void {
    this.#sends = []
    this.#head = 0
  }
}
