/* Runs simulated clusters, one per seed, and says what did not hold. */
import { parseArgs } from 'node:util'
import { faultMixes, type FaultMix } from '../src/simulator/faults.ts'
import { failureReport } from '../src/simulator/report.ts'
import { runScenario, type ScenarioResult } from '../src/simulator/scenario.ts'

const usage = `npm run simulate -- [--seed N] [--seeds K] [--nodes N] [--faults MIX] [--json] [--trace]

  --seed N      first seed (1)
  --seeds K     how many, from there on (1 with --seed, else 20)
  --nodes N     full nodes (drawn from the seed)
  --faults MIX  ${faultMixes.join(', ')} (swarm)
  --json        one JSON object per line: seed, hash, simulatedMs, wallMs, violations
  --trace       every input and effect, on stderr`

process.exitCode = main()

function main(): number {
  const { values } = parseArgs({
    options: {
      seed: { type: 'string' },
      seeds: { type: 'string' },
      nodes: { type: 'string' },
      faults: { type: 'string', default: 'swarm' },
      json: { type: 'boolean', default: false },
      trace: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  })
  const faults = faultMixes.find(mix => mix === values.faults)
  const first = count(values.seed, 1)
  const seeds = count(values.seeds, values.seed === undefined ? 20 : 1)
  const nodes = values.nodes === undefined ? undefined : count(values.nodes, 1)
  if (values.help || faults === undefined || Number.isNaN(first + seeds + (nodes ?? 0))) {
    console.error(usage)
    return values.help ? 0 : 2
  }
  const onTrace = values.trace ? (line: string) => process.stderr.write(`${line}\n`) : undefined
  let failed = 0
  for (let seed = first; seed < first + seeds; seed++) {
    const begun = performance.now()
    const result = runScenario({ seed, faults, nodes, onTrace })
    const wallMs = Math.round(performance.now() - begun)
    if (values.json) printJson(result, wallMs)
    else print(result, wallMs, faults)
    if (result.violations.length > 0) failed += 1
  }
  return failed > 0 ? 1 : 0
}

function count(text: string | undefined, otherwise: number): number {
  if (text === undefined) return otherwise
  return /^\d+$/.test(text) ? Number(text) : Number.NaN
}

function printJson({ seed, hash, simulatedMs, violations }: ScenarioResult, wallMs: number): void {
  console.log(JSON.stringify({ seed, hash, simulatedMs, wallMs, violations }))
}

function print(result: ScenarioResult, wallMs: number, faults: FaultMix): void {
  const { seed, hash, simulatedMs, violations, simulation } = result
  const { tasks, runs } = simulation.stats
  const seconds = (simulatedMs / 1_000).toFixed(0)
  const verdict = violations.length === 0 ? 'held' : 'FAILED'
  console.log(
    `seed ${seed}  ${hash}  ${seconds} s in ${wallMs} ms  ${tasks} tasks, ${runs} runs  ${verdict}`,
  )
  if (violations.length > 0) console.log(failureReport(result, faults))
}
