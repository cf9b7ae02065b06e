import type { TaskSpec } from './messages.ts'
import { nextFraction, type Random } from './random.ts'

/** The longest exponent of a backoff: 2³⁰ first waits are beyond every sensible limit. */
const maxDoublings = 30

/**
 * How long a task waits after its `failures`-th failure, in milliseconds. Exponential waits
 * double each time; all are spread by ±10 %, so that what failed together does not come back
 * together.
 */
export function retryDelayMs(spec: TaskSpec, failures: number, random: Random): number {
  const doublings = spec.backoff === 'exponential' ? Math.min(maxDoublings, failures - 1) : 0
  const delayMs = Math.min(spec.backoffMaxMs, spec.backoffMs * 2 ** doublings)
  return Math.round(delayMs * (0.9 + 0.2 * nextFraction(random)))
}
