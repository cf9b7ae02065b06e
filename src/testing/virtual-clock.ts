import type { Millis } from '../core/ids.ts'
import type { Clock } from '../driver/ports.ts'
import { AlarmClock, type AlarmClockInit } from '../simulator/alarm-clock.ts'
import type { NodeClock } from '../simulator/node-clock.ts'

/** The clock and the one timer of a simulated node's driver. */
export class VirtualClock implements Clock {
  readonly #now: () => number
  readonly #clock: NodeClock
  readonly #alarm: AlarmClock
  #callback: () => void = () => {}

  /** `ring` gets what is to be called when the time has come. */
  constructor(init: AlarmClockInit, clock: NodeClock, ring: (call: () => void) => void) {
    this.#now = init.now
    this.#clock = clock
    this.#alarm = new AlarmClock(init, clock, spins => {
      if (spins) throw new RangeError('A node wants to be woken without end')
      ring(this.#callback)
    })
  }

  now(): Millis {
    return this.#clock.now(this.#now())
  }

  wallOffsetMs(): number {
    return this.#clock.wallOffsetMs(this.#now())
  }

  wake(at: Millis, callback: () => void): void {
    this.#callback = callback
    this.#alarm.set(at)
  }

  stop(): void {
    this.#alarm.stop()
  }

  /** Rings now if it is late, as after a pause. */
  check(): void {
    this.#alarm.check()
  }
}
