/* Breaks the rules of the protocol one by one, and says whether exploration or simulation notices. */
import { parseArgs } from 'node:util'
import { mutants } from './mutants/list.ts'
import { runMutant } from './mutants/run.ts'

const usage = `npm run mutants -- [--mutant A,B] [--quick] [--json] [--list]

  --mutant A,B  only these
  --quick       only those that are found within seconds
  --json        one JSON object per line: mutant, killed, by, states, seeds
  --list        name them and the rules that they break, and run none`

process.exitCode = await main()

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      mutant: { type: 'string' },
      quick: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      list: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  })
  const names = values.mutant?.split(',')
  const chosen = mutants.filter(
    ({ name, quick }) => (names?.includes(name) ?? true) && (quick || !values.quick),
  )
  if (values.help || chosen.length < (names?.length ?? 1)) {
    console.error(usage)
    return values.help ? 0 : 2
  }
  let survivors = 0
  for (const mutant of chosen) {
    const { name, rule } = mutant
    if (values.list) {
      console.log(`${name}: ${rule}`)
      continue
    }
    const verdict = await runMutant(mutant)
    if (!verdict.killed) survivors += 1
    const fate = verdict.killed ? `killed by ${verdict.by}` : 'SURVIVED'
    if (values.json) console.log(JSON.stringify(verdict))
    else console.log(`${name}  ${fate}  (${verdict.states} states, ${verdict.seeds} seeds)`)
  }
  return survivors > 0 ? 1 : 0
}
