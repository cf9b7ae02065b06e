import { taskId } from '../core/ids.ts'
import type { Timers } from '../time/timers.ts'
import type { ContextPublishOptions, PublishedTask, TaskContext } from './definition.ts'
import { abortError } from './abort.ts'
import { Reporter } from './reporter.ts'

/** Names one run of one task. */
export interface AttemptName {
  readonly ledger: string
  readonly seq: number
  readonly token: number
}

/** What is known of a run before it starts. */
export interface AttemptInit extends AttemptName {
  /** Number of this run of the task, counted from 1. */
  readonly attempt: number
  readonly timeoutMs: number
}

/** What runs need of the thread that they are in. */
export interface AttemptHost {
  /** Peer id of the node. */
  readonly node: string
  /** @default the system's */
  readonly timers?: Timers | undefined
  report(attempt: Attempt, kind: 'progress' | 'log', body: string): void
  publish(
    task: string | { readonly name: string },
    input: unknown,
    options: ContextPublishOptions,
  ): Promise<PublishedTask>
}

/**
 * One run of one task, on the main loop or in a thread. Whatever a handler may ask for is made
 * when it asks, since most handlers ask for nothing.
 */
export class Attempt implements AttemptInit {
  readonly ledger: string
  readonly seq: number
  readonly token: number
  readonly attempt: number
  readonly timeoutMs: number
  readonly #host: AttemptHost
  #controller: AbortController | undefined
  #aborted: Error | undefined
  #reporter: Reporter | undefined
  #ended = false

  constructor(init: AttemptInit, host: AttemptHost) {
    this.ledger = init.ledger
    this.seq = init.seq
    this.token = init.token
    this.attempt = init.attempt
    this.timeoutMs = init.timeoutMs
    this.#host = host
  }

  get taskId(): string {
    return taskId(this.ledger, this.seq)
  }

  get node(): string {
    return this.#host.node
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController()
      if (this.#aborted !== undefined) this.#controller.abort(this.#aborted)
    }
    return this.#controller.signal
  }

  /** Aborts the signal; the first reason stands. */
  abort(reason: string): void {
    if (this.#aborted !== undefined) return
    this.#aborted = abortError(reason, this)
    this.#controller?.abort(this.#aborted)
  }

  report(kind: 'progress' | 'log', value: unknown): void {
    if (this.#ended) return
    this.#reporter ??= new Reporter((kind, body) => {
      if (!this.#ended) this.#host.report(this, kind, body)
    }, this.#host.timers)
    if (kind === 'progress') this.#reporter.progress(value)
    else this.#reporter.log(String(value))
  }

  async publish(
    task: string | { readonly name: string },
    input: unknown,
    options: ContextPublishOptions = {},
  ): Promise<PublishedTask> {
    if (this.#aborted !== undefined) throw this.#aborted
    return this.#host.publish(task, input, options)
  }

  /** The run is over: what is held back is reported, and nothing more after it. */
  end(): void {
    this.#reporter?.end()
    this.#ended = true
  }

  /** The run's result counts no more, nor does what it reports. */
  mute(): void {
    this.#ended = true
  }
}

/** A run as its handler sees it. Getters make functions that work without their object, too. */
export class AttemptContext implements TaskContext {
  readonly #attempt: Attempt

  constructor(attempt: Attempt) {
    this.#attempt = attempt
  }

  get signal(): AbortSignal {
    return this.#attempt.signal
  }

  get token(): number {
    return this.#attempt.token
  }

  get attempt(): number {
    return this.#attempt.attempt
  }

  get taskId(): string {
    return this.#attempt.taskId
  }

  get node(): string {
    return this.#attempt.node
  }

  get progress(): TaskContext['progress'] {
    return value => this.#attempt.report('progress', value)
  }

  get log(): TaskContext['log'] {
    return line => this.#attempt.report('log', line)
  }

  get publish(): TaskContext['publish'] {
    return (task, input, options) => this.#attempt.publish(task, input, options)
  }
}
