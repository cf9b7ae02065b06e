import type { ScenarioOptions, ScenarioResult } from './scenario.ts'

/** Lines of the trace that a report shows, and characters of each. */
const linesShown = 60
const charactersShown = 300

/** The command of this repository that simulates clusters. */
const ownCommand = 'npm run simulate --'

/** The command that runs a scenario again. */
export function rerunCommand(options: ScenarioOptions, command = ownCommand): string {
  const { seed, faults = ['swarm'], without = [], nodes, guests, tasks, faultyMs } = options
  const flags = [
    ['seed', seed],
    ['faults', faults.join(',')],
    ['without', without.length === 0 ? undefined : without.join(',')],
    ['nodes', nodes],
    ['guests', guests],
    ['tasks', tasks],
    ['ms', faultyMs],
  ].flatMap(([flag, value]) => (value === undefined ? [] : [`--${flag} ${value}`]))
  return `${command} ${flags.join(' ')}`
}

/** What a failed run tells: what did not hold, the last of what happened, how to see it again. */
export function failureReport(
  result: ScenarioResult,
  smaller?: ScenarioOptions,
  command?: string,
): string {
  const { simulation, violations, seed, options } = result
  const { kinds, faults } = simulation.mix
  const lines = simulation.trace.lines().slice(-linesShown)
  return [
    ...lines.map(line =>
      line.length > charactersShown ? `${line.slice(0, charactersShown)}…` : line,
    ),
    ...violations.map(
      ({ property, atMs, message }) => `${property} at ${atMs.toFixed(3)} ms: ${message}`,
    ),
    `seed ${seed}, faults ${kinds.join(',') || 'none'}: ${JSON.stringify(faults)}`,
    `again: ${rerunCommand(options, command)}`,
    ...(smaller === undefined ? [] : [`smaller: ${rerunCommand(smaller, command)}`]),
  ].join('\n')
}
