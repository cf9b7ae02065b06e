import type { Violation } from '../simulator/checkers/checker.ts'
import type { FaultKind, FaultName } from '../simulator/fault-kinds.ts'
import { failureReport, rerunCommand } from '../simulator/report.ts'
import { runScenario, type ScenarioOptions } from '../simulator/scenario.ts'
import { shrink } from '../simulator/shrink.ts'

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

/** Simulates one cluster per seed, with whatever its seed lets go wrong. */
export function* simulate(init: SimulateInit = {}): Generator<SeedRun> {
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
