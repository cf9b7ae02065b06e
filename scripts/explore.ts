/* Visits every state of small clusters of the real core, and says what does not hold. */
import { explore } from '../src/simulator/explore/explore.ts'
import { shapes } from '../src/simulator/explore/shapes.ts'
import { countIn, namedIn, optionsIn, runScript } from './words.ts'

const usage = `npm run explore -- [--shape A,B] [--max-states N] [--json] [--list]

  --shape A,B     only these shapes
  --max-states N  cut each exploration off after so many states, in the place of each shape's bound
  --json          one JSON object per line: shape, states, violations
  --list          name the shapes, those that every test run explores as quick, and explore none`

/** Among more of them, two with the same hash, which count as one, are too likely. */
const statesMax = 20_000_000

await runScript(main)

function main(): number {
  const values = optionsIn({
    shape: { type: 'string' },
    'max-states': { type: 'string' },
    json: { type: 'boolean', default: false },
    list: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  })
  if (values.help) {
    console.log(usage)
    return 0
  }
  const chosen = namedIn(values.shape, shapes, 'shape')
  const max = values['max-states']
  const limits = max === undefined ? {} : { maxStates: countIn(max, '--max-states', statesMax) }
  let failed = 0
  for (const shape of chosen) {
    if (values.list) {
      console.log(`${shape.name}${shape.quick ? ' (quick)' : ''}: ${shape.about}`)
      continue
    }
    const begun = performance.now()
    const found = explore(shape, limits)
    const seconds = (performance.now() - begun) / 1_000
    if (values.json) console.log(JSON.stringify({ ...found, seconds: Number(seconds.toFixed(2)) }))
    else print(found, seconds)
    if (found.violations.length > 0) failed += 1
  }
  return failed > 0 ? 1 : 0
}

function print(found: ReturnType<typeof explore>, seconds: number): void {
  const { shape, states, locals, depth, complete, violations } = found
  const extent = complete ? 'complete' : 'cut'
  const verdict = violations.length === 0 ? 'held' : 'FAILED'
  console.log(
    `${shape}  ${states} states of ${locals} node states, depth ${depth}, ${extent}  ` +
      `${seconds.toFixed(1)} s  ${verdict}`,
  )
  for (const violation of violations) console.log(violation)
}
