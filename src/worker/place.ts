import type { ToThread } from './thread-messages.ts'

/** What a place uses of its memory. */
export interface MemoryUse {
  readonly usedBytes: number
  readonly limitBytes: number
}

/** Where handlers of modules run, one at a time: a thread of this process, or a process. */
export interface Place {
  readonly kind: 'thread' | 'process'
  tell(message: ToThread): void
  /** Undefined if that cannot be said now. */
  memory(): Promise<MemoryUse | undefined>
  /** Ends it, whatever runs in it. */
  end(): void
  /** Resolves when it has ended. */
  gone(): Promise<unknown>
}

/** Keeps places, starts them when there is work, and replaces those that have ended. */
export interface Places<Task, Result> {
  /** Those that there are. */
  all(): readonly Place[]
  /** Runs a task in one of them; rejects if that ends. An abort ends it. */
  run(task: Task, signal: AbortSignal): Promise<Result>
  /** Ends all, in bounded time. */
  stop(): Promise<void>
}
