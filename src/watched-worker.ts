import type { Run } from './core/effects.ts'
import type { LedgerId } from './core/ids.ts'
import { countOf, type Ranges, subtract, union } from './core/ranges.ts'
import type { Worker, WorkerEvents } from './driver/ports.ts'

/** A worker that knows how many runs it still owes. */
export class WatchedWorker implements Worker {
  readonly #worker: Worker
  readonly #owed = new Map<string, Ranges>()
  #count = 0
  #idle: PromiseWithResolvers<void> | undefined

  constructor(worker: Worker) {
    this.#worker = worker
  }

  /** Tasks that it was given and that have not ended, started or not. */
  get held(): number {
    return this.#count
  }

  /** Resolves when it owes nothing. */
  get idle(): Promise<void> {
    if (this.#count === 0) return Promise.resolve()
    this.#idle ??= Promise.withResolvers()
    return this.#idle.promise
  }

  start(events: WorkerEvents): Promise<void> {
    return this.#worker.start({
      finished: finished => {
        this.#settle(finished.ledger, finished.token, finished.seqs)
        events.finished(finished)
        this.#tell()
      },
      reported: reported => events.reported(reported),
    })
  }

  run(run: Run): void {
    const key = keyOf(run.ledger, run.token)
    this.#owed.set(key, union(this.#owed.get(key) ?? [], run.seqs))
    this.#count += countOf(run.seqs)
    this.#worker.run(run)
  }

  abort(ledger: LedgerId, token: number, seqs: Ranges, reason: string): void {
    this.#settle(ledger, token, seqs)
    this.#worker.abort(ledger, token, seqs, reason)
    this.#tell()
  }

  drain(): void {
    this.#worker.drain()
  }

  async stop(): Promise<void> {
    await this.#worker.stop()
    this.#owed.clear()
    this.#count = 0
    this.#tell()
  }

  #settle(ledger: LedgerId, token: number, seqs: Ranges): void {
    const key = keyOf(ledger, token)
    const owed = this.#owed.get(key)
    if (owed === undefined) return
    const left = subtract(owed, seqs)
    this.#count -= countOf(owed) - countOf(left)
    if (left.length === 0) this.#owed.delete(key)
    else this.#owed.set(key, left)
  }

  #tell(): void {
    if (this.#count > 0) return
    this.#idle?.resolve()
    this.#idle = undefined
  }
}

function keyOf(ledger: LedgerId, token: number): string {
  return `${ledger}.${token}`
}
