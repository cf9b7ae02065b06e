import type { Message } from '../core/messages.ts'

/** Which messages are held back. What is left out matches every message. */
export interface HoldFilter {
  /** Index of the sender. */
  readonly from?: number | undefined
  /** Index of the receiver. */
  readonly to?: number | undefined
  /** Such as `claim`, `settle` or `decided`; the page of the protocol names them all. */
  readonly type?: Message['type'] | undefined
}

interface Hold {
  readonly filter: HoldFilter
  readonly held: (() => void)[]
}

/** Messages that are held back on their way until somebody lets them go. */
export class HeldMessages {
  #holds: Hold[] = []

  /** Holds back what matches from now on, until the returned function is called. */
  hold(filter: HoldFilter): () => void {
    const hold: Hold = { filter, held: [] }
    this.#holds.push(hold)
    return () => this.#release(hold)
  }

  /** Lets everything go, in the order in which it was sent. */
  releaseAll(): void {
    for (const hold of [...this.#holds]) this.#release(hold)
  }

  /** Sends a message, now or when nobody holds it back any more. */
  send(from: number, to: number, type: Message['type'], send: () => void): void {
    const hold = this.#holds.find(({ filter }) => matches(filter, from, to, type))
    if (hold === undefined) send()
    else hold.held.push(send)
  }

  #release(hold: Hold): void {
    this.#holds = this.#holds.filter(other => other !== hold)
    for (const send of hold.held.splice(0)) send()
  }
}

function matches(filter: HoldFilter, from: number, to: number, type: string): boolean {
  return (
    (filter.from ?? from) === from && (filter.to ?? to) === to && (filter.type ?? type) === type
  )
}
