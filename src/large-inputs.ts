import type { Blobs, KeptBlob } from './blobs/blobs.ts'
import type { ByteSource } from './blobs/chunks.ts'
import type { LedgerId } from './core/ids.ts'
import { PayloadTooLargeError } from './errors.ts'

/** What publishing needs of the node's blobs. */
export type PublishBlobs = Pick<Blobs, 'keep' | 'spreadForPublish' | 'spreadTo'>

/** Bytes of blobs that a node without a data directory keeps. */
export const memoryBlobBytesMax = 256 * 2 ** 20

/** Blobs that are given to voters at the same time. */
const spreadsAtOnce = 4

/** The inputs of one publish that are too large for a record, until it is over. */
export class LargeInputs implements Disposable {
  readonly #blobs: PublishBlobs
  readonly #queue: string
  readonly #signal: AbortSignal
  /** By their place among the inputs. */
  readonly #kept = new Map<number, KeptBlob>()

  constructor(blobs: PublishBlobs, queue: string, signal: AbortSignal) {
    this.#blobs = blobs
    this.#queue = queue
    this.#signal = signal
  }

  /** Stores an input here, JSON text or bytes. Returns what the payload is instead. */
  async keep(index: number, content: string | ByteSource): Promise<Uint8Array> {
    const options = { signal: this.#signal }
    try {
      const kept =
        typeof content === 'string'
          ? await this.#blobs.keep('json', Buffer.from(content), options)
          : await this.#blobs.keep('raw', content, options)
      this.#kept.set(index, kept)
      return kept.body
    } catch (error) {
      throw this.#explain(error)
    }
  }

  /** Gives what is kept to those who will vote on the tasks. */
  spread(): Promise<void> {
    return this.#each(([, kept]) => this.#blobs.spreadForPublish(kept, { signal: this.#signal }))
  }

  /** Sees to it that those have it who vote on the tasks as they were numbered. */
  confirm(places: readonly { readonly ledger: LedgerId }[]): Promise<void> {
    return this.#each(async ([index, kept]) => {
      const { ledger } = places[index] ?? {}
      if (ledger !== undefined) await this.#blobs.spreadTo(ledger, kept, { signal: this.#signal })
    })
  }

  [Symbol.dispose](): void {
    for (const { release } of this.#kept.values()) release()
  }

  async #each(act: (entry: [number, KeptBlob]) => Promise<void>): Promise<void> {
    const entries = [...this.#kept]
    const line = async (): Promise<void> => {
      for (let entry = entries.shift(); entry !== undefined; entry = entries.shift()) {
        await act(entry)
      }
    }
    await Promise.all(Array.from({ length: spreadsAtOnce }, line))
  }

  /** Without a disk it is the input that is too large; a full disk is named by its error. */
  #explain(error: unknown): unknown {
    if (!(error instanceof Error) || error.name !== 'NoSpaceError') return error
    const { directory, blobBytes } = error as Error & { directory?: string; blobBytes: number }
    if (directory !== undefined) return error
    return new PayloadTooLargeError(this.#queue, blobBytes, memoryBlobBytesMax, { cause: error })
  }
}
