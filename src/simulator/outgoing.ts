import type { Send } from '../core/effects.ts'
import type { Lsn } from '../core/ids.ts'

/** Messages that wait until the journal is durable as far as they rest on it. */
export class Outgoing {
  // Ascending by `after`; equal ones in the order they were put in.
  #sends: Send[] = []

  put(send: Send): void {
    let at = this.#sends.length
    while (at > 0 && (this.#sends[at - 1] as Send).after > send.after) at -= 1
    this.#sends.splice(at, 0, send)
  }

  /** Takes out what may leave now that the journal is durable up to `lsn`. */
  release(lsn: Lsn, leave: (send: Send) => void): void {
    let free = 0
    while (free < this.#sends.length && (this.#sends[free] as Send).after <= lsn) free += 1
    if (free === 0) return
    for (const send of this.#sends.splice(0, free)) leave(send)
  }
}
