import type { Machine } from '../core/state.ts'
import { systemTimers } from '../time/system-timers.ts'
import { type Timers, turn } from '../time/timers.ts'
import type { BlobHash, BlobStore } from './ports.ts'
import { isStillNamed, type NamedBlob, References } from './references.ts'

/** When a keeper does what, in milliseconds. */
export interface KeeperTimings {
  /** How long whoever publishes has to bring a blob here before it is fetched. */
  readonly healAfterMs: number
  /** Time between looks at blobs that are missing. */
  readonly lookEveryMs: number
  /** Time between sweeps, and how long at least a blob is kept that nothing names any more. */
  readonly sweepEveryMs: number
  readonly keepMs: number
}

export const keeperTimings: KeeperTimings = Object.freeze({
  healAfterMs: 2_000,
  lookEveryMs: 1_000,
  sweepEveryMs: 10 * 60_000,
  keepMs: 3_600_000,
})

export interface KeeperInit {
  readonly machine: Machine
  readonly store: BlobStore
  readonly timings: KeeperTimings
  readonly fetch: (named: NamedBlob) => Promise<void>
  readonly warn: (message: string) => void
  /** @default the system's */
  readonly timers?: Timers | undefined
}

interface Missing {
  readonly named: NamedBlob
  at: number
  tries: number
}

/** Blobs that are kept in mind; more are found by a sweep. */
const missingMax = 10_000

/** Fetches at the same time, and tries of each. */
const fetchesAtOnce = 2
const triesMax = 12

/** Shortest time between two warnings that there is no room, in milliseconds. */
const warnEveryMs = 10 * 60_000

/**
 * Sees to it that a voter has the blobs which its records and results name, and only those: gets
 * what is missing from others, sweeps what nothing names any more.
 */
export class Keeper {
  readonly #init: KeeperInit
  readonly #references: References
  readonly #missing = new Map<BlobHash, Missing>()
  /** Named since the sweep under way has begun. */
  #fresh: Set<BlobHash> | undefined
  #hasNamed = false
  #warnedAt = -Infinity
  #fetching = 0
  readonly #timers: Timers
  readonly #clear = new Map<string, () => void>()
  #sweeping: Promise<void> | undefined
  #stopped = false

  constructor(init: KeeperInit) {
    this.#init = init
    this.#timers = init.timers ?? systemTimers
    this.#references = new References(init.machine)
  }

  start(): void {
    const { lookEveryMs, sweepEveryMs } = this.#init.timings
    this.#repeat('look', lookEveryMs, () => this.#look())
    this.#repeat('sweep', sweepEveryMs, () => void this.sweep())
  }

  async stop(): Promise<void> {
    this.#stopped = true
    for (const clear of this.#clear.values()) clear()
    await this.#sweeping
  }

  #repeat(what: string, everyMs: number, act: () => void): void {
    const again = (): void => {
      this.#repeat(what, everyMs, act)
      act()
    }
    this.#clear.set(what, this.#timers.after(everyMs, again, { idle: true }))
  }

  /** A record or a result names a blob. */
  named(named: NamedBlob): void {
    const { hash, size } = named.reference
    this.#hasNamed = true
    this.#fresh?.add(hash)
    if (this.#init.store.size(hash) === size || this.#missing.size >= missingMax) return
    if (this.#missing.has(hash)) return
    const at = this.#timers.now() + this.#init.timings.healAfterMs
    this.#missing.set(hash, { named, at, tries: 0 })
  }

  /** Deletes what nothing names any more, and finds what is missing. */
  sweep(): Promise<void> {
    this.#sweeping ??= this.#sweep().finally(() => {
      this.#sweeping = undefined
    })
    return this.#sweeping
  }

  async #sweep(): Promise<void> {
    const { store, timings, warn } = this.#init
    if (store.isEmpty && !this.#hasNamed) return
    this.#fresh = new Set()
    try {
      const named = await this.#references.collect(() => turn(this.#timers))
      for (const one of named.values()) this.named(one)
      if (this.#stopped) return
      const isNamed = (hash: BlobHash): boolean =>
        named.has(hash) || this.#fresh?.has(hash) === true
      // What a sweep has found named may have lost its name right after it.
      await store.sweep(isNamed, timings.keepMs + timings.sweepEveryMs)
    } catch (error) {
      warn(`Blobs could not be swept: ${error instanceof Error ? error.message : String(error)}`)
    }
    this.#fresh = undefined
  }

  /** Says it now and then only: a full disk has no room for many a blob. */
  #warn(message: string): void {
    const now = performance.now()
    if (now - this.#warnedAt < warnEveryMs) return
    this.#warnedAt = now
    this.#init.warn(message)
  }

  #look(): void {
    const now = this.#timers.now()
    for (const [hash, missing] of this.#missing) {
      if (this.#fetching >= fetchesAtOnce || this.#stopped) return
      if (missing.at > now) continue
      const { named } = missing
      const isHere = this.#init.store.size(hash) === named.reference.size
      if (isHere || !isStillNamed(this.#init.machine, named)) this.#missing.delete(hash)
      else void this.#fetch(hash, missing)
    }
  }

  async #fetch(hash: BlobHash, missing: Missing): Promise<void> {
    this.#fetching++
    missing.at = Infinity
    try {
      await this.#init.fetch(missing.named)
      this.#missing.delete(hash)
    } catch (error) {
      missing.tries++
      missing.at = this.#timers.now() + Math.min(60_000, 1_000 * 2 ** missing.tries)
      if (missing.tries === triesMax) this.#missing.delete(hash)
      if (error instanceof Error && error.name === 'NoSpaceError') this.#warn(error.message)
    } finally {
      this.#fetching--
    }
  }
}
