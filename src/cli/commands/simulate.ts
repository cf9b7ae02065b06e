import { setImmediate as turn } from 'node:timers/promises'
import { type Command, InvalidArgumentError } from 'commander'
import type { FaultKind, FaultName, SeedRun } from '../../testing/index.ts'
import { parseDuration, parseInteger } from '../duration.ts'
import { exitCodes } from '../exit-codes.ts'
import { command, globalOptions } from '../global-options.ts'
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

/** `meshwork simulate`: clusters of simulated nodes with faults, one per seed. */
export function simulateCommand(terminal: Terminal): Command {
  const whole = (least: number) => (text: string) => parseInteger(text, least)
  return command('simulate', 'simulate clusters with faults in virtual time, one per seed')
    .option('--seed <n>', 'first seed (default: 1)', whole(0))
    .option('--seeds <k>', `how many (default: 1 with --seed, else ${seedsDefault})`, whole(1))
    .option('--nodes <n>', 'full nodes (default: drawn from the seed)', whole(1))
    .option('--guests <n>', 'guests (default: drawn)', whole(0))
    .option('--tasks <n>', 'about how many tasks are published (default: drawn)', whole(1))
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
  const { seed, seeds = seed === undefined ? seedsDefault : 1, nodes, guests, tasks } = flags
  const runs = testing.simulate({
    ...{ seed, seeds, nodes, guests, tasks },
    faultyMs: flags.ms,
    faults: namesIn<FaultName>(flags.faults, testing.faultNames),
    without: namesIn<FaultKind>(flags.without, testing.faultKinds),
    shrinks: flags.shrink,
    onTrace: flags.trace === true ? line => output.note(line) : undefined,
    command: terminal.env['npm_lifecycle_event'] === 'simulate' ? undefined : 'meshwork simulate',
  })
  const table = new testing.CoverageTable()
  for (const run of runs) {
    table.add(run.coverage)
    output.result(recordOf(run), textOf(run))
    if (run.violations.length > 0) terminal.setExitCode(exitCodes.failed)
    await turn()
    terminal.interrupted.throwIfAborted()
  }
  if (json || seeds === 1) return
  output.table(['event', 'count'], table.rows())
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
  const verdict = report === undefined ? 'held' : 'FAILED'
  const line = `seed ${seed}  ${hash}  ${seconds} s in ${wallMs} ms  ${tasks} tasks, ${runs} runs  ${verdict}`
  return report === undefined ? line : `${line}\n${report}`
}
