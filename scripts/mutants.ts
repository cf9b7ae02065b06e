/* Breaks the rules of the protocol one by one, and says whether exploration or simulation notices. */
import { mutants } from './mutants/list.ts'
import { runMutant } from './mutants/run.ts'
import { namedIn, optionsIn, runScript } from './words.ts'

const usage = `npm run mutants -- [--mutant A,B] [--quick] [--json] [--list]

  --mutant A,B  only these
  --quick       only those that are found within seconds
  --json        one JSON object per line: mutant, killed, by, states, seeds
  --list        name them and the rules that they break, and run none`

await runScript(main)

async function main(): Promise<number> {
  const values = optionsIn({
    mutant: { type: 'string' },
    quick: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    list: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  })
  if (values.help) {
    console.log(usage)
    return 0
  }
  const named = namedIn(values.mutant, mutants, 'mutant')
  const chosen = named.filter(({ quick }) => quick || !values.quick)
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
