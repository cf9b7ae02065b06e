import type { Millis } from '../core/ids.ts'
import type { Agenda, Appointment } from './agenda.ts'
import type { Faults } from './faults.ts'
import type { NodeClock } from './node-clock.ts'
import type { Prng } from './prng.ts'

/** What an alarm clock shares with the simulation. */
export interface AlarmClockInit {
  readonly agenda: Agenda
  readonly prng: Prng
  readonly now: () => number
  readonly faults: () => Faults
}

/** Rings at one moment after which a node is taken to spin. */
const ringsPerMomentMax = 2_000

/**
 * The one timer of a process, set by its own clock. It leaves appointments that have become
 * too early where they are and looks again when they fire: most are set again every turn.
 */
export class AlarmClock {
  readonly #init: AlarmClockInit
  readonly #clock: NodeClock
  readonly #ring: (spins: boolean) => void
  #wakeAt: Millis = Infinity
  /** When the earliest appointment fires, in global time; Infinity for none. */
  #firesAt = Infinity
  #rings = 0
  #rangAt = -1

  constructor(init: AlarmClockInit, clock: NodeClock, ring: (spins: boolean) => void) {
    this.#init = init
    this.#clock = clock
    this.#ring = ring
  }

  /** Rings at `wakeAt` by the node's clock, or as soon after it as timers do. */
  set(wakeAt: Millis): void {
    this.#wakeAt = wakeAt
    if (wakeAt === Infinity) return
    const { now, prng, faults, agenda } = this.#init
    const at = Math.max(now(), this.#clock.globalOf(wakeAt))
    if (at >= this.#firesAt) return
    this.#firesAt = at + prng.between(0, faults().timerSlackMs)
    agenda.add(this.#firesAt, new Alarm(this.#firesAt, this.#fires))
  }

  /** Rings now if it is late, as after a pause. */
  check(): void {
    const now = this.#init.now()
    if (this.#wakeAt > this.#clock.now(now)) {
      // Set for something that is no longer to be done, or a rounding too early.
      if (this.#clock.globalOf(this.#wakeAt) > now) return this.set(this.#wakeAt)
      this.#clock.nowAfter(this.#wakeAt, now)
    }
    this.#rings = this.#rangAt === now ? this.#rings + 1 : 0
    this.#rangAt = now
    this.#ring(this.#rings > ringsPerMomentMax)
  }

  stop(): void {
    this.#wakeAt = Infinity
    this.#firesAt = Infinity
  }

  readonly #fires = (at: number): void => {
    // Another one has been set before this one.
    if (at !== this.#firesAt) return
    this.#firesAt = Infinity
    this.check()
  }
}

class Alarm implements Appointment {
  readonly #at: number
  readonly #fires: (at: number) => void

  constructor(at: number, fires: (at: number) => void) {
    this.#at = at
    this.#fires = fires
  }

  fire(): void {
    this.#fires(this.#at)
  }
}
