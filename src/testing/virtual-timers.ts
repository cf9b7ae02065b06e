import { type Agenda, Call } from '../simulator/agenda.ts'
import type { NodeClock } from '../simulator/node-clock.ts'
import type { AfterOptions, Timers } from '../time/timers.ts'

/** What the timers of a simulated process share with it. */
export interface VirtualTimersInit {
  readonly agenda: Agenda
  /** Global virtual time. */
  readonly now: () => number
  readonly clock: NodeClock
  /** Calls now, or when the process is able to. */
  readonly whenAble: (call: () => void) => void
  /** Called before each callback: what follows from it may take turns of the real event loop. */
  readonly touch: () => void
  /** How long something that is to be done soon waits, in milliseconds. */
  readonly soonMs: () => number
}

/** The clocks and timers of one simulated process. */
export class VirtualTimers implements Timers {
  readonly #init: VirtualTimersInit

  constructor(init: VirtualTimersInit) {
    this.#init = init
  }

  now(): number {
    const { clock, now } = this.#init
    return clock.now(now())
  }

  wallNow(): number {
    const { clock, now } = this.#init
    return this.now() + clock.wallOffsetMs(now())
  }

  after(ms: number, callback: () => void, _options: AfterOptions = {}): () => void {
    const dueAt = this.now() + ms
    let isWanted = true
    const set = (): void => {
      const { agenda, clock, now, whenAble } = this.#init
      const at = Math.max(now(), clock.globalOf(dueAt))
      if (at < Infinity) agenda.add(at, new Call(() => whenAble(fire)))
    }
    const fire = (): void => {
      if (!isWanted) return
      // The machine has slept meanwhile, and its clock with it.
      if (this.now() < dueAt - roundingMs) return set()
      isWanted = false
      this.#init.touch()
      callback()
    }
    set()
    return () => {
      isWanted = false
    }
  }

  soon(callback: () => void): () => void {
    const { agenda, now, whenAble, soonMs, touch } = this.#init
    let isWanted = true
    const fire = (): void => {
      if (!isWanted) return
      isWanted = false
      touch()
      callback()
    }
    agenda.add(now() + soonMs(), new Call(() => whenAble(fire)))
    return () => {
      isWanted = false
    }
  }

  timeout(ms: number): AbortSignal {
    const controller = new AbortController()
    this.after(ms, () => {
      const text = `The operation was aborted since ${ms} ms have passed`
      controller.abort(new DOMException(text, 'TimeoutError'))
    })
    return controller.signal
  }
}

/** How far a clock's reading may lie from what its rate gives, in milliseconds. */
const roundingMs = 0.001
