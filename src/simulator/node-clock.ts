import type { Millis } from '../core/ids.ts'

/**
 * The clocks of one machine as functions of global virtual time: a monotonic one that starts
 * anywhere and may run up to a percent wrong, and a wall clock that may be set.
 */
export class NodeClock {
  readonly #rate: number
  #offset: number
  #wallSkewMs: number
  #last = 0

  /** `rate` is monotonic milliseconds per global millisecond. */
  constructor(rate: number, offset: number, wallSkewMs: number) {
    this.#rate = rate
    this.#offset = offset
    this.#wallSkewMs = wallSkewMs
  }

  /** The monotonic clock. Never falls. */
  now(globalMs: number): Millis {
    this.#last = Math.max(this.#last, this.#at(globalMs))
    return this.#last
  }

  /** Reads the monotonic clock as a timer set for `local` that has just gone off. */
  nowAfter(local: Millis, globalMs: number): Millis {
    this.#last = Math.max(this.#last, this.#at(globalMs), local)
    return this.#last
  }

  /** When the monotonic clock will show `local`. */
  globalOf(local: Millis): number {
    return (local - this.#offset) / this.#rate
  }

  /** Wall clock minus monotonic clock. The wall clock counts from an arbitrary date. */
  wallOffsetMs(globalMs: number): number {
    return Math.round(1_700_000_000_000 + globalMs + this.#wallSkewMs - this.#at(globalMs))
  }

  /** Somebody sets the wall clock. */
  setWall(skewMs: number): void {
    this.#wallSkewMs = skewMs
  }

  /** The machine was suspended: its monotonic clock stood still. */
  slept(ms: number): void {
    this.#offset -= ms * this.#rate
  }

  #at(globalMs: number): number {
    return this.#offset + globalMs * this.#rate
  }
}
