import { createHash } from 'node:crypto'
import type { PeerId } from '../core/ids.ts'
import { systemTimers } from '../time/system-timers.ts'
import type { Timers } from '../time/timers.ts'
import { Download, pause } from './download.ts'
import { BlobCorruptError, BlobUnavailableError } from './errors.ts'
import type { BlobHash, BlobNetwork, BlobStore, StoredBlob } from './ports.ts'

export interface FetcherInit {
  readonly store: BlobStore
  readonly network: BlobNetwork
  /** How long a fetch goes on without anything coming, in milliseconds. */
  readonly patienceMs: number
  /** @default the system's */
  readonly timers?: Timers | undefined
}

export interface FetchOptions {
  /** Peers that may have it, the likeliest first; asked again in each round. */
  readonly holders: () => readonly PeerId[]
  readonly signal: AbortSignal
}

interface Shared {
  readonly controller: AbortController
  readonly sources: Set<FetchOptions['holders']>
  readonly done: Promise<void>
  users: number
}

/** Gets blobs from others. Whoever wants the same one at the same time shares its download. */
export class Fetcher {
  readonly #init: FetcherInit
  readonly #sharing = new Map<BlobHash, Shared>()

  constructor(init: FetcherInit) {
    this.#init = init
  }

  /** Gets a blob into the store, unless it is there. The signal ends the wait. */
  async fetch(blob: StoredBlob, options: FetchOptions): Promise<void> {
    const { store } = this.#init
    options.signal.throwIfAborted()
    // Of another size, the file was cut short or the reference lies: only a verified download can
    // take the place of what may be right.
    if (store.size(blob.hash) === blob.size && (await store.verify(blob.hash))) {
      return store.touch(blob.hash)
    }
    const shared = this.#share(blob)
    shared.sources.add(options.holders)
    shared.users++
    try {
      await untilAborted(shared.done, options.signal)
    } finally {
      shared.sources.delete(options.holders)
      if (--shared.users === 0) shared.controller.abort(new Error('Nobody wants it any more'))
    }
  }

  /**
   * Reads a blob from others without keeping it, for what is too large to be kept: from one after
   * the other, each where the one before has stopped.
   *
   * @throws {BlobCorruptError} At its end, if it was not what it was said to be.
   * @throws {BlobUnavailableError} Nobody had it for a while.
   */
  async *stream(blob: StoredBlob, options: FetchOptions): AsyncGenerator<Uint8Array> {
    const { network, patienceMs, timers = systemTimers } = this.#init
    const { signal } = options
    const hash = createHash('sha256')
    let offset = 0
    let lastError: unknown
    let heardAt = timers.now()
    for (let round = 0; offset < blob.size; round++) {
      if (round > 0) await pause(timers, round, patienceMs, signal)
      for (const peer of options.holders()) {
        if (offset === blob.size) break
        const request = { ...blob, offset, length: blob.size - offset }
        try {
          for await (const chunk of network.get(peer, request, { signal })) {
            hash.update(chunk)
            offset += chunk.byteLength
            yield chunk
            heardAt = timers.now()
          }
        } catch (error) {
          signal.throwIfAborted()
          lastError = error
        }
      }
      if (offset < blob.size && timers.now() - heardAt > patienceMs) {
        throw new BlobUnavailableError(blob.hash, { cause: lastError })
      }
    }
    if (hash.digest('hex') !== blob.hash) throw new BlobCorruptError(blob.hash)
  }

  #share(blob: StoredBlob): Shared {
    const known = this.#sharing.get(blob.hash)
    if (known !== undefined && !known.controller.signal.aborted) return known
    const controller = new AbortController()
    const sources = new Set<FetchOptions['holders']>()
    const download = new Download({
      ...this.#init,
      blob,
      signal: controller.signal,
      holders: () => [...new Set([...sources].flatMap(holders => holders()))],
    })
    const done = download.run().finally(() => {
      if (this.#sharing.get(blob.hash) === shared) this.#sharing.delete(blob.hash)
    })
    // Also when the last who wanted it has gone.
    done.catch(() => undefined)
    const shared: Shared = { controller, sources, done, users: 0 }
    this.#sharing.set(blob.hash, shared)
    return shared
  }
}

async function untilAborted(work: Promise<void>, signal: AbortSignal): Promise<void> {
  const { promise, reject } = Promise.withResolvers<never>()
  const onAbort = (): void => reject(signal.reason)
  signal.addEventListener('abort', onAbort, { once: true })
  try {
    await Promise.race([work, promise])
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}
