import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import {
  MessagePort,
  receiveMessageOnPort,
  type ResourceLimits,
  type Worker as Thread,
} from 'node:worker_threads'
import { Piscina } from 'piscina'
import { heapLimitMb } from './memory-watch.ts'
import type { Outcome } from './outcome.ts'
import type { MemoryUse, Place, Places } from './place.ts'
import {
  type FromThread,
  type LineOpened,
  type ThreadData,
  threadFile,
  type ThreadTask,
  type ToThread,
} from './thread-messages.ts'

export interface ThreadsInit {
  readonly data: ThreadData
  /** Threads at the same time. */
  readonly count: number
  /** Time after which a thread without work ends, in milliseconds. */
  readonly idleMs: number
  readonly resourceLimits: ResourceLimits | undefined
  heard(message: FromThread, place: Place): void
  warn(message: string): void
}

/** Longest wait for all threads to be gone, in milliseconds: native code cannot be interrupted. */
const exitMs = 2_000

/** What a thread may allocate between two looks, in MiB. */
const headroomMb = 1_024

/**
 * Threads of this process. The pool library keeps them: starts them when there is work, replaces
 * those that died, ends idle ones. What a run says between its start and its end goes over a line
 * that each thread opens to here.
 */
export class Threads implements Places<ThreadTask, Outcome> {
  readonly #init: ThreadsInit
  readonly #pool: Piscina<ThreadTask, Outcome>
  readonly #places = new Map<MessagePort, ThreadPlace>()
  /** The line of each run that has started. */
  readonly #lines = new Map<number, MessagePort>()

  constructor(init: ThreadsInit) {
    this.#init = init
    this.#pool = new Piscina<ThreadTask, Outcome>({
      filename: fileURLToPath(threadFile('thread')),
      name: 'runTask',
      workerData: init.data,
      // With a minimum, the pool would replace a thread whose end it hears of after `destroy`.
      minThreads: 0,
      maxThreads: init.count,
      idleTimeout: init.idleMs,
      // A waiting thread must go on running the timers and sockets that its modules have opened.
      atomics: 'disabled',
      recordTiming: false,
      resourceLimits: threadLimits(init.resourceLimits),
    })
    this.#pool.on('message', (message: unknown) => {
      if (isLineOpened(message)) this.#open(message)
    })
    this.#pool.on('error', (error: Error) => {
      init.warn(`An idle handler thread has ended: ${error.message}`)
    })
  }

  all(): readonly Place[] {
    return [...this.#places.values()]
  }

  async run(task: ThreadTask, signal: AbortSignal): Promise<Outcome> {
    try {
      return await this.#pool.run(task, { signal })
    } finally {
      this.#hearAll(task.id)
      this.#lines.delete(task.id)
    }
  }

  async stop(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    const timer = setTimeout(resolve, exitMs)
    await Promise.race([this.#pool.destroy(), promise])
    clearTimeout(timer)
    for (const line of this.#places.keys()) line.close()
  }

  #open({ thread: threadId, port }: LineOpened): void {
    const thread = this.#pool.threads.find(thread => thread.threadId === threadId)
    if (thread === undefined) return port.close()
    const place = new ThreadPlace(thread, port, heapLimitMb(this.#init.resourceLimits) * 2 ** 20)
    this.#places.set(port, place)
    port.on('close', () => this.#places.delete(port))
    port.on('message', (message: FromThread) => this.#hear(message, port, place))
    port.unref()
  }

  #hear(message: FromThread, line: MessagePort, place: Place): void {
    if (message.type === 'started') this.#lines.set(message.id, line)
    this.#init.heard(message, place)
  }

  /** What a run has said before its end came over the other channel may still be on its line. */
  #hearAll(id: number): void {
    const line = this.#lines.get(id)
    for (const [port, place] of this.#places) {
      if (line !== undefined && line !== port) continue
      for (;;) {
        const received = receiveMessageOnPort(port)
        if (received === undefined) break
        this.#hear(received.message, port, place)
      }
    }
  }
}

class ThreadPlace implements Place {
  readonly kind = 'thread'
  readonly #thread: Thread
  readonly #line: MessagePort
  readonly #limitBytes: number

  constructor(thread: Thread, line: MessagePort, limitBytes: number) {
    this.#thread = thread
    this.#line = line
    this.#limitBytes = limitBytes
  }

  tell(message: ToThread): void {
    this.#line.postMessage(message)
  }

  async memory(): Promise<MemoryUse | undefined> {
    // It rejects when the thread is not running any more, and waits while it is in native code.
    const heap = await this.#thread.getHeapStatistics().catch(() => undefined)
    if (heap === undefined) return undefined
    // With `--max-old-space-size` V8's limit is another than the one that was given.
    const limitBytes = Math.min(this.#limitBytes, heap.heap_size_limit / 2)
    return { usedBytes: heap.used_heap_size + heap.external_memory, limitBytes }
  }

  end(): void {
    void this.#thread.terminate()
  }

  gone(): Promise<unknown> {
    return once(this.#thread, 'exit')
  }
}

/**
 * The limits that threads are started with. V8's own is far above the one that is watched, since
 * V8 may end the whole process where a thread reaches it quickly.
 */
function threadLimits(given: ResourceLimits = {}): ResourceLimits {
  return { ...given, maxOldGenerationSizeMb: 2 * heapLimitMb(given) + headroomMb }
}

// Modules may post to the main thread what they like.
function isLineOpened(message: unknown): message is LineOpened {
  if (typeof message !== 'object' || message === null) return false
  if (!('type' in message) || message.type !== 'meshwork:line') return false
  return 'port' in message && message.port instanceof MessagePort
}
