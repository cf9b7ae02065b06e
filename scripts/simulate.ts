/* Runs simulated clusters, one per seed, and says what did not hold. */
import { parseArgs } from 'node:util'
import {
  type FaultKind,
  faultKinds,
  type FaultName,
  faultNames,
} from '../src/simulator/fault-kinds.ts'
import { failureReport, rerunCommand } from '../src/simulator/report.ts'
import {
  runScenario,
  type ScenarioOptions,
  type ScenarioResult,
} from '../src/simulator/scenario.ts'
import { shrink } from '../src/simulator/shrink.ts'
import { CoverageTable } from '../src/simulator/sometimes.ts'

const usage = `npm run simulate -- [--seed N] [--seeds K] [--nodes N] [--faults …] [--json]

  --seed N        first seed (1)
  --seeds K       how many, from there on (1 with --seed, else 20)
  --faults LIST   what goes wrong, by commas (swarm): ${faultNames.join(', ')}
  --without LIST  what does not, of what --faults stands for
  --nodes N, --guests N, --tasks N, --ms N
                  full nodes, guests, tasks published, how long faults go on; else drawn from the seed
  --no-shrink     do not look for a smaller run that fails in the same way
  --json          an object per line: seed, hash, simulatedMs, wallMs, violations, faults, coverage
  --trace         every input and effect, on stderr`

/** What the command line asks for. */
interface Request {
  readonly options: ScenarioOptions
  readonly seeds: number
  readonly json: boolean
  readonly shrinks: boolean
}

process.exitCode = main()

function main(): number {
  const request = parse()
  if (typeof request === 'number') return request
  const { options, seeds, json, shrinks } = request
  const coverage = new CoverageTable()
  let failed = 0
  for (let seed = options.seed; seed < options.seed + seeds; seed++) {
    const begun = performance.now()
    const result = runScenario({ ...options, seed })
    const wallMs = Math.round(performance.now() - begun)
    const holds = result.violations.length === 0
    const smaller = holds || !shrinks ? undefined : shrink(result)
    coverage.add(result.simulation.counts)
    if (json) printJson(result, wallMs, smaller)
    else print(result, wallMs, smaller)
    if (!holds) failed += 1
  }
  if (!json && seeds > 1) printCoverage(coverage)
  return failed > 0 ? 1 : 0
}

function parse(): Request | number {
  try {
    return parseStrictly()
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : String(error)}\n\n${usage}`)
    return 2
  }
}

function parseStrictly(): Request | number {
  const text = { type: 'string' } as const
  const flag = { type: 'boolean', default: false } as const
  const { values } = parseArgs({
    options: {
      ...{ seed: text, seeds: text, nodes: text, guests: text, tasks: text, ms: text },
      ...{ faults: { ...text, default: 'swarm' }, without: { ...text, default: '' } },
      ...{ json: flag, trace: flag, 'no-shrink': flag, help: flag },
    },
  })
  if (values.help) {
    console.log(usage)
    return 0
  }
  return {
    options: {
      seed: count('seed', values.seed) ?? 1,
      faults: list<FaultName>(values.faults, faultNames),
      without: list<FaultKind>(values.without, faultKinds),
      nodes: count('nodes', values.nodes),
      guests: count('guests', values.guests),
      tasks: count('tasks', values.tasks),
      faultyMs: count('ms', values.ms),
      onTrace: values.trace ? line => process.stderr.write(`${line}\n`) : undefined,
    },
    seeds: count('seeds', values.seeds) ?? (values.seed === undefined ? 20 : 1),
    json: values.json,
    shrinks: !values['no-shrink'],
  }
}

function count(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  if (!/^\d{1,15}$/.test(text)) throw new Error(`--${name} takes a whole number, not ${text}`)
  return Number(text)
}

function list<Name extends string>(text: string, names: readonly Name[]): Name[] {
  return text
    .split(',')
    .filter(word => word !== '')
    .map(word => {
      const name = names.find(one => one === word)
      if (name === undefined) throw new Error(`There is no kind of fault called ${word}`)
      return name
    })
}

function printJson(
  { seed, hash, simulatedMs, violations, options, simulation }: ScenarioResult,
  wallMs: number,
  smaller: ScenarioOptions | undefined,
): void {
  const coverage = Object.fromEntries(simulation.counts)
  const faults = simulation.mix.kinds
  const again = violations.length === 0 ? undefined : rerunCommand(options)
  const shrunk = smaller === undefined ? undefined : rerunCommand(smaller)
  const told = { seed, hash, simulatedMs, wallMs, violations, faults, again, shrunk, coverage }
  console.log(JSON.stringify(told))
}

function print(result: ScenarioResult, wallMs: number, smaller: ScenarioOptions | undefined): void {
  const { seed, hash, simulatedMs, violations, simulation } = result
  const { tasks, runs } = simulation.stats
  const seconds = (simulatedMs / 1_000).toFixed(0)
  const verdict = violations.length === 0 ? 'held' : 'FAILED'
  console.log(
    `seed ${seed}  ${hash}  ${seconds} s in ${wallMs} ms  ${tasks} tasks, ${runs} runs  ${verdict}`,
  )
  if (violations.length > 0) console.log(failureReport(result, smaller))
}

function printCoverage(coverage: CoverageTable): void {
  for (const { event, count } of coverage.rows())
    console.log(`${String(count).padStart(9)}  ${event}`)
}
