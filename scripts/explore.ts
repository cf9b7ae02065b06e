/* Visits every state of small clusters of the real core, and says what does not hold. */
import { parseArgs } from 'node:util'
import { explore } from '../src/simulator/explore/explore.ts'
import { shapes } from '../src/simulator/explore/shapes.ts'

const usage = `npm run explore -- [--shape A,B] [--max-states N] [--json] [--list]

  --shape A,B     only these shapes
  --max-states N  cut each exploration off after so many states (each shape has its bound)
  --json          one JSON object per line: shape, states, violations
  --list          name the shapes and explore none`

process.exitCode = main()

function main(): number {
  const { values } = parseArgs({
    options: {
      shape: { type: 'string' },
      'max-states': { type: 'string' },
      json: { type: 'boolean', default: false },
      list: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  })
  const names = values.shape?.split(',')
  const chosen = shapes.filter(({ name }) => names?.includes(name) ?? true)
  const max = values['max-states']
  if (values.help || chosen.length < (names?.length ?? 1) || (max && !/^\d+$/.test(max))) {
    console.error(usage)
    return values.help ? 0 : 2
  }
  let failed = 0
  for (const shape of chosen) {
    if (values.list) {
      console.log(`${shape.name}: ${shape.about}`)
      continue
    }
    const begun = performance.now()
    const found = explore(shape, max === undefined ? {} : { maxStates: Number(max) })
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
