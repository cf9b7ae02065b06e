/** Values from callbacks, to be read by one reader, in batches of what has come meanwhile. */
export class Channel<T> implements AsyncIterable<readonly T[]> {
  #values: T[] = []
  #ended = false
  #error: Error | undefined
  #wake: (() => void) | undefined

  push(value: T): void {
    this.#values.push(value)
    this.#wake?.()
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
    for (;;) {
      const batch = this.#values
      this.#values = []
      if (batch.length > 0) {
        yield batch
        continue
      }
      if (this.#error !== undefined) throw this.#error
      if (this.#ended) return
      const { promise, resolve } = Promise.withResolvers<void>()
      this.#wake = resolve
      await promise
      this.#wake = undefined
    }
  }
}
