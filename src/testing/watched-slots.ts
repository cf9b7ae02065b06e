import { countOf, type Ranges } from '../core/ranges.ts'
import type { LedgerId } from '../core/ids.ts'
import type { Worker, WorkerEvents } from '../driver/ports.ts'
import type { Run } from '../core/effects.ts'
import type { Finished } from '../core/inputs.ts'
import type { Slots } from '../simulator/node-process.ts'

/** What a worker is watched with. */
export interface WatchedSlotsInit {
  readonly worker: Worker
  readonly concurrency: number
  readonly now: () => number
  /** Handlers have ended, before the core is told. */
  readonly finished: (finished: Finished) => void
  /** Runs are stopped. */
  readonly aborted: () => void
}

/** A worker that shows since when it has had room, and tells of what ends. */
export class WatchedSlots implements Worker, Slots {
  readonly #init: WatchedSlotsInit
  #held = 0
  #roomSince: number

  constructor(init: WatchedSlotsInit) {
    this.#init = init
    this.#roomSince = init.now()
  }

  get roomSince(): number {
    return this.#roomSince
  }

  start(events: WorkerEvents): Promise<void> {
    return this.#init.worker.start({
      finished: finished => {
        this.#hold(-countOf(finished.seqs))
        this.#init.finished(finished)
        events.finished(finished)
      },
      reported: reported => events.reported(reported),
    })
  }

  run(run: Run): void {
    this.#hold(countOf(run.seqs))
    this.#init.worker.run(run)
  }

  abort(ledger: LedgerId, token: number, seqs: Ranges, reason: string): void {
    this.#hold(-countOf(seqs))
    this.#init.aborted()
    this.#init.worker.abort(ledger, token, seqs, reason)
  }

  drain(): void {
    this.#init.worker.drain()
  }

  stop(): Promise<void> {
    return this.#init.worker.stop()
  }

  #hold(count: number): void {
    this.#held = Math.max(0, this.#held + count)
    if (this.#held >= this.#init.concurrency) this.#roomSince = Infinity
    else if (this.#roomSince === Infinity) this.#roomSince = this.#init.now()
  }
}
