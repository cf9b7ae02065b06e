import type { TaskSpec } from '../core/messages.ts'
import { noTiming, type Timing } from '../core/timing.ts'
import type { Batch } from './application.ts'
import type { Behaviour, Plan } from './plans.ts'
import type { Prng } from './prng.ts'

/** What the batches of a workload are like. */
export interface BatchesInit {
  readonly queues: readonly string[]
  /** Whether handlers may do anything but succeed. */
  readonly plain: boolean
  /** How long they may run then, in milliseconds. */
  readonly runMsMax: number
  /** How long results are kept, drawn per batch, in milliseconds. */
  readonly resultTtlsMs: readonly number[]
  /** How many voters must hold tasks before they are published, drawn per batch; 0 for a majority. */
  readonly copiesOf: readonly number[]
}

const rare: readonly Behaviour[] = ['failing', 'unrecoverable', 'unfit', 'hanging', 'blocking']

/** How long a handler may block its process. */
const blockingMsMax = 5_000

/** Draws what is published together: mostly few tasks, rarely more than go into one message. */
export function drawBatch(
  { queues, plain, runMsMax, resultTtlsMs, copiesOf }: BatchesInit,
  prng: Prng,
): Batch {
  const size = sizeOf(prng)
  const spec: TaskSpec = {
    queue: prng.pick(queues),
    priority: prng.pick([0, 0, 0, 5, -3]),
    requires: '',
    attempts: 1 + prng.below(4),
    backoff: prng.pick(['fixed', 'exponential']),
    backoffMs: prng.pick([0, 10, 1_000]),
    backoffMaxMs: 4_000,
    timeoutMs: plain || prng.chance(0.6) ? 0 : prng.pick([500, 5_000]),
    resultTtlMs: prng.pick(resultTtlsMs),
  }
  const draw = (): Omit<Plan, 'uid'> =>
    plain ? quickPlan(prng, runMsMax) : drawPlan(spec, size, prng)
  const alike = prng.chance(0.6)
  const first = draw()
  const plans = Array.from({ length: size }, () => (alike ? first : draw()))
  const delayMs = prng.chance(0.2) ? prng.below(20_000) : 0
  const fillBytes = prng.chance(0.03) ? prng.pick([5_000, 60_000]) : 60
  const timing = plain ? { ...noTiming, delayMs } : drawTiming(delayMs, prng)
  // What nobody serves comes to an end by its limits alone.
  const limited = timing.startWithinMs > 0 || timing.endWithinMs > 0
  const queue = limited && prng.chance(0.2) ? 'nobody' : spec.queue
  const copies = prng.pick(copiesOf)
  const keyed = size === 1 && prng.chance(0.7)
  return {
    spec: { ...spec, queue },
    timing,
    plans,
    fillBytes: size > 100 ? 0 : fillBytes,
    copies,
    keyed,
  }
}

function drawTiming(delayMs: number, prng: Prng): Timing {
  const startWithinMs = prng.chance(0.1) ? delayMs + 1 + prng.below(15_000) : 0
  const endWithinMs = prng.chance(0.1) ? delayMs + 1 + prng.below(40_000) : 0
  return { ageMs: 0, delayMs, startWithinMs, endWithinMs }
}

function sizeOf(prng: Prng): number {
  if (prng.chance(0.1)) return 1
  if (prng.chance(0.01)) return 1_100 + prng.below(1_500)
  return prng.chance(0.1) ? 1 + prng.below(100) : 1 + prng.below(12)
}

function quickPlan(prng: Prng, msMax: number): Omit<Plan, 'uid'> {
  return { behaviour: 'done', throws: 0, durationMs: prng.below(msMax) }
}

function drawPlan(spec: TaskSpec, size: number, prng: Prng): Omit<Plan, 'uid'> {
  if (size > 100) return quickPlan(prng, 20)
  const behaviour = prng.chance(0.8)
    ? prng.pick<Behaviour>(['done', 'done', 'done', 'flaky'])
    : prng.chance(0.1)
      ? 'poison'
      : prng.pick(rare)
  // Long enough to outlive leases; of a large batch nobody would see the end.
  const durationMs = prng.chance(size > 10 ? 0 : 0.15)
    ? prng.below(45_000)
    : prng.chance(0.5)
      ? prng.below(30)
      : prng.below(3_000)
  const throws = prng.below(behaviour === 'poison' ? 2 : spec.attempts)
  // Who blocks for longer than leases last takes turns with others in blocking all voters.
  const shortMs = behaviour === 'blocking' ? durationMs % blockingMsMax : durationMs
  return { behaviour, throws, durationMs: shortMs }
}
