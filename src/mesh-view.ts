import type { AbortOptions } from '@libp2p/interface'
import { parseTaskId } from './core/ids.ts'
import type { LedgerQueue, LocalTasks, TaskPage } from './local-tasks.ts'
import type { TaskFilter } from './mesh-node.ts'
import { optionsOf } from './options.ts'
import type { PeerQueries } from './peer-queries.ts'
import { pageTasksMax } from './query.ts'
import { noTasks } from './task-counts.ts'
import type { NodeInfo, QueueInfo, TaskInfo } from './task-info.ts'

/** What a view of the mesh is put together from. */
export interface MeshViewInit {
  readonly local: LocalTasks
  readonly queries: PeerQueries
  /** Full nodes that are connected now. */
  peers(): readonly string[]
  describe(): NodeInfo
}

/** Pages that one node may give for one listing. */
const pagesMax = 100_000

/** What this node and those it is connected to know together. */
export class MeshView {
  readonly #init: MeshViewInit

  constructor(init: MeshViewInit) {
    this.#init = init
  }

  /** Tasks of all of them, each once; a page at a time, so that nothing is held for long. */
  async *tasks({ queue, state, signal }: TaskFilter): AsyncGenerator<TaskInfo> {
    const { local, queries } = this.#init
    const filter = { queue, state }
    const seen = new SeenTasks()
    yield* this.#pages(seen, signal, async after => local.page(filter, after, pageTasksMax))
    for (const peer of this.#init.peers()) {
      yield* this.#pages(seen, signal, async after => {
        const request = { type: 'tasks', ...filter, after, limit: pageTasksMax } as const
        try {
          return await queries.ask<'tasks'>(peer, request, optionsOf(signal))
        } catch {
          // It has gone or does not answer: what it alone knows is not in the listing.
          return { tasks: [] }
        }
      })
    }
  }

  /** This node, then the others as they answer. */
  async nodes(options: AbortOptions): Promise<readonly NodeInfo[]> {
    const { queries } = this.#init
    const nodes = [this.#init.describe()]
    for await (const { peer, answer } of queries.askAll<'node'>({ type: 'node' }, options)) {
      if (answer.peerId === peer) nodes.push(answer)
    }
    return nodes
  }

  /** Counts of all ledgers, each from the node that knows most of it. */
  async queues(options: AbortOptions): Promise<readonly QueueInfo[]> {
    const { local, queries } = this.#init
    const best = new Map<string, LedgerQueue>()
    const take = (rows: readonly LedgerQueue[]): void => {
      for (const row of rows) {
        const key = `${row.ledger}${row.queue}`
        const other = best.get(key)
        if (other === undefined || knownOf(row) > knownOf(other)) best.set(key, row)
      }
    }
    take(local.queues())
    const asking = { type: 'queues' } as const
    for await (const { answer } of queries.askAll<'queues'>(asking, options)) take(answer.rows)
    return sumUp(best.values(), await this.nodes(options))
  }

  async *#pages(
    seen: SeenTasks,
    signal: AbortSignal | undefined,
    read: (after: string | undefined) => Promise<TaskPage>,
  ): AsyncGenerator<TaskInfo> {
    let after: string | undefined
    for (let page = 0; page < pagesMax; page++) {
      signal?.throwIfAborted()
      const { tasks, next } = await read(after)
      for (const task of tasks) if (seen.add(task.id)) yield task
      if (next === undefined || next === after) return
      after = next
    }
  }
}

/** Task ids by ledger: a number each, however long the listing. */
class SeenTasks {
  readonly #ledgers = new Map<string, Set<number>>()

  /** False if the task was there, or its id is none. */
  add(id: string): boolean {
    const at = parseTaskId(id)
    if (at === undefined) return false
    let seqs = this.#ledgers.get(at.ledger)
    if (seqs === undefined) this.#ledgers.set(at.ledger, (seqs = new Set()))
    if (seqs.has(at.seq)) return false
    seqs.add(at.seq)
    return true
  }
}

function knownOf({ pending, delayed, running, done, failed, cancelled }: LedgerQueue): number {
  return pending + delayed + running + done + failed + cancelled
}

function sumUp(rows: Iterable<LedgerQueue>, nodes: readonly NodeInfo[]): QueueInfo[] {
  const queues = new Map<string, { -readonly [K in keyof QueueInfo]: QueueInfo[K] }>()
  const queueOf = (queue: string) => {
    let sum = queues.get(queue)
    if (sum === undefined) queues.set(queue, (sum = { queue, nodes: 0, ...noTasks() }))
    return sum
  }
  for (const { queues: served } of nodes) for (const queue of served) queueOf(queue).nodes++
  for (const row of rows) {
    const sum = queueOf(row.queue)
    sum.pending += row.pending
    sum.delayed += row.delayed
    sum.running += row.running
    sum.done += row.done
    sum.failed += row.failed
    sum.cancelled += row.cancelled
  }
  return [...queues.values()].toSorted((a, b) => (a.queue < b.queue ? -1 : 1))
}
