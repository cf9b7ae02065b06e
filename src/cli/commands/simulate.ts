import { type Command, InvalidArgumentError } from 'commander'
import type { FaultKind, FaultName, SeedRun } from '../../testing/index.ts'
import { parseDuration, parseInteger } from '../duration.ts'
import { UsageError } from '../errors.ts'
import { exitCodes } from '../exit-codes.ts'
import { command, globalOptions } from '../global-options.ts'
import { reportCoverage } from '../simulate/report-coverage.ts'
import { runSeeds } from '../simulate/seeds.ts'
import type { Terminal } from '../terminal.ts'

interface SimulateFlags {
  readonly seed?: number
  readonly seeds?: number
  readonly nodes?: number
  readonly guests?: number
  readonly tasks?: number
  readonly ms?: number
  readonly faults: string
  readonly without: string
  readonly shrink: boolean
  readonly trace?: boolean
}

/** How many seeds are run where none is given. */
const seedsDefault = 20

/** Simulated nodes have the addresses of one network, of which there are 254; guests among them. */
const nodesMax = 200
const guestsMax = 50

/** So many take one seed some minutes. */
const tasksMax = 100_000

/** `meshwork simulate`: clusters of simulated nodes with faults, one per seed. */
export function simulateCommand(terminal: Terminal): Command {
  const whole = (least: number, most?: number) => (text: string) => parseInteger(text, least, most)
  return command('simulate', 'simulate clusters with faults in virtual time, one per seed')
    .option('--seed <n>', 'first seed (default: 1)', whole(0))
    .option('--seeds <k>', `how many (default: 1 with --seed, else ${seedsDefault})`, whole(1))
    .option(
      '--nodes <n>',
      `full nodes, at most ${nodesMax} (default: drawn from the seed)`,
      whole(1, nodesMax),
    )
    .option('--guests <n>', `guests, at most ${guestsMax} (default: drawn)`, whole(0, guestsMax))
    .option(
      '--tasks <n>',
      `about how many tasks are published, at most ${tasksMax} (default: drawn)`,
      whole(1, tasksMax),
    )
    .option('--ms <duration>', 'how long faults go on (default: drawn)', parseDuration)
    .option('--faults <list>', 'what goes wrong, by commas; "help" names all', 'swarm')
    .option('--without <list>', 'what does not, of what --faults stands for', '')
    .option('--no-shrink', 'do not look for a smaller run that fails in the same way')
    .option('--trace', 'every input and effect, on stderr')
    .action(async (flags: SimulateFlags, self: Command) => {
      await simulateSeeds(terminal, flags, globalOptions(self.opts()).json)
    })
}

async function simulateSeeds(
  terminal: Terminal,
  flags: SimulateFlags,
  json: boolean,
): Promise<void> {
  const testing = await import('../../testing/index.ts')
  const output = terminal.output(json)
  if (flags.faults === 'help') {
    for (const fault of testing.faultNames) output.result({ fault }, fault)
    return
  }
  const { seed = 1, seeds = flags.seed === undefined ? seedsDefault : 1 } = flags
  if (seed > Number.MAX_SAFE_INTEGER - seeds + 1) {
    const most = Number.MAX_SAFE_INTEGER
    throw new UsageError(`${seeds} seeds from ${seed} on go beyond ${most}, which is the last one`)
  }
  const { nodes, guests, tasks, ms: faultyMs } = flags
  const given = { nodes, guests, tasks, faultyMs }
  const init = {
    ...{ seed, seeds, ...given, shrinks: flags.shrink },
    faults: namesIn<FaultName>(flags.faults, testing.faultNames),
    without: namesIn<FaultKind>(flags.without, testing.faultKinds),
    command: terminal.env['npm_lifecycle_event'] === 'simulate' ? undefined : 'meshwork simulate',
  }
  const runs = runSeeds(init, {
    signal: terminal.interrupted,
    onTrace: flags.trace === true ? line => output.note(line) : undefined,
    onFailed: run => output.note(`seed ${run.seed} fails; a smaller run that does is looked for`),
  })
  const table = new testing.CoverageTable()
  let published = 0
  try {
    for await (const run of runs) {
      table.add(run.coverage)
      published += run.tasks
      output.result(recordOf(run), textOf(run))
      if (run.violations.length > 0) terminal.setExitCode(exitCodes.failed)
    }
  } finally {
    const isNarrow =
      flags.faults !== 'swarm' ||
      flags.without !== '' ||
      Object.values(given).some(value => value !== undefined)
    if (!reportCoverage(output, table, isNarrow)) terminal.setExitCode(exitCodes.failed)
  }
  if (published > 0) return
  output.error('No task was published, so nothing was tried; give faults more time, as --ms 20s')
  terminal.setExitCode(exitCodes.failed)
}

function namesIn<Name extends string>(text: string, names: readonly Name[]): Name[] {
  return text
    .split(',')
    .filter(word => word !== '')
    .map(word => {
      const name = names.find(one => one === word)
      if (name !== undefined) return name
      throw new InvalidArgumentError(
        `There is no kind of fault called ${word}; --faults help names all`,
      )
    })
}

function recordOf(run: SeedRun): Readonly<Record<string, unknown>> {
  const { report: _, coverage, ...rest } = run
  return { ...rest, coverage: Object.fromEntries(coverage) }
}

function textOf({ seed, hash, simulatedMs, wallMs, tasks, runs, report }: SeedRun): string {
  const seconds = Math.round(simulatedMs / 1_000)
  const held = tasks === 0 ? 'EMPTY' : 'held'
  const verdict = report === undefined ? held : 'FAILED'
  const line = `seed ${seed}  ${hash}  ${seconds} s in ${wallMs} ms  ${tasks} tasks, ${runs} runs  ${verdict}`
  return report === undefined ? line : `${line}\n${report}`
}
