import { countOf } from '../core/ranges.ts'
import type { Ranges } from '../core/ranges.ts'
import { Problem, demand } from './problem.ts'

/* Whether the columns of a message agree with each other. */

/** Throws unless there are `count` lengths of at most `maxBytes` that add up to the blob. */
export function checkLengths(
  lengths: Uint32Array,
  count: number,
  blobBytes: number,
  maxBytes: number,
): void {
  if (lengths.length !== count) throw new Problem(`${lengths.length} lengths for ${count} tasks`)
  let sum = 0
  for (let i = 0; i < count; i++) {
    const length = lengths[i] as number
    if (length > maxBytes) throw new Problem(`length ${length}, at most ${maxBytes} bytes`)
    sum += length
  }
  if (sum !== blobBytes) throw new Problem(`lengths add up to ${sum} of ${blobBytes} bytes`)
}

/** Throws unless `[tasks, grants, …]` is about all of the tasks, or about none. */
export function checkGrants(grants: readonly number[], seqs: Ranges): void {
  demand(grants.length % 2 === 0, 'a count of tasks without grants')
  let tasks = 0
  for (let i = 0; i < grants.length; i += 2) {
    const run = grants[i] as number
    demand(run > 0, 'grants of no tasks')
    tasks += run
  }
  const count = countOf(seqs)
  if (tasks !== count && tasks !== 0) {
    throw new Problem(`grants of ${tasks} tasks instead of ${count}`)
  }
}
