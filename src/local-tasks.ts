import { type LedgerId, parseTaskId, taskId } from './core/ids.ts'
import type { Machine, TaskView } from './core/machine.ts'
import { hasLedger, listTasks, viewTask } from './core/query.ts'
import type { QueueInfo, TaskInfo, TaskState } from './task-info.ts'

/** Which tasks of a listing are wanted. */
export interface ListFilter {
  readonly queue?: string | undefined
  readonly state?: TaskState | undefined
}

/** Some tasks of a listing. */
export interface TaskPage {
  readonly tasks: readonly TaskInfo[]
  /** The task after which the listing goes on; absent at its end. */
  readonly next?: string | undefined
}

/** How many tasks of a queue are where, within one ledger. */
export interface LedgerQueue extends Omit<QueueInfo, 'nodes'> {
  readonly ledger: LedgerId
}

/** Ledgers and queues of one answer. */
const ledgerQueuesMax = 2_000

/** What this node itself knows of tasks: those of ledgers that it votes for or published in. */
export class LocalTasks {
  readonly #machine: Machine
  readonly #now: () => number

  constructor(machine: Machine, now: () => number) {
    this.#machine = machine
    this.#now = now
  }

  knows(ledger: LedgerId): boolean {
    return hasLedger(this.#machine, ledger)
  }

  find(id: string): TaskInfo | undefined {
    const at = parseTaskId(id)
    if (at === undefined) return undefined
    const view = viewTask(this.#machine, at.ledger, at.seq, this.#now())
    return view === undefined ? undefined : infoOf(view)
  }

  /** Tasks after that one, in an order that stays; from the start without it. */
  page(filter: ListFilter, after: string | undefined, limit: number): TaskPage {
    const tasks: TaskInfo[] = []
    let from = after === undefined ? undefined : parseTaskId(after)
    for (const view of listTasks(this.#machine, this.#now())) {
      if (from !== undefined) {
        if (view.ledger === from.ledger && view.seq >= from.seq) {
          const isIt = view.seq === from.seq
          from = undefined
          if (isIt) continue
        } else continue
      }
      if (filter.queue !== undefined && view.spec.queue !== filter.queue) continue
      if (filter.state !== undefined && view.state !== filter.state) continue
      if (tasks.length === limit) return { tasks, next: tasks.at(-1)?.id }
      tasks.push(infoOf(view))
    }
    return { tasks }
  }

  /** Counts per ledger, since several nodes hold the same one. */
  queues(): LedgerQueue[] {
    const rows = new Map<string, { -readonly [K in keyof LedgerQueue]: LedgerQueue[K] }>()
    for (const { ledger, spec, state } of listTasks(this.#machine, this.#now())) {
      const key = `${ledger}${spec.queue}`
      let row = rows.get(key)
      if (row === undefined) {
        if (rows.size === ledgerQueuesMax) continue
        rows.set(key, (row = { ledger, queue: spec.queue, ...noTasks }))
      }
      row[state]++
    }
    return [...rows.values()]
  }
}

/** Counts of an empty queue. */
export const noTasks = {
  pending: 0,
  delayed: 0,
  running: 0,
  done: 0,
  failed: 0,
  cancelled: 0,
} as const satisfies Omit<QueueInfo, 'nodes' | 'queue'>

function infoOf(view: TaskView): TaskInfo {
  const { ledger, seq, spec, state, failures, grants, holder, outcome } = view
  const reason = outcome?.reason
  return {
    id: taskId(ledger, seq),
    queue: spec.queue,
    state,
    priority: spec.priority,
    attempts: spec.attempts,
    failures,
    grants,
    node: holder ?? (outcome?.by === '' ? undefined : outcome?.by),
    reason: reason === '' ? undefined : reason,
    ageMs: Math.round(view.ageMs),
    dueMs: Math.round(view.dueMs),
  }
}
