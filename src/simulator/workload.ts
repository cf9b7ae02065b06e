import type { Finished } from '../core/inputs.ts'
import type { TaskSpec } from '../core/messages.ts'
import { seqsOf } from '../core/ranges.ts'
import { noTiming, type Timing } from '../core/timing.ts'
import type { Application, Batch } from './application.ts'
import type { Behaviour, Plan } from './plans.ts'
import type { Prng } from './prng.ts'
import type { Simulation } from './simulation.ts'
import type { TaskHistory } from './task-history.ts'

/** How much is published, and over which time. */
export interface WorkloadOptions {
  /** About so many tasks. */
  readonly tasks: number
  readonly durationMs: number
  /** Whether handlers may do anything but succeed within a second. */
  readonly plain: boolean
}

/** How often users cancel what never ends, once nothing goes wrong any more. */
const hangingMs = 20_000

const rare: readonly Behaviour[] = ['failing', 'unrecoverable', 'unfit', 'hanging']

/** Users at work: they publish, cancel some of it, and watch from everywhere. */
export class Workload {
  readonly #simulation: Simulation
  readonly #options: WorkloadOptions
  #poisons: number

  constructor(simulation: Simulation, options: WorkloadOptions) {
    this.#simulation = simulation
    this.#options = options
    const { prng } = simulation
    this.#poisons = options.plain || prng.chance(0.7) ? 0 : 1
    for (const application of simulation.applications) {
      application.onPublished = tasks => this.#published(tasks)
    }
    if (!options.plain) simulation.onFinished = (_actor, finished) => this.#finished(finished)
    for (let tasks = 0; tasks < options.tasks;) {
      const size = sizeOf(prng)
      tasks += size
      simulation.after(prng.between(0, options.durationMs), () => this.#publish(size))
    }
  }

  /**
   * Cancels what would never end, now and as long as some of it is left: what nobody was told of
   * holds slots, too.
   */
  cancelHanging(): void {
    this.#simulation.after(hangingMs, () => this.cancelHanging())
    const hanging = [...this.#simulation.history.tasks()].filter(isHanging)
    this.#anybody()?.cancel(hanging)
  }

  #publish(size: number): void {
    this.#anybody()?.publish(this.#batch(size))
  }

  #batch(size: number): Batch {
    const { prng, options } = this.#simulation
    const { plain } = this.#options
    const spec: TaskSpec = {
      queue: prng.pick(options.queues),
      priority: prng.pick([0, 0, 0, 5, -3]),
      requires: '',
      attempts: 1 + prng.below(4),
      backoff: prng.pick(['fixed', 'exponential']),
      backoffMs: prng.pick([0, 10, 1_000]),
      backoffMaxMs: 4_000,
      timeoutMs: plain || prng.chance(0.6) ? 0 : prng.pick([500, 5_000]),
      resultTtlMs: 86_400_000,
    }
    const alike = prng.chance(0.6)
    const first = this.#plan(spec, size)
    const plans = Array.from({ length: size }, () => (alike ? first : this.#plan(spec, size)))
    const only = plans.map(plan => (plan.behaviour === 'poison' ? this.#dose(plan) : plan))
    const delayMs = prng.chance(0.2) ? prng.below(20_000) : 0
    const fillBytes = prng.chance(0.03) ? prng.pick([5_000, 60_000]) : 60
    const timing = plain ? { ...noTiming, delayMs } : this.#timing(delayMs)
    // What nobody serves comes to an end by its limits alone.
    const limited = timing.startWithinMs > 0 || timing.endWithinMs > 0
    const queue = limited && prng.chance(0.2) ? 'nobody' : spec.queue
    return { spec: { ...spec, queue }, timing, plans: only, fillBytes: size > 100 ? 0 : fillBytes }
  }

  #timing(delayMs: number): Timing {
    const { prng } = this.#simulation
    const startWithinMs = prng.chance(0.1) ? delayMs + 1 + prng.below(15_000) : 0
    const endWithinMs = prng.chance(0.1) ? delayMs + 1 + prng.below(40_000) : 0
    return { ageMs: 0, delayMs, startWithinMs, endWithinMs }
  }

  #plan(spec: TaskSpec, size: number): Omit<Plan, 'uid'> {
    const { prng } = this.#simulation
    if (this.#options.plain) {
      return { behaviour: 'done', throws: 0, durationMs: prng.below(1_000) }
    }
    if (size > 100) return { behaviour: 'done', throws: 0, durationMs: prng.below(20) }
    const behaviour = prng.chance(0.8)
      ? prng.pick<Behaviour>(['done', 'done', 'done', 'flaky'])
      : prng.chance(0.1)
        ? 'poison'
        : prng.pick(rare)
    // Long enough to outlive leases; of a large batch nobody would see the end.
    const durationMs = prng.chance(size > 10 ? 0 : 0.15)
      ? prng.below(45_000)
      : prng.chance(0.5)
        ? prng.below(30)
        : prng.below(3_000)
    return { behaviour, throws: prng.below(spec.attempts), durationMs }
  }

  /** Poison takes five nodes down: only so much of it is bearable. */
  #dose(plan: Omit<Plan, 'uid'>): Omit<Plan, 'uid'> {
    if (this.#poisons === 0) return { ...plan, behaviour: 'done' }
    this.#poisons -= 1
    return plan
  }

  #published(tasks: readonly TaskHistory[]): void {
    const { prng } = this.#simulation
    if (prng.chance(0.3)) {
      this.#simulation.after(prng.below(10_000), () => this.#anybody()?.watch(tasks))
    }
    if (this.#options.plain || !prng.chance(0.3)) return
    const some = tasks.filter(() => prng.chance(0.5))
    this.#simulation.after(prng.chance(0.5) ? prng.below(200) : prng.below(20_000), () => {
      this.#anybody()?.cancel(some)
    })
  }

  /** The hardest moment to cancel a task is that in which its result is voted on. */
  #finished({ ledger, seqs }: Finished): void {
    const { prng, history } = this.#simulation
    if (!prng.chance(0.05)) return
    const tasks = Array.from(seqsOf(seqs), seq => history.task(ledger, seq))
    this.#simulation.after(prng.between(0, 6), () => this.#anybody()?.cancel(tasks))
  }

  #anybody(): Application | undefined {
    const running = this.#simulation.nodes.filter(node => node.running && !node.paused)
    if (running.length === 0) return undefined
    return this.#simulation.applications[this.#simulation.prng.pick(running).index]
  }
}

/** How many tasks to publish together: mostly few, rarely more than go into one message. */
function sizeOf(prng: Prng): number {
  if (prng.chance(0.01)) return 1_100 + prng.below(1_500)
  return prng.chance(0.1) ? 1 + prng.below(100) : 1 + prng.below(12)
}

/** Whether somebody must cancel a task because it never ends by itself. */
function isHanging({ plan, spec, decided }: TaskHistory): boolean {
  return plan?.behaviour === 'hanging' && spec?.timeoutMs === 0 && decided === undefined
}
