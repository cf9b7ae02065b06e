import type { Ledger } from './core/ledger.ts'
import { findPage } from './core/ledger.ts'
import { contains, seqsOf } from './core/ranges.ts'
import { CANCELLED, DONE, FAILED, OPEN } from './core/registers.ts'
import type { QueueInfo } from './task-info.ts'

/** How many tasks are where. */
export type TaskCounts = { -readonly [K in keyof Omit<QueueInfo, 'nodes' | 'queue'>]: number }

/** No tasks. */
export function noTasks(): TaskCounts {
  return { pending: 0, delayed: 0, running: 0, done: 0, failed: 0, cancelled: 0 }
}

/**
 * Counts the tasks of a ledger by queue. It reads the registers' columns and makes nothing of a
 * single task, so that a million of them take no longer than a turn may.
 */
export function countTasks(ledger: Ledger): Map<string, TaskCounts> {
  const counts = new Map<string, TaskCounts>()
  const bySpec = ledger.specs.map(({ queue }) => {
    let count = counts.get(queue)
    if (count === undefined) counts.set(queue, (count = noTasks()))
    return count
  })
  for (const seq of seqsOf(ledger.stored)) {
    const page = findPage(ledger, seq)
    const slot = seq % ledger.pageTasks
    const count = bySpec[(page?.spec[slot] ?? 0) - 1]
    if (page === undefined || count === undefined) continue
    const state = page.state[slot]
    if (state === DONE) count.done++
    else if (state === FAILED) count.failed++
    else if (state === CANCELLED) count.cancelled++
    else if (page.lease[slot] !== 0) count.running++
    else count.pending++
  }
  countDelayed(ledger, bySpec)
  return counts
}

function countDelayed(ledger: Ledger, bySpec: readonly TaskCounts[]): void {
  for (const { first, count: tasks } of ledger.delayed) {
    for (let seq = first; seq < first + tasks; seq++) {
      const page = findPage(ledger, seq)
      const slot = seq % ledger.pageTasks
      const spec = (page?.spec[slot] ?? 0) - 1
      const count = bySpec[spec]
      if (count === undefined || page?.state[slot] !== OPEN || page.lease[slot] !== 0) continue
      if (contains(ledger.ready[spec] ?? [], seq)) continue
      count.pending--
      count.delayed++
    }
  }
}
