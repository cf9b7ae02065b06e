import { systemTimers } from '../time/system-timers.ts'
import { delay, type Timers } from '../time/timers.ts'
import { rangeOf } from './pieces.ts'
import {
  type BlobPart,
  type BlobRange,
  type BlobReceiver,
  type BlobServer,
  type BlobStore,
  pieceBytes,
  type StoredBlob,
} from './ports.ts'

export interface StoreServerInit {
  readonly store: BlobStore
  /** A guest keeps nothing for others. */
  readonly isGuest: boolean
  readonly onSpread: (blob: StoredBlob, signal: AbortSignal) => Promise<void>
  /** @default the system's */
  readonly timers?: Timers | undefined
}

/** How long another download of the same blob is waited for before it is looked at again. */
const busyMs = 50

/** Serves peers from a store. */
export class StoreServer implements BlobServer {
  readonly #init: StoreServerInit

  constructor(init: StoreServerInit) {
    this.#init = init
  }

  size(hash: string): number | undefined {
    return this.#init.store.size(hash)
  }

  read(hash: string, range: BlobRange): AsyncIterable<Uint8Array> {
    return this.#init.store.read(hash, range)
  }

  async receive(
    { hash, size }: StoredBlob,
    signal: AbortSignal,
  ): Promise<'have' | 'full' | BlobReceiver> {
    const { store, isGuest } = this.#init
    if (isGuest) return 'full'
    for (;;) {
      signal.throwIfAborted()
      if (store.size(hash) === size) {
        await store.touch(hash)
        return 'have'
      }
      try {
        const part = await store.part(hash, size)
        if (part !== undefined) return new PartReceiver(part, size)
      } catch (error) {
        if (error instanceof Error && error.name === 'NoSpaceError') return 'full'
        throw error
      }
      await delay(this.#init.timers ?? systemTimers, busyMs, signal)
    }
  }

  spread(blob: StoredBlob, signal: AbortSignal): Promise<void> {
    return this.#init.onSpread(blob, signal)
  }
}

/** Writes what comes in order into a download. */
class PartReceiver implements BlobReceiver {
  readonly offset: number
  readonly #part: BlobPart
  readonly #size: number
  #at: number

  constructor(part: BlobPart, size: number) {
    this.#part = part
    this.#size = size
    const [first] = part.missing()
    this.offset = first === undefined ? size : rangeOf(first, size).offset
    this.#at = this.offset
  }

  async write(bytes: Uint8Array): Promise<void> {
    let rest = bytes
    while (rest.byteLength > 0) {
      const piece = Math.floor(this.#at / pieceBytes)
      const { offset, length } = rangeOf(piece, this.#size)
      const part = rest.subarray(0, offset + length - this.#at)
      await this.#part.write(this.#at, part)
      this.#at += part.byteLength
      rest = rest.subarray(part.byteLength)
      if (this.#at === offset + length) await this.#part.complete(piece)
    }
  }

  finish(): Promise<void> {
    return this.#part.finish()
  }

  close(): Promise<void> {
    return this.#part.close()
  }
}
