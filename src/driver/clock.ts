import type { Millis } from '../core/ids.ts'
import type { Clock } from './ports.ts'

/** The longest that Node's timers can wait, in milliseconds. */
const timerMsMax = 2 ** 31 - 1

/**
 * The machine's monotonic clock with one timer.
 *
 * A request for a later time leaves the running timer alone, which then goes on by itself: a
 * node asks after every turn, and nearly always for a time that has moved away a little.
 */
export class SystemClock implements Clock {
  #timer: NodeJS.Timeout | undefined
  #timerAt: Millis = Infinity
  #wakeAt: Millis = Infinity
  #callback: () => void = () => {}

  now(): Millis {
    return performance.now()
  }

  wallOffsetMs(): number {
    return Date.now() - performance.now()
  }

  wake(at: Millis, callback: () => void): void {
    this.#wakeAt = at
    this.#callback = callback
    if (at < this.#timerAt) this.#arm()
  }

  stop(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#timerAt = Infinity
    this.#wakeAt = Infinity
  }

  #arm(): void {
    clearTimeout(this.#timer)
    const waitMs = Math.ceil(this.#wakeAt - this.now())
    this.#timerAt = this.#wakeAt
    this.#timer = setTimeout(this.#onTimer, Math.min(Math.max(waitMs, 0), timerMsMax))
  }

  readonly #onTimer = (): void => {
    this.#timer = undefined
    this.#timerAt = Infinity
    if (this.#wakeAt === Infinity) return
    if (this.now() < this.#wakeAt) {
      this.#arm()
      return
    }
    this.#wakeAt = Infinity
    this.#callback()
  }
}
