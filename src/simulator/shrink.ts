import { runScenario, type ScenarioOptions, type ScenarioResult } from './scenario.ts'

/** Runs that one shrinking may take. */
const runsMax = 120

/** Finds a smaller scenario that breaks the same property, by leaving out one thing at a time. */
export function shrink(
  failed: ScenarioResult,
  run: (options: ScenarioOptions) => ScenarioResult = runScenario,
): ScenarioOptions {
  const property = failed.violations[0]?.property
  let smallest = failed
  for (let runs = 0, progress = true; progress;) {
    progress = false
    for (const options of smallerThan(smallest)) {
      if (runs++ === runsMax) return smallest.options
      const result = run({ ...options, onTrace: undefined })
      if (result.violations[0]?.property !== property) continue
      smallest = result
      progress = true
      break
    }
  }
  return smallest.options
}

/** Scenarios with one thing less, those that take the most away first. */
function* smallerThan({ options, drawn, simulation }: ScenarioResult): Generator<ScenarioOptions> {
  const { nodes, guests, tasks, faultyMs } = drawn
  const without = options.without ?? []
  if (tasks > 1) yield { ...options, tasks: tasks >> 1 }
  if (guests > 0) yield { ...options, guests: 0 }
  for (const kind of simulation.mix.kinds) yield { ...options, without: [...without, kind] }
  for (const fewer of [1, 3, nodes - 1]) {
    if (fewer > 0 && fewer < nodes) yield { ...options, nodes: fewer }
  }
  const brokenMs = simulation.violations[0]?.atMs ?? faultyMs
  if (brokenMs < faultyMs / 2) yield { ...options, faultyMs: Math.ceil(brokenMs) }
  else if (faultyMs > 1_000) yield { ...options, faultyMs: faultyMs >> 1 }
}
