import type { Finished } from '../core/inputs.ts'
import { seqsOf } from '../core/ranges.ts'
import type { Application, Batch } from './application.ts'
import { drawBatch } from './batches.ts'
import { keepsDisks } from './faults.ts'
import { Prng } from './prng.ts'
import type { Simulation } from './simulation.ts'
import type { TaskHistory } from './task-history.ts'

/** How much is published, and over which time. */
export interface WorkloadOptions {
  /** About so many tasks. */
  readonly tasks: number
  readonly durationMs: number
  /** Whether handlers may do anything but succeed. */
  readonly plain: boolean
  /** How long they may run then, in milliseconds. @default 1000 */
  readonly runMsMax?: number
}

/** How often users cancel what never ends, once nothing goes wrong any more. */
const hangingMs = 20_000

const dayMs = 86_400_000

/** How long after everything has healed some tasks are due: until then their voters must be whole. */
const lateMs = 240_000

/**
 * Users at work: they publish, cancel some of it, and watch from everywhere. Each batch draws from
 * numbers of its own, so that with fewer of them the rest stay what they are.
 */
export class Workload {
  readonly #simulation: Simulation
  readonly #plain: boolean
  /** Draws for what is not of one batch. */
  readonly #prng: Prng
  #poisons: number

  constructor(
    simulation: Simulation,
    { tasks, durationMs, plain, runMsMax = 1_000 }: WorkloadOptions,
  ) {
    const { queues, seed, keepMs } = simulation.options
    const resultTtlsMs = keepMs < dayMs ? [0, 1_000, 30_000] : [dayMs]
    const copiesOf = [0, 0, 0, copiesMax(simulation)]
    this.#simulation = simulation
    this.#plain = plain
    this.#prng = Prng.named(seed, 'workload')
    this.#poisons = plain || this.#prng.chance(0.7) ? 0 : 1
    const init = { queues, plain, runMsMax, resultTtlsMs, copiesOf }
    for (const application of simulation.applications) {
      application.onPublished = published => this.#published(published)
    }
    if (!plain) simulation.onFinished = (_actor, finished) => this.#finished(finished)
    for (let count = 0, drawn = 0; drawn < tasks; count++) {
      const prng = Prng.named(seed, `batch ${count}`)
      const batch = this.#bearable(drawBatch(init, prng))
      drawn += batch.plans.length
      simulation.after(prng.between(0, durationMs), () => {
        const who = this.#anybody(prng)
        who?.publish(batch)
        if (!batch.keyed) return
        for (let times = 1 + prng.below(3); times > 0; times--) {
          simulation.after(prng.chance(0.5) ? 1 : prng.below(20_000), () => who?.publishAgain(prng))
        }
      })
    }
    const late = Prng.named(seed, 'late')
    if (plain || !late.chance(0.15)) return
    const batch = this.#bearable(drawBatch(init, late))
    const delayMs = durationMs + lateMs
    const timing = { ...batch.timing, delayMs, startWithinMs: 0, endWithinMs: 0 }
    const spec = { ...batch.spec, queue: late.pick(queues) }
    simulation.after(late.between(0, durationMs), () => {
      this.#anybody(late)?.publish({ ...batch, spec, timing })
    })
  }

  /**
   * Cancels what would never end, now and as long as some of it is left: what nobody was told of
   * holds slots, too.
   */
  cancelHanging(): void {
    this.#simulation.after(hangingMs, () => this.cancelHanging())
    const hanging = [...this.#simulation.history.tasks()].filter(isHanging)
    this.#anybody(this.#prng)?.cancel(hanging)
  }

  /** Poison takes five nodes down: only so much of it is bearable. */
  #bearable(batch: Batch): Batch {
    const plans = batch.plans.map(plan => {
      if (plan.behaviour !== 'poison') return plan
      if (this.#poisons === 0) return { ...plan, behaviour: 'done' as const }
      this.#poisons -= 1
      return plan
    })
    // Where voters have little room a few batches use it up.
    const { maxBytes } = this.#simulation.mix.faults
    if (maxBytes === 0) return { ...batch, plans }
    return { ...batch, plans, fillBytes: plans.length > 12 ? Math.min(batch.fillBytes, 60) : 1_500 }
  }

  #published(tasks: readonly TaskHistory[]): void {
    const prng = Prng.named(this.#simulation.options.seed, `published ${tasks[0]?.plan?.uid}`)
    if (prng.chance(0.3)) {
      const who = this.#anybody(prng)
      this.#simulation.after(prng.below(10_000), () => who?.watch(tasks))
      if (prng.chance(0.2)) {
        this.#simulation.after(10_000 + prng.below(20_000), () => who?.unwatch(tasks))
      }
    }
    if (this.#plain || !prng.chance(0.3)) return
    const some = tasks.filter(() => prng.chance(0.5))
    this.#simulation.after(prng.chance(0.5) ? prng.below(200) : prng.below(20_000), () => {
      this.#anybody(prng)?.cancel(some)
    })
  }

  /** The hardest moment to cancel a task is that in which its result is voted on. */
  #finished({ ledger, seqs }: Finished): void {
    const { history } = this.#simulation
    const prng = this.#prng
    if (!prng.chance(0.05)) return
    const tasks = Array.from(seqsOf(seqs), seq => history.task(ledger, seq))
    this.#simulation.after(prng.between(0, 6), () => this.#anybody(prng)?.cancel(tasks))
  }

  #anybody(prng: Prng): Application | undefined {
    const running = this.#simulation.nodes.filter(node => node.running && !node.paused)
    if (running.length === 0) return undefined
    return this.#simulation.applications[prng.pick(running).index]
  }
}

/** Copies that there will be in the end, whatever disks are lost. */
function copiesMax(simulation: Simulation): number {
  const { voters, nodes } = simulation.options
  const odd = Math.min(voters, nodes - ((nodes + 1) % 2))
  return keepsDisks(simulation.faults()) ? odd : 0
}

/** Whether somebody must cancel a task because it never ends by itself. */
function isHanging({ plan, spec, decided, ledger, runs, heldBy }: TaskHistory): boolean {
  // What was lost, or decided before its only voter got an old copy of its disk, cannot be cancelled; but a
  // run of it that goes on takes up a slot.
  const goesOn = runs.some(({ endedAt }) => endedAt === Infinity)
  const isOver = decided !== undefined || ledger.isLost || (heldBy & ~ledger.lostBy) === 0
  if (isOver && !goesOn) return false
  return plan?.behaviour === 'hanging' && spec?.timeoutMs === 0
}
