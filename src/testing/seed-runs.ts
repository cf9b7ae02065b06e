import { checkInteger } from '../config.ts'
import type { Violation } from '../simulator/checkers/checker.ts'
import { type FaultKind, type FaultName, faultKinds, faultNames } from '../simulator/fault-kinds.ts'
import { failureReport, rerunCommand } from '../simulator/report.ts'
import { runScenario, type ScenarioOptions } from '../simulator/scenario.ts'
import { shrink } from '../simulator/shrink.ts'
import { checkInit, checkList } from './check-init.ts'
import { nodesMax } from './cluster-init.ts'

export { CoverageTable } from '../simulator/sometimes.ts'
export { faultKinds, faultNames } from '../simulator/fault-kinds.ts'
export type { FaultKind, FaultName } from '../simulator/fault-kinds.ts'

/** Which clusters are simulated; what is not given is drawn from each seed. */
export interface SimulateInit {
  /**
   * The first seed.
   *
   * @default 1
   */
  readonly seed?: number | undefined
  /**
   * How many seeds, from there on.
   *
   * @default 1
   */
  readonly seeds?: number | undefined
  /** @default ['swarm'] */
  readonly faults?: readonly FaultName[] | undefined
  /** @default [] */
  readonly without?: readonly FaultKind[] | undefined
  readonly nodes?: number | undefined
  readonly guests?: number | undefined
  /** About how many tasks are published. */
  readonly tasks?: number | undefined
  /** How long faults go on, in virtual milliseconds. */
  readonly faultyMs?: number | undefined
  /**
   * Whether a smaller failure is looked for where one is found.
   *
   * @default true
   */
  readonly shrinks?: boolean | undefined
  /** Called with every input and effect, as a line. */
  readonly onTrace?: ((line: string) => void) | undefined
  /** The command that runs a scenario again, from its flags. */
  readonly command?: string | undefined
}

/** How the run of one seed went. */
export interface SeedRun {
  readonly seed: number
  /** Stands for everything that happened: the same for every run of the seed. */
  readonly hash: string
  readonly simulatedMs: number
  readonly wallMs: number
  readonly tasks: number
  readonly runs: number
  readonly violations: readonly Violation[]
  /** Kinds of faults that the seed has switched on. */
  readonly faults: readonly FaultKind[]
  /** How often what has happened. */
  readonly coverage: ReadonlyMap<string, number>
  /** Of a failure: all that is worth telling, and the commands that repeat it and a smaller one. */
  readonly report?: string | undefined
  readonly again?: string | undefined
  readonly shrunk?: string | undefined
}

/** What an init may have. */
const initNames: readonly (keyof SimulateInit)[] = [
  'seed',
  'seeds',
  'faults',
  'without',
  'nodes',
  'guests',
  'tasks',
  'faultyMs',
  'shrinks',
  'onTrace',
  'command',
]

/** Most seeds, and most tasks of each. */
const seedsMax = 1_000_000_000
const tasksMax = 10_000_000

/**
 * Simulates one cluster per seed, with whatever its seed lets go wrong.
 *
 * @throws {InvalidParametersError} Something is out of bounds.
 */
export function simulate(init: SimulateInit = {}): Generator<SeedRun> {
  check(init)
  return runsOf(init)
}

function check(init: SimulateInit): void {
  checkInit('simulate', init, initNames)
  const { seed = 1, seeds = 1, faults = [], without = [], nodes, guests, tasks, faultyMs } = init
  checkInteger('seeds', seeds, 1, seedsMax)
  checkInteger('seed', seed, 0, Number.MAX_SAFE_INTEGER - seeds + 1)
  checkList('faults', faults, faultNames)
  checkList('without', without, faultKinds)
  if (nodes !== undefined) checkInteger('nodes', nodes, 1, nodesMax)
  if (guests !== undefined) checkInteger('guests', guests, 0, nodesMax)
  if (tasks !== undefined) checkInteger('tasks', tasks, 1, tasksMax)
  if (faultyMs !== undefined) checkInteger('faultyMs', faultyMs, 0, Number.MAX_SAFE_INTEGER)
}

function* runsOf(init: SimulateInit): Generator<SeedRun> {
  const { seed: first = 1, seeds = 1, shrinks = true, command, ...options } = init
  for (let seed = first; seed < first + seeds; seed++) {
    const began = performance.now()
    const result = runScenario({ ...options, seed })
    const wallMs = Math.round(performance.now() - began)
    const { hash, simulatedMs, violations, simulation } = result
    const { tasks, runs } = simulation.stats
    const run: SeedRun = {
      ...{ seed, hash, simulatedMs, wallMs, violations, tasks, runs },
      faults: simulation.mix.kinds,
      coverage: simulation.counts,
    }
    yield violations.length === 0 ? run : { ...run, ...failure(result, shrinks, command) }
  }
}

function failure(
  result: ReturnType<typeof runScenario>,
  shrinks: boolean,
  command: string | undefined,
): Pick<SeedRun, 'report' | 'again' | 'shrunk'> {
  const smaller = shrinks ? shrink(result) : undefined
  const commandOf = (options: ScenarioOptions): string => rerunCommand(options, command)
  return {
    report: failureReport(result, smaller, command),
    again: commandOf(result.options),
    shrunk: smaller === undefined ? undefined : commandOf(smaller),
  }
}
