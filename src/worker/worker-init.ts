import type { ResourceLimits } from 'node:worker_threads'
import type { Timers } from '../time/timers.ts'
import type { CommandHandler } from './command-runner.ts'
import type { ContextPublishOptions, PublishedTask, TaskDefinitionLike } from './definition.ts'
import type { WorkerBlobs } from './large.ts'
import type { ModuleHandler } from './module-handlers.ts'
import type { ShellRuns } from './shell-runs.ts'

/** What a worker runs, and its limits. */
export interface WorkerInit {
  /** Runs at the same time; 0 to run nothing. */
  readonly concurrency: number
  /** Handlers that run on the main loop. */
  readonly definitions: readonly TaskDefinitionLike[]
  /** Handlers that run in threads or processes, as `loadHandlers` found them. */
  readonly modules?: readonly ModuleHandler[] | undefined
  /**
   * What handlers of modules run in.
   *
   * @default 'thread'
   */
  readonly isolate?: 'thread' | 'process' | undefined
  /** Commands of the shell that run as processes. */
  readonly commands?: readonly CommandHandler[] | undefined
  /** Where the commands of `run` and `map` are found while they run; without it, none do here. */
  readonly shellRuns?: ShellRuns | undefined
  /**
   * Bytes that a command may write where there are `blobs`: a limit for what runs wild.
   *
   * @default 4_294_967_296
   */
  readonly maxOutputBytes?: number | undefined
  /** Where payloads and results go that are too large for a record. */
  readonly blobs?: WorkerBlobs | undefined
  /** Peer id of this node, for the handlers' contexts. */
  readonly node: string
  readonly logger: WorkerLogger
  /** @default the system's */
  readonly timers?: Timers | undefined
  /** Publishes for a handler that asks its context to. A thread gives the queue's name only. */
  publish(
    task: string | { readonly name: string },
    input: unknown,
    options: ContextPublishOptions,
  ): Promise<PublishedTask>
  /**
   * Bytes that a result may have as JSON; with `blobs`, before it goes there.
   *
   * @default 65_536
   */
  readonly maxResultBytes?: number | undefined
  /**
   * Time that a stopped handler may take to end, in milliseconds. After it, its thread is ended
   * and its processes are killed; a handler on the main loop loses its slot only.
   *
   * @default 5_000
   */
  readonly graceMs?: number | undefined
  /**
   * Time that a handler may block the main loop before a warning names it, in milliseconds.
   *
   * @default 1_000
   */
  readonly blockMs?: number | undefined
  /**
   * Time that a thread or a process may take to start and import a handler, in milliseconds.
   *
   * @default 30_000
   */
  readonly startMs?: number | undefined
  /**
   * Time after which a thread or a process without work ends, in milliseconds.
   *
   * @default 60_000
   */
  readonly idleMs?: number | undefined
  /**
   * What each thread or process may use. `maxOldGenerationSizeMb` counts for all memory that its
   * JavaScript holds, buffers too: one that holds more ends, and its run in an error. The default
   * is V8's for this machine.
   */
  readonly resourceLimits?: ResourceLimits | undefined
}

/** Where the worker tells what users should know. */
export interface WorkerLogger {
  warn(message: string): void
}
