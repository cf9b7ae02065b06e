import type { CancelEnded } from './core/effects.ts'
import type { LedgerId } from './core/ids.ts'
import type { Input } from './core/inputs.ts'
import { contains, fromSeqs } from './core/ranges.ts'
import { cancelBody } from './outcome.ts'
import { abortable } from './publish.ts'
import { cancelTasksMax } from './query.ts'

/** Tasks of one ledger that are to be cancelled for one reason, each with who waits for it. */
export type CancelGroup = Map<number, PromiseWithResolvers<boolean>>

/** Gathers what is to be cancelled within one microtask, so that many tasks make few requests. */
export abstract class CancelGroups {
  #groups = new Map<string, { ledger: LedgerId; reason: string; tasks: CancelGroup }>()

  /** Cancels tasks of one ledger; settles each of them. */
  protected abstract cancelGroup(ledger: LedgerId, reason: string, tasks: CancelGroup): void

  /** Whether a task was cancelled, and had no other outcome first. */
  protected gather(ledger: LedgerId, seq: number, reason: string): Promise<boolean> {
    if (this.#groups.size === 0) queueMicrotask(() => this.#flush())
    const key = `${ledger} ${reason}`
    let group = this.#groups.get(key)
    if (group === undefined || group.tasks.size >= cancelTasksMax) {
      if (group !== undefined) this.#flush()
      group = { ledger, reason, tasks: new Map() }
      this.#groups.set(key, group)
    }
    let answer = group.tasks.get(seq)
    if (answer === undefined) group.tasks.set(seq, (answer = Promise.withResolvers<boolean>()))
    return answer.promise
  }

  #flush(): void {
    const groups = this.#groups
    this.#groups = new Map()
    for (const { ledger, reason, tasks } of groups.values()) {
      this.cancelGroup(ledger, reason, tasks)
    }
  }
}

/** Cancels that wait for the core's answer. */
export class Cancels extends CancelGroups {
  readonly #input: (input: Input) => void
  readonly #pending = new Map<number, CancelGroup>()
  readonly #stopped = new AbortController()
  #nextRequest = 1

  constructor(input: (input: Input) => void) {
    super()
    this.#input = input
  }

  /** Ends a task; false if it had another outcome first. The signal ends the wait only. */
  async cancel(
    ledger: LedgerId,
    seq: number,
    reason: string,
    signal?: AbortSignal,
  ): Promise<boolean> {
    const stop = this.#stopped.signal
    stop.throwIfAborted()
    const ended = signal === undefined ? stop : AbortSignal.any([signal, stop])
    return await abortable(this.gather(ledger, seq, reason), ended)
  }

  answered({ request, cancelled, tooLate }: CancelEnded): void {
    const tasks = this.#pending.get(request)
    if (tasks === undefined) return
    const isGivenUp = cancelled.length + tooLate.length === 0
    for (const [seq, { resolve }] of tasks) {
      const isCancelled = contains(cancelled, seq)
      if (!isCancelled && !isGivenUp && !contains(tooLate, seq)) continue
      resolve(isCancelled)
      tasks.delete(seq)
    }
    if (tasks.size === 0) this.#pending.delete(request)
  }

  /** Ends every cancel that waits, and each that comes after. */
  fail(error: Error): void {
    this.#stopped.abort(error)
    this.#pending.clear()
  }

  protected override cancelGroup(ledger: LedgerId, reason: string, tasks: CancelGroup): void {
    const request = this.#nextRequest++
    this.#pending.set(request, tasks)
    const seqs = fromSeqs([...tasks.keys()].toSorted((a, b) => a - b))
    this.#input({ type: 'cancel', request, ledger, seqs, reason: cancelBody(reason) })
  }
}
