import type { CancelEnded } from './core/effects.ts'
import type { LedgerId } from './core/ids.ts'
import type { Input } from './core/inputs.ts'
import { contains } from './core/ranges.ts'
import { cancelBody } from './outcome.ts'
import { abortable } from './publish.ts'

interface Pending {
  readonly seq: number
  readonly answer: PromiseWithResolvers<boolean>
}

/** Cancels that wait for the core's answer. */
export class Cancels {
  readonly #input: (input: Input) => void
  readonly #pending = new Map<number, Pending>()
  readonly #stopped = new AbortController()
  #nextRequest = 1

  constructor(input: (input: Input) => void) {
    this.#input = input
  }

  /** Ends a task; false if it had another outcome first. The signal ends the wait only. */
  async cancel(
    ledger: LedgerId,
    seq: number,
    reason: string,
    signal?: AbortSignal,
  ): Promise<boolean> {
    this.#stopped.signal.throwIfAborted()
    const request = this.#nextRequest++
    const answer = Promise.withResolvers<boolean>()
    this.#pending.set(request, { seq, answer })
    this.#input({ type: 'cancel', request, ledger, seqs: [seq, 1], reason: cancelBody(reason) })
    const stop = this.#stopped.signal
    const ended = signal === undefined ? stop : AbortSignal.any([signal, stop])
    try {
      return await abortable(answer.promise, ended)
    } finally {
      this.#pending.delete(request)
    }
  }

  answered({ request, cancelled }: CancelEnded): void {
    const pending = this.#pending.get(request)
    pending?.answer.resolve(contains(cancelled, pending.seq))
  }

  /** Ends every cancel that waits, and each that comes after. */
  fail(error: Error): void {
    this.#stopped.abort(error)
  }
}
