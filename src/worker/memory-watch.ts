import { totalmem } from 'node:os'
import { getHeapStatistics } from 'node:v8'
import type { ResourceLimits } from 'node:worker_threads'
import type { Place } from './place.ts'

/** How often is looked at the memory of places, in milliseconds. */
const lookMs = 100

/** How much of the machine's memory all places may use together. */
const shareOfMachine = 0.75

/** Memory that handlers have, in MiB: what is given, or what V8 gives to programs on this machine. */
export function heapLimitMb({ maxOldGenerationSizeMb }: ResourceLimits = {}): number {
  return maxOldGenerationSizeMb ?? Math.floor(getHeapStatistics().heap_size_limit / 2 ** 20)
}

/** Who is asked for places, and told which uses too much. */
export interface MemoryWatchInit {
  /** Places that are looked at; when there are none the watch rests. */
  places(): readonly Place[]
  exceeded(place: Place, why: string): void
  /**
   * Memory that all may use together, in bytes.
   *
   * @default three quarters of what the machine, or the container, has
   */
  readonly allBytes?: number | undefined
}

/**
 * Looks how much memory each place uses, its buffers included, while handlers run. Before the
 * system ends the whole node for what all use together, the one that uses most is ended.
 */
export class MemoryWatch {
  readonly #init: MemoryWatchInit
  readonly #allBytes: number
  /** What each place used when it last answered. */
  readonly #used = new Map<Place, number>()
  /** Places that have not answered, as they are in native code. */
  readonly #asked = new WeakSet<Place>()
  #timer: NodeJS.Timeout | undefined

  constructor(init: MemoryWatchInit) {
    this.#init = init
    this.#allBytes = init.allBytes ?? shareOfMachine * machineBytes()
  }

  start(): void {
    this.#timer ??= setInterval(() => this.#look(), lookMs).unref()
  }

  stop(): void {
    clearInterval(this.#timer)
    this.#timer = undefined
  }

  #look(): void {
    const places = this.#init.places()
    if (places.length === 0) this.stop()
    for (const place of this.#used.keys()) if (!places.includes(place)) this.#used.delete(place)
    for (const place of places) {
      if (this.#asked.has(place)) continue
      this.#asked.add(place)
      void this.#lookAt(place).finally(() => this.#asked.delete(place))
    }
  }

  async #lookAt(place: Place): Promise<void> {
    const use = await place.memory()
    if (use === undefined) return
    const { usedBytes, limitBytes } = use
    this.#used.set(place, usedBytes)
    if (usedBytes > limitBytes) {
      const why = `used ${mebibytes(usedBytes)} of memory, over its limit of ${mebibytes(limitBytes)}`
      this.#exceeded(place, why)
    } else {
      this.#weighAll()
    }
  }

  #weighAll(): void {
    let all = 0
    let largest: Place | undefined
    for (const [place, used] of this.#used) {
      all += used
      if (largest === undefined || used > (this.#used.get(largest) ?? 0)) largest = place
    }
    if (largest === undefined || all <= this.#allBytes) return
    const used = mebibytes(this.#used.get(largest) ?? 0)
    const together = `handlers use ${mebibytes(all)} together, over the limit of ${mebibytes(this.#allBytes)}`
    this.#exceeded(largest, `used most memory, ${used}, while ${together}`)
  }

  #exceeded(place: Place, why: string): void {
    this.#used.delete(place)
    this.#init.exceeded(place, why)
  }
}

function machineBytes(): number {
  const constrained = process.constrainedMemory()
  return constrained > 0 ? Math.min(constrained, totalmem()) : totalmem()
}

function mebibytes(bytes: number): string {
  return `${Math.round(bytes / 2 ** 20)} MiB`
}
