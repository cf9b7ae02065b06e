import type { TakenBlobs } from '../blobs/blobs.ts'
import type { MeshBlob } from '../blobs/mesh-blob.ts'
import type { Timers } from '../time/timers.ts'
import type { AttemptInit } from './attempt.ts'
import type { Running, RunOwner, RunPlace } from './claim.ts'
import type { WorkerBlobs } from './large.ts'
import { errorOutcome } from './outcome.ts'

/** A task that is to be started. */
export interface Starting extends AttemptInit, RunPlace {
  /** JSON, or bytes that are here. */
  readonly payload: string | MeshBlob
  /** Blobs that JSON names, which are here. */
  readonly blobs?: readonly MeshBlob[] | undefined
}

export interface FetchedRunInit {
  readonly task: Omit<Starting, 'payload' | 'blobs'>
  /** What names the payload. */
  readonly reference: Uint8Array
  readonly blobs: WorkerBlobs
  readonly owner: RunOwner
  /** Calls the handler; gives nothing if its run has ended at once. */
  readonly start: (task: Starting) => Running | undefined
  readonly timers: Timers
}

/** How long a task waits here that this node's full disk has no room for, in milliseconds. */
const fullMs = 5_000

/** Shortest time between two warnings that a queue's tasks have no room here, in milliseconds. */
const warnEveryMs = 60_000

/**
 * A run whose payload has to be fetched first. It has its slot and its lease from the start; its
 * time counts from when the handler is called.
 */
export class FetchedRun implements Running {
  readonly #init: FetchedRunInit
  readonly #fetching = new AbortController()
  #taken: TakenBlobs | undefined
  #running: Running | undefined
  #stopped: string | undefined
  #wake: (() => void) | undefined

  constructor(init: FetchedRunInit) {
    this.#init = init
    void this.#run()
  }

  abort(reason: string): void {
    if (this.#stopped !== undefined) return
    this.#stopped = reason
    this.#fetching.abort(new Error(`Run was stopped: ${reason}`))
    this.#running?.abort(reason)
    this.#wake?.()
  }

  /** The run is over. */
  release(): void {
    this.#taken?.release()
  }

  async #run(): Promise<void> {
    const { task, owner, start } = this.#init
    const { ledger, seq, token, attempt, timeoutMs, claim, lane } = task
    try {
      const taken = await this.#take()
      if (taken !== undefined && this.#stopped === undefined) {
        const { payload, blobs } = taken
        const whole = { ledger, seq, token, attempt, timeoutMs, claim, lane, payload, blobs }
        this.#running = start(whole)
        if (this.#running !== undefined) {
          if (this.#stopped !== undefined) this.#running.abort(this.#stopped)
          return
        }
      }
    } catch (error) {
      if (this.#stopped === undefined) owner.ended(task, errorOutcome(error))
    }
    owner.over(task)
  }

  async #take(): Promise<TakenBlobs | undefined> {
    const { task, reference, blobs, owner } = this.#init
    try {
      const { signal } = this.#fetching
      this.#taken = await blobs.take(task.ledger, reference, { signal })
      return this.#taken
    } catch (error) {
      const isFull = error instanceof Error && error.name === 'NoSpaceError'
      if (!isFull || this.#stopped !== undefined) throw error
      // That is no fault of the task: others may have the room, or this node later.
      this.#warn(`A task of ${task.lane.queue} cannot run here: ${error.message}`)
      await this.#wait(fullMs)
      if (this.#stopped === undefined) owner.ended(task, { kind: 'released', body: '' })
      return undefined
    }
  }

  /** Says it now and then only: the task may well come back. */
  #warn(message: string): void {
    const { task, owner } = this.#init
    const now = performance.now()
    if (now - task.lane.warnedAt < warnEveryMs) return
    task.lane.warnedAt = now
    owner.warn(message)
  }

  async #wait(ms: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    const clear = this.#init.timers.after(ms, resolve)
    this.#wake = resolve
    await promise
    clear()
  }
}
