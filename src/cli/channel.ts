/** Values from callbacks, to be read by one reader, in batches of what has come meanwhile. */
export class Channel<T> implements AsyncIterable<readonly T[]> {
  #values: T[] = []
  #ended = false
  #error: Error | undefined
  #wake: (() => void) | undefined
  #taken: PromiseWithResolvers<void> | undefined
  #isClosed = false

  push(value: T): void {
    this.#values.push(value)
    this.#wake?.()
  }

  /** Resolves when the reader wants more than that value, or nothing any more. */
  async give(value: T): Promise<void> {
    if (this.#isClosed) return
    this.push(value)
    this.#taken ??= Promise.withResolvers<void>()
    await this.#taken.promise
  }

  /** What was pushed before is still read; then the iteration ends. */
  end(): void {
    this.#ended = true
    this.#wake?.()
  }

  /** What was pushed before is still read; then the iteration throws. */
  fail(error: unknown): void {
    this.#error ??= error instanceof Error ? error : new Error(String(error))
    this.end()
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<readonly T[]> {
    try {
      for (;;) {
        const batch = this.#values
        this.#values = []
        if (batch.length > 0) {
          yield batch
          // The reader is back for more.
          if (this.#values.length === 0) this.#letGo()
          continue
        }
        if (this.#error !== undefined) throw this.#error
        if (this.#ended) return
        const { promise, resolve } = Promise.withResolvers<void>()
        this.#wake = resolve
        await promise
        this.#wake = undefined
      }
    } finally {
      this.#isClosed = true
      this.#letGo()
    }
  }

  #letGo(): void {
    this.#taken?.resolve()
    this.#taken = undefined
  }
}
