import { rm } from 'node:fs/promises'
import { taskId } from '../core/ids.ts'
import type { Running, RunOwner, RunPlace } from './claim.ts'
import { HandlerCrashedError } from './errors.ts'
import { keepResult } from './keep-result.ts'
import type { WorkerBlobs } from './large.ts'
import { errorOutcome, type Outcome, timeoutOutcome } from './outcome.ts'
import type { Place } from './place.ts'
import type { ThreadTask } from './thread-messages.ts'

export interface ModuleRunInit {
  readonly task: Omit<ThreadTask, 'payload' | 'blobs'>
  readonly place: RunPlace
  readonly owner: RunOwner
  /** Time that a stopped handler may take to end, in milliseconds. */
  readonly graceMs: number
  /** Time that its place may take to start and to import the handler, in milliseconds. */
  readonly startMs: number
  readonly blobs: WorkerBlobs | undefined
}

/** Longest wait for a thread to be gone, in milliseconds: native code cannot be interrupted. */
const exitMs = 2_000

/** A run in a place of the pool, as the node sees it. */
export class ModuleRun implements Running {
  /** Removes the run from its pool, with its place if it has started. */
  readonly killer = new AbortController()
  readonly #init: ModuleRunInit
  #timer: NodeJS.Timeout | undefined
  #in: Place | undefined
  #stopped: string | undefined
  #dropped = false
  #killed: Promise<unknown> | undefined
  #exhausted: string | undefined
  #keeping: AbortController | undefined

  constructor(init: ModuleRunInit) {
    this.#init = init
    this.#timer = setTimeout(() => this.#kill(), init.startMs)
  }

  get task(): ModuleRunInit['task'] {
    return this.#init.task
  }

  /** Where the handler is running. */
  get in(): Place | undefined {
    return this.#in
  }

  /** Whether anybody wants to know what the run reports. */
  get heard(): boolean {
    return this.#stopped === undefined
  }

  /** The handler is being called. */
  started(where: Place): void {
    if (this.#killed !== undefined) return
    this.#in = where
    clearTimeout(this.#timer)
    const { timeoutMs } = this.#init.task
    if (timeoutMs > 0 && timeoutMs < 2 ** 31) {
      this.#timer = setTimeout(() => this.#stop('timeout'), timeoutMs)
    }
  }

  /** Its place uses more memory than it may. */
  exhausted(why: string): void {
    this.#exhausted ??= why
    this.#kill()
  }

  abort(reason: string): void {
    this.#dropped = true
    this.#stop(reason)
  }

  /** The pool has an answer: the run's outcome, or why its place ended. */
  async finish(result: Promise<Outcome>): Promise<void> {
    const outcome = await result.catch((error: unknown) => this.#crashOutcome(error))
    clearTimeout(this.#timer)
    await this.#killed
    const { owner, place, task } = this.#init
    const kept = outcome.large === undefined ? outcome : await this.#keep(outcome)
    if (!this.#dropped) {
      owner.ended(place, this.#stopped === 'timeout' ? timeoutOutcome(task.timeoutMs) : kept)
    }
    owner.over(place)
  }

  /** The handler is done; its result has to go elsewhere. */
  async #keep(outcome: Outcome): Promise<Outcome> {
    const { blobs, task } = this.#init
    if (this.#stopped === undefined) {
      this.#keeping = new AbortController()
      return keepResult(blobs, task.ledger, outcome, this.#keeping.signal)
    }
    if (outcome.large?.type === 'file') await rm(outcome.large.file, { force: true })
    return outcome
  }

  #stop(reason: string): void {
    if (this.#stopped !== undefined) return
    this.#stopped = reason
    clearTimeout(this.#timer)
    if (this.#keeping !== undefined) {
      this.#keeping.abort(new Error(`Run was stopped: ${reason}`))
      return
    }
    if (this.#in === undefined) {
      this.#kill()
      return
    }
    this.#in.tell({ type: 'abort', id: this.#init.task.id, reason })
    this.#timer = setTimeout(() => this.#kill(), this.#init.graceMs)
  }

  #kill(): void {
    if (this.#killed !== undefined) return
    this.#killed = this.#in === undefined ? Promise.resolve() : exitOf(this.#in)
    this.#tellStuck()
    this.killer.abort()
  }

  #tellStuck(): void {
    if (this.#stopped === undefined || this.#in === undefined) return
    if (this.#exhausted !== undefined) return
    const { queue, ledger, seq } = this.#init.task
    const run = `Handler of ${queue} (task ${taskId(ledger, seq)}) is stuck`
    const late = `it did not end ${this.#init.graceMs} ms after its signal was aborted`
    this.#init.owner.warn(`${run}: ${late}; its ${this.#in.kind} was ended`)
  }

  #crashOutcome(error: unknown): Outcome {
    const { queue, file } = this.#init.task
    if (this.#killed === undefined) {
      return errorOutcome(error instanceof HandlerCrashedError ? error.of(queue) : error)
    }
    if (this.#exhausted !== undefined) {
      const message = `Handler of ${queue} ${this.#exhausted}; its ${this.#in?.kind} was ended`
      return errorOutcome({ name: 'OutOfMemoryError', message })
    }
    const late = `was not ready to run after ${this.#init.startMs} ms`
    return errorOutcome(new Error(`Handler of ${queue} in ${file} ${late}`))
  }
}

/** When a place is gone, or has been waited for long enough. */
function exitOf(place: Place): Promise<unknown> {
  const { promise, resolve } = Promise.withResolvers<void>()
  const timer = setTimeout(resolve, exitMs)
  return Promise.race([place.gone(), promise]).finally(() => clearTimeout(timer))
}
