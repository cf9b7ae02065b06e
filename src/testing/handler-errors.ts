import type { LedgerId } from '../core/ids.ts'
import { eachSeq } from '../core/ranges.ts'
import { errorOf } from '../outcome.ts'
import type { Simulation } from '../simulator/simulation.ts'
import type { TaskHistory } from '../simulator/task-history.ts'

/** Kinds of endings whose body is an error's note. */
const failures: ReadonlySet<string> = new Set(['error', 'unrecoverable', 'timeout', 'result'])

const errors = new WeakMap<Simulation, Map<string, string>>()

/** Remembers how the last run of each task has failed: outcomes are kept as digests only. */
export function watchErrors(simulation: Simulation): void {
  const last = new Map<string, string>()
  errors.set(simulation, last)
  const decoder = new TextDecoder()
  simulation.onFinished = (_, { ledger, seqs, kind, lengths, body }) => {
    let at = 0
    let index = 0
    eachSeq(seqs, seq => {
      const end = at + (lengths[index++] ?? 0)
      if (failures.has(kind)) {
        const error = errorOf(decoder.decode(body.subarray(at, end)))
        if (error !== undefined) last.set(keyOf(ledger, seq), textOf(error))
      }
      at = end
    })
  }
}

/** What the last failed run of a task has thrown; undefined if none has. */
export function lastError(
  simulation: Simulation,
  { ledger, seq }: TaskHistory,
): string | undefined {
  return errors.get(simulation)?.get(keyOf(ledger.id, seq))
}

function keyOf(ledger: LedgerId, seq: number): string {
  return `${ledger}-${seq}`
}

function textOf({ name, message }: Error): string {
  const [first = ''] = message.split('\n', 1)
  return name === 'Error' ? first : `${name}: ${first}`
}
