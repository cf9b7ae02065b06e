import type { Lsn } from '../core/ids.ts'

/** Whom a store tells that entries are durable, or that none will be any more. */
export class Listeners {
  readonly #durable: ((lsn: Lsn) => void)[] = []
  readonly #failed: ((error: Error) => void)[] = []
  #failure: Error | undefined

  /** The first failure. */
  get failure(): Error | undefined {
    return this.#failure
  }

  onDurable(listener: (lsn: Lsn) => void): void {
    this.#durable.push(listener)
  }

  onFailed(listener: (error: Error) => void): void {
    this.#failed.push(listener)
  }

  durable(lsn: Lsn): void {
    if (this.#failure !== undefined) return
    for (const listener of this.#durable) listener(lsn)
  }

  /** Tells of the first failure only. */
  fail(error: Error): void {
    if (this.#failure !== undefined) return
    this.#failure = error
    for (const listener of this.#failed) listener(error)
  }
}
