import { CancelGroups, type CancelGroup, type Cancels } from './cancels.ts'
import { type LedgerId, parseTaskId, type PeerId, taskId } from './core/ids.ts'
import { contains, fromSeqs } from './core/ranges.ts'
import { TaskNotFoundError } from './errors.ts'
import type { LocalTasks } from './local-tasks.ts'
import type { PeerQueries, TaskAt } from './peer-queries.ts'
import { abortable } from './publish.ts'

export interface MeshCancelsInit {
  readonly queries: PeerQueries
  readonly local: LocalTasks
  /** Those of the core. */
  readonly cancels: Cancels
  /** Full nodes that are connected now. */
  connected(): number
}

/** Tasks that are looked for at the same time. */
const findsAtOnce = 8

/** Tasks of one ledger and the node that cancels them; this one where no peer is named. */
interface Place {
  readonly peer?: PeerId | undefined
  readonly ledger: LedgerId
  readonly tasks: CancelGroup
}

/**
 * Cancels tasks in whichever generation they are: those of ledgers that this node does not vote in
 * with a majority at a node that knows them.
 */
export class MeshCancels extends CancelGroups {
  readonly #init: MeshCancelsInit
  #asking: Promise<void> = Promise.resolve()

  constructor(init: MeshCancelsInit) {
    super()
    this.#init = init
  }

  /**
   * Ends a task; false if it had another outcome first. The signal ends the wait only.
   *
   * @throws {TaskNotFoundError} Nobody that can be reached knows it.
   */
  async cancel(
    ledger: LedgerId,
    seq: number,
    reason: string,
    signal?: AbortSignal,
  ): Promise<boolean> {
    const here = this.#init.local.votedName(ledger, seq)
    if (here !== undefined) {
      return await this.#init.cancels.cancel(here.ledger, here.seq, reason, signal)
    }
    return await abortable(this.gather(ledger, seq, reason), signal)
  }

  /** The same for another node, which knows none better than this one. */
  async cancelHere(id: string, reason: string, signal?: AbortSignal): Promise<boolean> {
    const at = parseTaskId(id)
    if (at === undefined) return false
    const { ledger, seq } = this.#init.local.newestName(at.ledger, at.seq)
    return await this.#init.cancels.cancel(ledger, seq, reason, signal)
  }

  protected override cancelGroup(ledger: LedgerId, reason: string, tasks: CancelGroup): void {
    const ask = (): Promise<void> => this.#ask(ledger, reason, tasks)
    // One after the other: a peer answers only so many queries at once.
    this.#asking = this.#asking.then(ask).catch((error: unknown) => rejectAll(tasks, error))
  }

  async #ask(ledger: LedgerId, reason: string, tasks: CancelGroup): Promise<void> {
    const all = [...tasks.keys()].toSorted((a, b) => a - b)
    const first = all[0] as number
    const { peer, task, alone } = await this.#find(ledger, first)
    const isPlain = !alone && task.generation === undefined
    const places = isPlain ? [{ peer, ledger, tasks }] : await this.#placesOf(ledger, tasks, all)
    for (const place of places) {
      await this.#cancelAt(place, reason).catch((error: unknown) => rejectAll(place.tasks, error))
    }
  }

  /** Where tasks are that may have gone on as other generations, and under which names. */
  async #placesOf(ledger: LedgerId, tasks: CancelGroup, all: readonly number[]): Promise<Place[]> {
    const places = new Map<string, Place>()
    const findOne = async (seq: number): Promise<void> => {
      const waiting = tasks.get(seq)
      if (waiting === undefined) return
      try {
        const { peer, task } = await this.#find(ledger, seq)
        const name = parseTaskId(task.forkId ?? task.id) ?? { ledger, seq }
        const key = `${peer} ${name.ledger}`
        let place = places.get(key)
        if (place === undefined) {
          places.set(key, (place = { peer, ledger: name.ledger, tasks: new Map() }))
        }
        place.tasks.set(name.seq, waiting)
      } catch (error) {
        waiting.reject(error)
      }
    }
    for (let at = 0; at < all.length; at += findsAtOnce) {
      await Promise.all(all.slice(at, at + findsAtOnce).map(findOne))
    }
    return [...places.values()]
  }

  async #cancelAt({ peer, ledger, tasks }: Place, reason: string): Promise<void> {
    const all = [...tasks.keys()].toSorted((a, b) => a - b)
    const first = all[0] as number
    if (peer === undefined) {
      // Nobody else need wait for it: it lasts until a majority is there, or is given up.
      for (const [seq, { resolve }] of tasks) {
        resolve(this.#init.cancels.cancel(ledger, seq, reason))
      }
      return
    }
    const { queries } = this.#init
    if (all.length === 1) {
      const id = taskId(ledger, first)
      const { cancelled } = await queries.ask<'cancel'>(peer, { type: 'cancel', id, reason })
      if (cancelled === undefined) throw this.#notFound(ledger, first)
      tasks.get(first)?.resolve(cancelled)
      return
    }
    const request = { type: 'cancel-tasks', ledger, seqs: fromSeqs(all), reason } as const
    const { cancelled } = await queries.ask<'cancel-tasks'>(peer, request)
    if (cancelled === undefined) throw this.#notFound(ledger, first)
    for (const [seq, { resolve }] of tasks) resolve(contains(cancelled, seq))
  }

  async #find(ledger: LedgerId, seq: number): Promise<TaskAt> {
    const found = await this.#init.queries.find(taskId(ledger, seq))
    if (found === undefined) throw this.#notFound(ledger, seq)
    return found
  }

  #notFound(ledger: LedgerId, seq: number): TaskNotFoundError {
    return new TaskNotFoundError(taskId(ledger, seq), this.#init.connected())
  }
}

function rejectAll(tasks: CancelGroup, error: unknown): void {
  for (const { reject } of tasks.values()) reject(error)
}
