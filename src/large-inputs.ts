import type { Blobs, KeptBlob } from './blobs/blobs.ts'
import { keepValue, type LargeValue } from './blobs/large-value.ts'
import type { BlobHash } from './blobs/ports.ts'
import type { LedgerId } from './core/ids.ts'
import { PayloadTooLargeError } from './errors.ts'
import { maxPayloadBytes } from './wire/limits.ts'

/** What publishing needs of the node's blobs. */
export type PublishBlobs = Pick<
  Blobs,
  'keep' | 'keepAgain' | 'adopt' | 'spreadForPublish' | 'spreadTo'
>

/** Bytes of blobs that a node without a data directory keeps. */
export const memoryBlobBytesMax = 256 * 2 ** 20

/** Blobs that are given to voters at the same time. */
const spreadsAtOnce = 8

/** The inputs of one publish that no record can hold, until it is over. */
export class LargeInputs implements Disposable {
  readonly #blobs: PublishBlobs
  readonly #queue: string
  readonly #signal: AbortSignal
  /** Each once, however many inputs name it. */
  readonly #kept = new Map<BlobHash, KeptBlob>()
  /** What each input names, by its place. */
  readonly #named = new Map<number, readonly BlobHash[]>()

  constructor(blobs: PublishBlobs, queue: string, signal: AbortSignal) {
    this.#blobs = blobs
    this.#queue = queue
    this.#signal = signal
  }

  /** Stores an input here. Returns what the payload is instead. */
  async keep(index: number, value: LargeValue): Promise<Uint8Array> {
    try {
      const options = { signal: this.#signal }
      const { body, kept } = await keepValue(this.#blobs, value, maxPayloadBytes, options)
      const named = kept.map(one => {
        const { hash } = one.reference
        if (this.#kept.has(hash)) one.release()
        else this.#kept.set(hash, one)
        return hash
      })
      this.#named.set(index, named)
      return body
    } catch (error) {
      throw this.#explain(error)
    }
  }

  /** Gives what is kept to those who will vote on the tasks. */
  spread(): Promise<void> {
    const options = { signal: this.#signal }
    return each([...this.#kept.values()], kept => this.#blobs.spreadForPublish(kept, options))
  }

  /** Sees to it that those have it who vote on the tasks as they were numbered. */
  confirm(places: readonly { readonly ledger: LedgerId }[]): Promise<void> {
    const wanted = new Map<string, { readonly ledger: LedgerId; readonly kept: KeptBlob }>()
    for (const [index, named] of this.#named) {
      const { ledger } = places[index] ?? {}
      if (ledger === undefined) continue
      for (const hash of named) {
        const kept = this.#kept.get(hash)
        if (kept !== undefined) wanted.set(`${ledger} ${hash}`, { ledger, kept })
      }
    }
    const options = { signal: this.#signal }
    return each([...wanted.values()], async ({ ledger, kept }) => {
      // A guest does not know the voters: its host has seen to it.
      await this.#blobs.spreadTo(ledger, kept, options)
    })
  }

  [Symbol.dispose](): void {
    for (const { release } of this.#kept.values()) release()
  }

  /** Without a disk it is the input that is too large; a full disk is named by its error. */
  #explain(error: unknown): unknown {
    if (!(error instanceof Error) || error.name !== 'NoSpaceError') return error
    const { directory, blobBytes } = error as Error & { directory?: string; blobBytes: number }
    if (directory !== undefined) return error
    return new PayloadTooLargeError(this.#queue, blobBytes, memoryBlobBytesMax, { cause: error })
  }
}

async function each<T>(items: readonly T[], act: (item: T) => Promise<void>): Promise<void> {
  const left = [...items]
  const line = async (): Promise<void> => {
    for (let item = left.shift(); item !== undefined; item = left.shift()) await act(item)
  }
  await Promise.all(Array.from({ length: spreadsAtOnce }, line))
}
