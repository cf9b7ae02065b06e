import type { Run } from './core/effects.ts'
import type { LedgerId } from './core/ids.ts'
import { countOf, type Ranges, subtract, union } from './core/ranges.ts'
import type { Worker, WorkerEvents } from './driver/ports.ts'

/** A worker that knows how many runs it still owes, and what became of the others. */
export class WatchedWorker implements Worker {
  readonly #worker: Worker
  readonly #owed = new Map<string, Ranges>()
  #count = 0
  #finished = 0
  #released = 0

  constructor(worker: Worker) {
    this.#worker = worker
  }

  /** Tasks that it was given and that have not ended, started or not. */
  get held(): number {
    return this.#count
  }

  /** Runs that have ended by themselves, whatever their outcome. */
  get finished(): number {
    return this.#finished
  }

  /** Tasks given back, before they have started or because this node leaves. */
  get released(): number {
    return this.#released
  }

  start(events: WorkerEvents): Promise<void> {
    return this.#worker.start({
      finished: finished => {
        const count = this.#settle(finished.ledger, finished.token, finished.seqs)
        if (finished.kind === 'released') this.#released += count
        else this.#finished += count
        events.finished(finished)
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
    const count = this.#settle(ledger, token, seqs)
    if (reason === 'leaving') this.#released += count
    this.#worker.abort(ledger, token, seqs, reason)
  }

  drain(): void {
    this.#worker.drain()
  }

  async stop(): Promise<void> {
    await this.#worker.stop()
    this.#owed.clear()
    this.#count = 0
  }

  /** Owes these no more. Returns how many of them were owed. */
  #settle(ledger: LedgerId, token: number, seqs: Ranges): number {
    const key = keyOf(ledger, token)
    const owed = this.#owed.get(key)
    if (owed === undefined) return 0
    const left = subtract(owed, seqs)
    const count = countOf(owed) - countOf(left)
    this.#count -= count
    if (left.length === 0) this.#owed.delete(key)
    else this.#owed.set(key, left)
    return count
  }
}

function keyOf(ledger: LedgerId, token: number): string {
  return `${ledger}.${token}`
}
