import { getHeapStatistics } from 'node:v8'
import type { ResourceLimits, Worker as Thread } from 'node:worker_threads'

/** How often is looked at the memory of threads, in milliseconds. */
const lookMs = 100

/** What a thread may allocate between two looks, in MiB. */
const headroomMb = 1_024

/**
 * The limits that threads are started with. V8's own is far above the one that is watched, since
 * V8 may end the whole process where a thread reaches it quickly.
 */
export function threadLimits(given: ResourceLimits = {}): ResourceLimits {
  return { ...given, maxOldGenerationSizeMb: 2 * watchedMb(given) + headroomMb }
}

/** Who is asked for threads, and told which uses too much. */
export interface MemoryWatchInit {
  readonly limits: ResourceLimits | undefined
  /** Threads that are looked at; when there are none the watch rests. */
  threads(): readonly Thread[]
  exceeded(thread: Thread, usedBytes: number, limitBytes: number): void
}

/** Looks how much memory each thread uses, its buffers included, while handlers run. */
export class MemoryWatch {
  readonly #init: MemoryWatchInit
  readonly #limitBytes: number
  /** Threads that have not answered, as they are in native code. */
  readonly #asked = new WeakSet<Thread>()
  #timer: NodeJS.Timeout | undefined

  constructor(init: MemoryWatchInit) {
    this.#init = init
    this.#limitBytes = watchedMb(init.limits ?? {}) * 2 ** 20
  }

  start(): void {
    this.#timer ??= setInterval(() => this.#look(), lookMs).unref()
  }

  stop(): void {
    clearInterval(this.#timer)
    this.#timer = undefined
  }

  #look(): void {
    const threads = this.#init.threads()
    if (threads.length === 0) this.stop()
    for (const thread of threads) {
      if (this.#asked.has(thread)) continue
      this.#asked.add(thread)
      void this.#lookAt(thread).finally(() => this.#asked.delete(thread))
    }
  }

  async #lookAt(thread: Thread): Promise<void> {
    // It rejects when the thread is not running any more.
    const heap = await thread.getHeapStatistics().catch(() => undefined)
    if (heap === undefined) return
    const usedBytes = heap.used_heap_size + heap.external_memory
    // With `--max-old-space-size` V8's limit is another than the one that was given.
    const limitBytes = Math.min(this.#limitBytes, heap.heap_size_limit / 2)
    if (usedBytes > limitBytes) this.#init.exceeded(thread, usedBytes, limitBytes)
  }
}

function watchedMb({ maxOldGenerationSizeMb }: ResourceLimits): number {
  return maxOldGenerationSizeMb ?? Math.floor(getHeapStatistics().heap_size_limit / 2 ** 20)
}
