import { drawBatch } from './batches.ts'
import { Prng } from './prng.ts'
import type { Simulation } from './simulation.ts'

/** Nodes that publish. */
const publishers = 10

/** How long each task runs, in milliseconds. */
const durationMs = 500

/** One of the first ten nodes publishes tasks that take half a second. */
export function publishWork(
  { applications, nodes }: Simulation,
  number: number,
  count: number,
): void {
  const prng = Prng.named(number, 'work')
  const drawn = {
    queues: ['work'],
    plain: true,
    runMsMax: durationMs,
    resultTtlsMs: [86_400_000],
    copiesOf: [0],
  }
  const batch = drawBatch(drawn, prng)
  const [plan] = batch.plans
  if (plan === undefined) return
  const plans = Array.from({ length: count }, () => ({ ...plan, durationMs }))
  const spec = { ...batch.spec, priority: 0 }
  const timing = { ageMs: 0, delayMs: 0, startWithinMs: 0, endWithinMs: 0 }
  const publisher = applications[number % Math.min(publishers, nodes.length)]
  publisher?.publish({ spec, timing, plans, fillBytes: 0, keyed: false, copies: 0 })
}

/** How many direct messages are sent while something is done. */
export function countSent(simulation: Simulation, work: () => void): number {
  const sent = (): number => {
    let sum = 0
    for (const [name, count] of simulation.counts) if (name.startsWith('sent ')) sum += count
    return sum
  }
  const before = sent()
  work()
  return sent() - before
}
