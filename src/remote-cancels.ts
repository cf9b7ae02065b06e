import { CancelGroups, type CancelGroup } from './cancels.ts'
import { type LedgerId, taskId } from './core/ids.ts'
import { contains, fromSeqs } from './core/ranges.ts'
import { TaskNotFoundError } from './errors.ts'
import type { PeerQueries } from './peer-queries.ts'
import { abortable } from './publish.ts'

export interface RemoteCancelsInit {
  readonly queries: PeerQueries
  /** Full nodes that are connected now. */
  connected(): number
}

/** Cancels tasks of ledgers that this node does not vote in: asks a node that knows them. */
export class RemoteCancels extends CancelGroups {
  readonly #init: RemoteCancelsInit
  #asking: Promise<void> = Promise.resolve()

  constructor(init: RemoteCancelsInit) {
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
    return await abortable(this.gather(ledger, seq, reason), signal)
  }

  protected override cancelGroup(ledger: LedgerId, reason: string, tasks: CancelGroup): void {
    const ask = (): Promise<void> => this.#ask(ledger, reason, tasks)
    // One after the other: a peer answers only so many queries at once.
    this.#asking = this.#asking.then(ask).catch((error: unknown) => {
      for (const { reject } of tasks.values()) reject(error)
    })
  }

  async #ask(ledger: LedgerId, reason: string, tasks: CancelGroup): Promise<void> {
    const { queries } = this.#init
    const all = [...tasks.keys()].toSorted((a, b) => a - b)
    const first = all[0] as number
    const found = await queries.find(taskId(ledger, first))
    if (found === undefined) throw this.#notFound(ledger, first)
    if (all.length === 1) {
      const id = taskId(ledger, first)
      const { cancelled } = await queries.ask<'cancel'>(found.peer, { type: 'cancel', id, reason })
      if (cancelled === undefined) throw this.#notFound(ledger, first)
      tasks.get(first)?.resolve(cancelled)
      return
    }
    const request = { type: 'cancel-tasks', ledger, seqs: fromSeqs(all), reason } as const
    const { cancelled } = await queries.ask<'cancel-tasks'>(found.peer, request)
    if (cancelled === undefined) throw this.#notFound(ledger, first)
    for (const [seq, { resolve }] of tasks) resolve(contains(cancelled, seq))
  }

  #notFound(ledger: LedgerId, seq: number): TaskNotFoundError {
    return new TaskNotFoundError(taskId(ledger, seq), this.#init.connected())
  }
}
