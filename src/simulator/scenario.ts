import type { Violation } from './checkers/checker.ts'
import { drawFaults, type FaultName } from './fault-kinds.ts'
import type { SimulationOptions } from './options.ts'
import { Prng } from './prng.ts'
import { Simulation } from './simulation.ts'
import { Workload } from './workload.ts'

/** One run from a seed: what is not given is drawn from it. */
export interface ScenarioOptions extends Partial<SimulationOptions> {
  readonly seed: number
  /** @default ['swarm'] */
  readonly faults?: readonly FaultName[] | undefined
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
  /** What was asked for, and what the seed has made of it. */
  readonly options: ScenarioOptions
  readonly drawn: ScenarioShape
  readonly simulation: Simulation
}

/** What a cluster looks like and how much happens in it. */
export interface ScenarioShape {
  readonly nodes: number
  readonly guests: number
  readonly tasks: number
  readonly faultyMs: number
}

const settleMsMax = 30 * 60_000
const dayMs = 86_400_000

/** How long users go on after everything has healed before what hangs is cancelled. */
const hangingMs = 5_000

/**
 * Runs one seed: users at work while things go wrong, then everything heals, and what is owed
 * must come about.
 */
export function runScenario(options: ScenarioOptions): ScenarioResult {
  const { seed, faults = ['swarm'] } = options
  const shape = shapeOf(seed)
  const { tasks, faultyMs, settleMs, ...given } = withoutMissing(options)
  const orphans = given.orphans ?? drawOrphans({ ...given, seed, faults })
  const simulation = new Simulation({ ...shape.cluster, ...given, seed, faults, orphans })
  const { nodes, guests } = simulation.options
  const drawn = { nodes, guests, tasks: tasks ?? shape.tasks, faultyMs: faultyMs ?? shape.faultyMs }
  const workload = new Workload(simulation, {
    tasks: drawn.tasks,
    durationMs: drawn.faultyMs * 0.8,
    plain: faults.every(name => name === 'none'),
  })
  simulation.run(drawn.faultyMs)
  if (simulation.faults().fullRestart) simulation.restartAll()
  simulation.heal()
  simulation.run(hangingMs)
  workload.cancelHanging()
  simulation.settle(settleMs ?? settleMsMax)
  if (simulation.options.keepMs < dayMs && simulation.violations.length === 0) simulation.quiet()
  const { hash, violations, stats } = simulation
  const { simulatedMs } = stats
  return { seed, hash, simulatedMs, violations, options, drawn, simulation }
}

/** Draws what the cluster looks like, and how much happens. */
function shapeOf(
  seed: number,
): Pick<ScenarioShape, 'tasks' | 'faultyMs'> & { cluster: Omit<SimulationOptions, 'seed'> } {
  const prng = Prng.named(seed, 'shape')
  const nodes = prng.pick([1, 2, 3, 3, 4, 5, 5, 7])
  const cluster = {
    nodes,
    guests: prng.pick([0, 0, 1, 2]),
    voters: prng.pick([1, 3, 3, 3, 3, 5]),
    leaseMs: prng.pick([3_000, 10_000, 30_000]),
    concurrency: prng.pick([1, 2, 4, 16]),
    queues: prng.pick([['work'], ['work', 'play']]),
    gossip: prng.chance(0.75),
    known: prng.chance(0.75) ? 'all' : 'first',
    pageTasks: prng.pick([2, 16, 1_024]),
    keepMs: prng.chance(0.4) ? 300_000 : undefined,
    smallMeshOf: drawSmallMesh(seed),
  } as const
  return {
    cluster,
    faultyMs: prng.pick([20_000, 60_000, 120_000]),
    tasks: prng.pick([10, 60, 60, 300]),
  }
}

/** Whether survivors go on with what has lost its voters: after disasters nothing else would. */
function drawOrphans({ seed, faults = [], without = [] }: ScenarioOptions): 'wait' | 'fork' {
  const { kinds } = drawFaults(seed, { names: faults, without })
  const forks = kinds.includes('disasters') || Prng.named(seed, 'orphans').chance(0.06)
  return forks ? 'fork' : 'wait'
}

/**
 * Draws how few nodes are many: some clusters behave as only large meshes do. In some of those the
 * nodes do not agree on it, as where one comes or goes at the bound.
 */
function drawSmallMesh(seed: number): ((index: number) => number) | undefined {
  const prng = Prng.named(seed, 'mesh size')
  if (!prng.chance(1 / 6)) return undefined
  const most = prng.pick([1, 1, 2, 3])
  const unlike = prng.chance(0.25) ? 4 : 1
  return index => most + Prng.named(seed, `mesh size ${index}`).below(unlike)
}

/** Options without those that are there and undefined, so that they do not hide what is drawn. */
function withoutMissing(options: ScenarioOptions): ScenarioOptions {
  const given = Object.entries(options).filter(([, value]) => value !== undefined)
  return Object.fromEntries(given) as unknown as ScenarioOptions
}
