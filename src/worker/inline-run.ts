import type { Timers } from '../time/timers.ts'
import type { Attempt } from './attempt.ts'
import type { Running, RunOwner, RunPlace } from './claim.ts'
import { isThenable } from './execute.ts'
import { keepResult } from './keep-result.ts'
import type { WorkerBlobs } from './large.ts'
import { errorOutcome, type Outcome, resultOutcome, timeoutOutcome } from './outcome.ts'

/** Limits of runs on the main loop. */
export interface InlineLimits {
  readonly maxResultBytes: number
  /** Time that a stopped handler may take to end, in milliseconds. */
  readonly graceMs: number
  readonly blobs?: WorkerBlobs | undefined
  readonly timers: Timers
}

/** A run on the main loop whose handler returned a promise, or a result that takes its time. */
export class InlineRun implements Running {
  readonly #attempt: Attempt
  readonly #place: RunPlace
  readonly #limits: InlineLimits
  readonly #owner: RunOwner
  #clear: (() => void) | undefined
  #stopped = false
  #over = false

  constructor(
    attempt: Attempt,
    place: RunPlace,
    result: PromiseLike<unknown> | Outcome,
    limits: InlineLimits,
    owner: RunOwner,
  ) {
    this.#attempt = attempt
    this.#place = place
    this.#limits = limits
    this.#owner = owner
    const { timeoutMs } = attempt
    if (timeoutMs > 0) this.#clear = limits.timers.after(timeoutMs, () => this.#timeOut())
    if (!isThenable(result)) {
      this.#take(result)
      return
    }
    // `resolve` adopts promises of any make, and calls back only once.
    Promise.resolve(result).then(
      value => this.#take(resultOutcome(value, limits)),
      (error: unknown) => this.#end(errorOutcome(error)),
    )
  }

  abort(reason: string): void {
    this.#stop(reason)
  }

  #timeOut(): void {
    this.#stop('timeout')
    this.#owner.ended(this.#place, timeoutOutcome(this.#attempt.timeoutMs))
  }

  #stop(reason: string): void {
    if (this.#stopped) return
    this.#stopped = true
    this.#clear?.()
    const { timers, graceMs } = this.#limits
    this.#clear = timers.after(graceMs, () => this.#giveUp())
    this.#attempt.mute()
    this.#attempt.abort(reason)
  }

  /** The handler has returned; of a stream, it goes on while that is read. */
  #take(outcome: Outcome): void {
    if (outcome.large === undefined || this.#stopped) {
      this.#end(outcome)
      return
    }
    const { ledger, signal } = this.#attempt
    void keepResult(this.#limits.blobs, ledger, outcome, signal).then(kept => this.#end(kept))
  }

  #end(outcome: Outcome): void {
    if (this.#over) return
    if (!this.#stopped) {
      this.#attempt.end()
      this.#owner.ended(this.#place, outcome)
    }
    this.#leave()
  }

  // Nothing can end a function that does not listen; kept slots would in the end stop the node.
  #giveUp(): void {
    const run = `Handler of ${this.#place.lane.queue} (task ${this.#attempt.taskId})`
    const late = `has not ended ${this.#limits.graceMs} ms after its signal was aborted`
    this.#owner.warn(`${run} ${late}; it is left behind`)
    this.#leave()
  }

  #leave(): void {
    this.#over = true
    this.#clear?.()
    this.#owner.over(this.#place)
  }
}
