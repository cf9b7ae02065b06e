import type { Simulation } from '../simulator/simulation.ts'
import type { RealWork } from './real-work.ts'

/** Events that happen at the most before the event loop gets its turn. */
const eventsAtOnce = 256

interface Target {
  readonly at: number
  readonly reached: PromiseWithResolvers<void>
}

/** What a pump moves, and what it looks out for. */
export interface PumpInit {
  readonly simulation: Simulation
  readonly real: RealWork
  /** How long something that is awaited may take, in virtual milliseconds. */
  readonly waitMsMax: number
  /** Why the simulation must not go on; undefined while it may. */
  readonly problem: () => Error | undefined
  /** What is told of something awaited that does not come. */
  readonly stuck: () => Error
}

/**
 * Lets virtual time pass while a test waits for something of the cluster: up to a moment, or for a
 * promise. Whenever something has happened that user code may react to, that has its turn first.
 */
export class Pump {
  readonly #init: PumpInit
  readonly #failure = Promise.withResolvers<never>()
  #targets: Target[] = []
  #waits = 0
  /** When the last wait began or ended. */
  #waitsSince = 0
  #isTouched = false
  #isRunning = false
  #failed: Error | undefined

  constructor(init: PumpInit) {
    this.#init = init
    this.#failure.promise.catch(() => undefined)
  }

  /** User code may react to what happens now. */
  touch(): void {
    this.#isTouched = true
  }

  /** Lets so much virtual time pass. */
  async advance(ms: number): Promise<void> {
    const { simulation, real } = this.#init
    const target = { at: simulation.now() + ms, reached: Promise.withResolvers<void>() }
    real.begin()
    this.#targets.push(target)
    this.#run()
    await Promise.race([target.reached.promise, this.#failure.promise])
  }

  /** Lets virtual time pass until something of the cluster has come about. */
  async track<T>(work: Promise<T>): Promise<T> {
    this.#init.real.begin()
    this.#waits += 1
    this.#waitsSince = this.#init.simulation.now()
    this.#run()
    try {
      return await Promise.race([work, this.#failure.promise])
    } finally {
      this.#waits -= 1
      this.#waitsSince = this.#init.simulation.now()
    }
  }

  /** Ends every wait, and each that comes after. */
  fail(error: Error): void {
    this.#failed ??= error
    this.#failure.reject(this.#failed)
  }

  readonly #isWanted = (): boolean => {
    return this.#failed === undefined && (this.#waits > 0 || this.#targets.length > 0)
  }

  #run(): void {
    if (this.#isRunning) return
    this.#isRunning = true
    void this.#loop().finally(() => {
      this.#isRunning = false
    })
  }

  async #loop(): Promise<void> {
    const { real, problem } = this.#init
    try {
      await real.quiet(this.#isWanted)
      while (this.#isWanted()) {
        this.#isTouched = false
        this.#fire()
        const wrong = problem()
        if (wrong !== undefined) return this.fail(wrong)
        await real.quiet(this.#isWanted)
      }
    } catch (error) {
      this.fail(error instanceof Error ? error : new Error(String(error)))
    }
  }

  /** Lets some things happen: those of one moment, when user code may react to one of them. */
  #fire(): void {
    const { simulation, waitMsMax, stuck } = this.#init
    const { agenda } = simulation
    const next = this.#targets.reduce((at, target) => Math.min(at, target.at), Infinity)
    const until = Math.min(next, this.#waitsSince + waitMsMax)
    for (let events = 0; events < eventsAtOnce; events++) {
      if (this.#isTouched && agenda.nextAt > simulation.now()) return
      if (simulation.violations.length > 0) return
      if (agenda.nextAt === Infinity && next === Infinity) return this.fail(stuck())
      if (simulation.step(until)) continue
      if (next > until) return this.fail(stuck())
      return this.#reach()
    }
  }

  #reach(): void {
    const now = this.#init.simulation.now()
    const reached = this.#targets.filter(({ at }) => at <= now)
    this.#targets = this.#targets.filter(({ at }) => at > now)
    for (const target of reached) target.reached.resolve()
  }
}
