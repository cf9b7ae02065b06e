import type { BlobHash } from './ports.ts'

/** Blobs that somebody uses at this moment. */
export class Pins {
  readonly #counts = new Map<BlobHash, number>()

  has(hash: BlobHash): boolean {
    return this.#counts.has(hash)
  }

  /** Pins a blob until the returned function is called. */
  pin(hash: BlobHash): () => void {
    this.#counts.set(hash, (this.#counts.get(hash) ?? 0) + 1)
    let isHeld = true
    return () => {
      if (!isHeld) return
      isHeld = false
      const left = (this.#counts.get(hash) ?? 1) - 1
      if (left === 0) this.#counts.delete(hash)
      else this.#counts.set(hash, left)
    }
  }
}
