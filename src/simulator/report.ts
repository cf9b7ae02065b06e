import type { ScenarioResult } from './scenario.ts'

/** Lines of the trace that a report shows. */
const linesShown = 60

/** The command that runs a seed again. */
export function rerunCommand(seed: number, faults: string, more = ''): string {
  return `npm run simulate -- --seed ${seed} --faults ${faults}${more}`
}

/** What a failed run tells: what did not hold, the last of what happened, how to see it again. */
export function failureReport(result: ScenarioResult, faults: string): string {
  const { simulation, violations, seed } = result
  const lines = simulation.trace.lines().slice(-linesShown)
  return [
    ...violations.map(
      ({ property, atMs, message }) => `${property} at ${atMs.toFixed(3)} ms: ${message}`,
    ),
    `seed ${seed}, faults ${faults}: ${JSON.stringify(simulation.drawnFaults)}`,
    ...lines.map(line => (line.length > 300 ? `${line.slice(0, 300)}…` : line)),
    `again: ${rerunCommand(seed, faults)}`,
  ].join('\n')
}
