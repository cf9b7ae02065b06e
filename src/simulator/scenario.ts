import type { Violation } from './checkers/checker.ts'
import type { FaultMix, Faults } from './faults.ts'
import type { SimulationOptions } from './options.ts'
import { Prng } from './prng.ts'
import { Simulation } from './simulation.ts'
import { Workload } from './workload.ts'

/** One run from a seed: what is not given is drawn from it. */
export interface ScenarioOptions extends Partial<SimulationOptions> {
  readonly seed: number
  /** @default 'swarm' */
  readonly faults?: FaultMix | Faults | undefined
  /** About how many tasks are published. */
  readonly tasks?: number | undefined
  /** How long faults go on, in virtual milliseconds. */
  readonly faultyMs?: number | undefined
  /**
   * How long everything may take once faults have stopped, in virtual milliseconds.
   *
   * @default 1_800_000
   */
  readonly settleMs?: number | undefined
}

/** How one run went. */
export interface ScenarioResult {
  readonly seed: number
  /** Stands for all that happened; equal for every run of the seed. */
  readonly hash: string
  readonly simulatedMs: number
  readonly violations: readonly Violation[]
  readonly simulation: Simulation
}

const settleMsMax = 30 * 60_000

/**
 * Runs one seed: users at work while things go wrong, then everything heals, and what is owed
 * must come about.
 */
export function runScenario(options: ScenarioOptions): ScenarioResult {
  const { seed, faults = 'swarm' } = options
  const prng = new Prng(seed).fork()
  const plain = faults === 'none'
  const faultyMs = prng.pick([20_000, 60_000, 120_000])
  const tasks = prng.pick([10, 60, 60, 300])
  const simulation = new Simulation({ ...shapeOf(prng), ...given(options), seed, faults })
  const length = options.faultyMs ?? faultyMs
  const workload = new Workload(simulation, {
    tasks: options.tasks ?? tasks,
    durationMs: length * 0.8,
    plain,
  })
  simulation.run(length)
  if (simulation.drawnFaults.fullRestart) {
    for (const { index } of simulation.nodes) {
      simulation.crash(
        index,
        simulation.prng.chance(simulation.drawnFaults.powerP) ? 'power' : 'kill',
      )
    }
  }
  simulation.heal()
  simulation.run(5_000)
  workload.cancelHanging()
  simulation.settle(options.settleMs ?? settleMsMax)
  const { hash, violations, stats } = simulation
  return { seed, hash, simulatedMs: stats.simulatedMs, violations, simulation }
}

/** Draws what the cluster looks like. */
function shapeOf(prng: Prng): Omit<SimulationOptions, 'seed'> {
  const nodes = prng.pick([1, 2, 3, 3, 4, 5, 5, 7])
  return {
    nodes,
    guests: prng.pick([0, 0, 1, 2]),
    voters: prng.pick([1, 3, 3, 3, 3, 5]),
    leaseMs: prng.pick([3_000, 10_000, 30_000]),
    concurrency: prng.pick([1, 2, 4, 16]),
    queues: prng.pick([['work'], ['work', 'play']]),
    gossip: prng.chance(0.75),
    known: prng.chance(0.75) ? 'all' : 'first',
    pageTasks: prng.pick([2, 16, 1_024]),
  }
}

/** The options that are not left out. */
function given(options: ScenarioOptions): Partial<SimulationOptions> {
  const { tasks: _, faultyMs: __, settleMs: ___, ...rest } = options
  return Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== undefined))
}
