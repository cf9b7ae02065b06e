import type { Simulation } from '../simulator/simulation.ts'
import type { RealWork } from './real-work.ts'

/** Events that happen at the most before the event loop gets its turn. */
const eventsAtOnce = 256

interface Target {
  readonly at: number
  /** Whether it makes time pass; one of a handler is only reached when others do. */
  readonly drives: boolean
  readonly reached: PromiseWithResolvers<void>
}

/** Who waits: what handlers wait for comes about only while a test waits, too. */
export interface WaitOptions {
  readonly drives: boolean
}

/** What a pump moves, and what it looks out for. */
export interface PumpInit {
  readonly simulation: Simulation
  readonly real: RealWork
  /** How long a wait that has no known end may take, in virtual milliseconds. */
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
  /** When the last wait began or ended, or one with a known end did. */
  #waitsSince = 0
  #stuck = stuckPromise()
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

  /** Lets so much virtual time pass, or waits until it has. */
  async advance(ms: number, { drives }: WaitOptions): Promise<void> {
    const at = this.#init.simulation.now() + ms
    const target = { at, drives, reached: Promise.withResolvers<void>() }
    this.#targets.push(target)
    if (drives) this.#drive()
    await Promise.race([target.reached.promise, this.#failure.promise])
  }

  /** Lets virtual time pass until something of the cluster has come about, or waits until it has. */
  async track<T>(work: Promise<T>, { drives }: WaitOptions): Promise<T> {
    if (!drives) return Promise.race([work, this.#failure.promise])
    this.#waits += 1
    this.#waitsSince = this.#init.simulation.now()
    this.#drive()
    try {
      return await Promise.race([work, this.#stuck.promise, this.#failure.promise])
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
    if (this.#failed !== undefined) return false
    return this.#waits > 0 || this.#targets.some(({ drives }) => drives)
  }

  #drive(): void {
    this.#init.real.begin()
    this.#run()
  }

  #run(): void {
    if (this.#isRunning) return
    this.#isRunning = true
    void this.#loop().finally(() => {
      this.#isRunning = false
      if (this.#isWanted()) this.#run()
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
    const { simulation, waitMsMax } = this.#init
    const { agenda } = simulation
    const next = this.#targets.reduce((at, target) => Math.min(at, target.at), Infinity)
    // What is known to come is no reason to give a wait up.
    const until = next < Infinity ? next : this.#waitsSince + waitMsMax
    for (let events = 0; events < eventsAtOnce; events++) {
      if (this.#isTouched && agenda.nextAt > simulation.now()) return
      if (simulation.violations.length > 0) return
      if (agenda.nextAt === Infinity && next === Infinity) return this.#giveUp()
      if (simulation.step(until)) continue
      return next < Infinity ? this.#reach() : this.#giveUp()
    }
  }

  #reach(): void {
    const now = this.#init.simulation.now()
    const reached = this.#targets.filter(({ at }) => at <= now)
    this.#targets = this.#targets.filter(({ at }) => at > now)
    this.#waitsSince = now
    for (const target of reached) target.reached.resolve()
  }

  /** Ends the waits that there are; others may have more luck. */
  #giveUp(): void {
    const { reject } = this.#stuck
    this.#stuck = stuckPromise()
    reject(this.#init.stuck())
  }
}

function stuckPromise(): PromiseWithResolvers<never> {
  const stuck = Promise.withResolvers<never>()
  stuck.promise.catch(() => undefined)
  return stuck
}
