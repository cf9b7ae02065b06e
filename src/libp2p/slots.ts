import { toError } from './failures.ts'

/** Lets so many at a time go on per key; the others wait in line. */
export class Slots {
  readonly #limit: number
  readonly #lines = new Map<string, { active: number; readonly waiting: (() => void)[] }>()

  constructor(limit: number) {
    this.#limit = limit
  }

  /**
   * Resolves when it is one's turn; whoever calls must dispose of the slot.
   *
   * @throws {Error} The signal's reason if that came first.
   */
  async take(key: string, signal: AbortSignal): Promise<Disposable> {
    let line = this.#lines.get(key)
    if (line === undefined) this.#lines.set(key, (line = { active: 0, waiting: [] }))
    const { waiting } = line
    if (line.active < this.#limit) line.active++
    else {
      const { promise, resolve, reject } = Promise.withResolvers<void>()
      const onAbort = (): void => {
        const at = waiting.indexOf(resolve)
        if (at >= 0) waiting.splice(at, 1)
        reject(toError(signal.reason))
      }
      waiting.push(resolve)
      signal.addEventListener('abort', onAbort, { once: true })
      await promise.finally(() => signal.removeEventListener('abort', onAbort))
    }
    return { [Symbol.dispose]: () => this.#free(key) }
  }

  #free(key: string): void {
    const line = this.#lines.get(key)
    if (line === undefined) return
    const next = line.waiting.shift()
    if (next !== undefined) next()
    else if (--line.active === 0) this.#lines.delete(key)
  }
}
