import type { PeerId } from '../core/ids.ts'
import { systemTimers } from '../time/system-timers.ts'
import { delay, type Timers } from '../time/timers.ts'
import { chunksOf } from './chunks.ts'
import { BlobUnavailableError } from './errors.ts'
import { rangeOf } from './pieces.ts'
import {
  type BlobNetwork,
  type BlobPart,
  type BlobStore,
  pieceBytes,
  type StoredBlob,
} from './ports.ts'

export interface DownloadInit {
  readonly blob: StoredBlob
  readonly store: BlobStore
  readonly network: BlobNetwork
  /** Peers that may have it, the likeliest first. */
  readonly holders: () => readonly PeerId[]
  readonly signal: AbortSignal
  /** How long to go on without anything coming, in milliseconds. */
  readonly patienceMs: number
  /** @default the system's */
  readonly timers?: Timers | undefined
}

/** From this size on, a blob comes from several peers at once, in bytes. */
const parallelBytes = 2 * pieceBytes

/** Peers that are asked at once, and pieces that are asked of each. */
const holdersAtOnce = 4
const piecesAtOnce = 2

/** Longest wait before all holders are asked again, in milliseconds. */
const backoffMaxMs = 5_000

/** The wait before a round of asking, each longer than the one before. */
export async function pause(
  timers: Timers,
  round: number,
  maxMs: number,
  signal: AbortSignal,
): Promise<void> {
  const waitMs = Math.min(backoffMaxMs, 25 * 2 ** round) * (0.5 + Math.random())
  await delay(timers, Math.min(waitMs, maxMs), signal)
}

/** How long another download of the same blob is waited for before it is looked at again. */
const busyMs = 50

/**
 * Gets one blob into the store: in pieces, each from whoever has it. A peer that fails loses its
 * turn and the next one goes on where it stopped.
 */
export class Download {
  readonly #init: DownloadInit
  /** Peers that were the only source of wrong content. */
  readonly #liars = new Set<PeerId>()
  /** Whether content was wrong, so that one peer at a time is asked until it is clear whose. */
  #isDoubtful = false
  readonly #timers: Timers
  #heardAt: number
  /** What an error of this side's own disk is; nobody else can help with it. */
  #broken: Error | undefined
  #lastError: unknown

  constructor(init: DownloadInit) {
    this.#init = init
    this.#timers = init.timers ?? systemTimers
    this.#heardAt = this.#timers.now()
  }

  /**
   * @throws {BlobUnavailableError} Nobody had it for a while.
   * @throws {NoSpaceError} There is no room for it.
   */
  async run(): Promise<void> {
    const { blob, store, signal, patienceMs } = this.#init
    for (let round = 0; ;) {
      signal.throwIfAborted()
      if (store.size(blob.hash) === blob.size) return
      const part = await store.part(blob.hash, blob.size, { isCopy: true })
      if (part === undefined) {
        await delay(this.#timers, busyMs, signal)
        continue
      }
      try {
        if (await this.#fill(part)) return
      } finally {
        await part.close()
      }
      if (this.#timers.now() - this.#heardAt > patienceMs) {
        throw new BlobUnavailableError(blob.hash, { cause: this.#lastError })
      }
      await pause(this.#timers, ++round, patienceMs, signal)
    }
  }

  /** Asks every holder once, as long as pieces are missing. True when the blob is here. */
  async #fill(part: BlobPart): Promise<boolean> {
    const { blob, holders, signal } = this.#init
    const pieces = part.missing()
    const peers = holders().filter(peer => !this.#liars.has(peer))
    const askedAtOnce = blob.size > parallelBytes && !this.#isDoubtful ? holdersAtOnce : 1
    const asked = new Set<PeerId>()
    const line = async (): Promise<void> => {
      for (let peer = peers.shift(); peer !== undefined; peer = peers.shift()) {
        if (pieces.length === 0 || this.#broken !== undefined || signal.aborted) return
        asked.add(peer)
        await this.#readFrom(peer, pieces, part)
      }
    }
    await Promise.all(Array.from({ length: askedAtOnce }, line))
    if (this.#broken !== undefined) throw this.#broken
    signal.throwIfAborted()
    if (part.missing().length > 0) return false
    try {
      await part.finish()
      return true
    } catch (error) {
      if (!(error instanceof Error) || error.name !== 'BlobCorruptError') throw error
      this.#lastError = error
      if (this.#isDoubtful || asked.size === 1) for (const peer of asked) this.#liars.add(peer)
      this.#isDoubtful = true
      return false
    }
  }

  /** Takes pieces from one peer until there are none left, or it fails. */
  async #readFrom(peer: PeerId, pieces: number[], part: BlobPart): Promise<void> {
    let isGood = true
    const take = async (): Promise<void> => {
      while (isGood && this.#broken === undefined) {
        const piece = pieces.shift()
        if (piece === undefined) return
        if (await this.#readPiece(peer, piece, part)) continue
        pieces.unshift(piece)
        isGood = false
      }
    }
    const lines = this.#isDoubtful ? 1 : Math.min(piecesAtOnce, pieces.length)
    await Promise.all(Array.from({ length: lines }, take))
  }

  async #readPiece(peer: PeerId, piece: number, part: BlobPart): Promise<boolean> {
    const { blob, network, signal } = this.#init
    const { offset, length } = rangeOf(piece, blob.size)
    try {
      let at = offset
      const range = network.get(peer, { ...blob, offset, length }, { signal })
      for await (const chunk of chunksOf(range)) {
        await this.#own(part.write(at, chunk))
        at += chunk.byteLength
        this.#heardAt = this.#timers.now()
      }
      if (at !== offset + length) return false
      await this.#own(part.complete(piece))
      return true
    } catch (error) {
      this.#lastError = error
      return false
    }
  }

  async #own(work: Promise<void>): Promise<void> {
    try {
      await work
    } catch (error) {
      this.#broken ??= error instanceof Error ? error : new Error(String(error))
      throw error
    }
  }
}
