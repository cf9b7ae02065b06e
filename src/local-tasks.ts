import { allCollected } from './core/collected.ts'
import { type LedgerId, parseTaskId, taskId } from './core/ids.ts'
import type { Machine, TaskView } from './core/machine.ts'
import { isAlone, viewNewest } from './core/generations.ts'
import { hasLedger, isBehind, viewTask } from './core/query.ts'
import { seqsOf, subtract } from './core/ranges.ts'
import type { FoundTask } from './found-task.ts'
import { countTasks } from './task-counts.ts'
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

/** The parts of a task's name. */
export interface TaskName {
  readonly ledger: LedgerId
  readonly seq: number
}

/** Tasks that are looked at for one page: most may be of other queues or states. */
const examinedMax = 5_000

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
    return this.look(id)?.task
  }

  /** A task by its first name, in the generation that counts here. */
  look(id: string): FoundTask | undefined {
    const at = parseTaskId(id)
    if (at === undefined) return undefined
    const newest = viewNewest(this.#machine, at.ledger, at.seq, this.#now())
    if (newest === undefined) return undefined
    const { view, generation } = newest
    const info = infoOf(view)
    const fork = generation === 1 ? undefined : { id, generation, forkId: info.id }
    return { task: { ...info, ...fork }, alone: isAlone(this.#machine, view.ledger) }
  }

  /** What a task is called in the generation that counts here. */
  newestName(ledger: LedgerId, seq: number): TaskName {
    if (!this.#machine.voter.forks.has(ledger)) return { ledger, seq }
    return viewNewest(this.#machine, ledger, seq, this.#now())?.view ?? { ledger, seq }
  }

  /** The same where this node votes on it and reaches a majority; else others may know better. */
  votedName(ledger: LedgerId, seq: number): TaskName | undefined {
    const name = this.newestName(ledger, seq)
    return this.knows(name.ledger) && !isAlone(this.#machine, name.ledger) ? name : undefined
  }

  /** Tasks after that one, in an order that stays; from the start without it. */
  page(filter: ListFilter, after: string | undefined, limit: number): TaskPage {
    const tasks: TaskInfo[] = []
    let examined = 0
    let last: string | undefined
    for (const view of this.#after(after)) {
      if (tasks.length === limit || examined === examinedMax) return { tasks, next: last }
      examined++
      last = taskId(view.ledger, view.seq)
      if (filter.queue !== undefined && view.spec.queue !== filter.queue) continue
      if (filter.state !== undefined && view.state !== filter.state) continue
      tasks.push(infoOf(view))
    }
    return { tasks }
  }

  /** Counts per ledger, since several nodes hold the same one. */
  queues(): LedgerQueue[] {
    const rows: LedgerQueue[] = []
    for (const [ledger, held] of this.#machine.voter.ledgers) {
      if (isBehind(this.#machine, held)) continue
      for (const [queue, counts] of countTasks(held)) {
        if (rows.length === ledgerQueuesMax) return rows
        rows.push({ ledger, queue, ...counts })
      }
    }
    return rows
  }

  /** Begins where a listing has stopped, so that its pages do not cost more and more. */
  *#after(after: string | undefined): Generator<TaskView> {
    const from = after === undefined ? undefined : parseTaskId(after)
    const now = this.#now()
    let isThere = from === undefined
    for (const [ledger, held] of this.#machine.voter.ledgers) {
      // Of what was collected nothing could be listed but its number.
      const stored = subtract(held.stored, allCollected(held.collected))

      const isHere = ledger === from?.ledger
      if (!isThere && !isHere) continue
      isThere = true
      const rest = isHere ? subtract(stored, [0, from.seq + 1]) : stored
      for (const seq of seqsOf(rest)) {
        const view = viewTask(this.#machine, ledger, seq, now)
        if (view !== undefined) yield view
      }
    }
  }
}

function infoOf(view: TaskView): TaskInfo {
  const { ledger, seq, spec, state, failures, grants, holder, outcome, expired } = view
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
    expired,
    ageMs: Math.round(view.ageMs),
    dueMs: Math.round(view.dueMs),
  }
}
