import { fileURLToPath } from 'node:url'
import { MessagePort, type ResourceLimits, type Worker as Thread } from 'node:worker_threads'
import { Piscina } from 'piscina'
import { parseWithBlobs } from '../blobs/blob-json.ts'
import type { MeshBlob } from '../blobs/mesh-blob.ts'
import type { PublishedTask, ContextPublishOptions } from './definition.ts'
import type { AttemptName } from './attempt.ts'
import type { RunOwner } from './claim.ts'
import type { Starting } from './fetched-run.ts'
import type { WorkerBlobs } from './large.ts'
import { MemoryWatch, threadLimits } from './memory-watch.ts'
import type { ModuleHandler } from './module-handlers.ts'
import type { Outcome } from './outcome.ts'
import {
  type FromThread,
  type LineOpened,
  type ThreadData,
  threadFile,
  type ThreadTask,
  type ToThread,
} from './thread-messages.ts'
import { readOnce, tellPayload, type ThreadBytes } from './thread-blobs.ts'
import { ThreadRun } from './thread-run.ts'

export interface ThreadPoolInit extends Omit<ThreadData, 'blobs'> {
  readonly blobs: WorkerBlobs | undefined
  /** Threads at the same time. */
  readonly threads: number
  readonly graceMs: number
  readonly startMs: number
  /** Time after which a thread without work ends, in milliseconds. */
  readonly idleMs: number
  readonly resourceLimits: ResourceLimits | undefined
  readonly owner: RunOwner
  report(run: AttemptName, kind: 'progress' | 'log', body: string): void
  publish(queue: string, input: unknown, options: ContextPublishOptions): Promise<PublishedTask>
}

/** Longest wait for all threads to be gone, in milliseconds. */
const exitMs = 2_000

/**
 * Runs handlers of module files in threads. The pool library keeps the threads: starts them when
 * there is work, replaces those that died, ends idle ones. What a run says between its start and
 * its end goes over a line that each thread opens to here.
 */
export class ThreadPool {
  readonly #init: ThreadPoolInit
  readonly #pool: Piscina<ThreadTask, Outcome>
  readonly #lines = new Set<MessagePort>()
  readonly #runs = new Map<number, ThreadRun>()
  readonly #memory: MemoryWatch
  #nextId = 1

  constructor(init: ThreadPoolInit) {
    this.#init = init
    const { node, maxResultBytes } = init
    const blobs = init.blobs && { directory: init.blobs.directory }
    const workerData: ThreadData = { node, maxResultBytes, blobs }
    this.#pool = new Piscina<ThreadTask, Outcome>({
      filename: fileURLToPath(threadFile('thread')),
      name: 'runTask',
      workerData,
      // With a minimum, the pool would replace a thread whose end it hears of after `destroy`.
      minThreads: 0,
      maxThreads: init.threads,
      idleTimeout: init.idleMs,
      // A waiting thread must go on running the timers and sockets that its modules have opened.
      atomics: 'disabled',
      recordTiming: false,
      resourceLimits: threadLimits(init.resourceLimits),
    })
    this.#memory = new MemoryWatch({
      limits: init.resourceLimits,
      threads: () => (this.#runs.size === 0 ? [] : this.#pool.threads),
      exceeded: (thread, used, limit) => this.#exhausted(thread, used, limit),
    })
    this.#pool.on('message', (message: unknown) => {
      if (isLineOpened(message)) this.#open(message)
    })
    this.#pool.on('error', (error: Error) => {
      init.owner.warn(`An idle handler thread has ended: ${error.message}`)
    })
  }

  /** Starts a task, as a batch shows it; there is a thread for it, as runs have slots. */
  start(starting: Starting, { queue, file }: ModuleHandler): ThreadRun {
    const { claim, lane, ledger, seq, token, attempt, timeoutMs, payload, blobs: named } = starting
    const id = this.#nextId++
    const task = { id, queue, file, ledger, seq, token, attempt, timeoutMs }
    const { owner, graceMs, startMs, blobs } = this.#init
    const place = { claim, lane, seq }
    const run = new ThreadRun({ place, owner, graceMs, startMs, blobs, task })
    this.#runs.set(id, run)
    this.#memory.start()
    const { signal } = run.killer
    const result =
      typeof payload === 'string' && named === undefined
        ? this.#pool.run({ ...task, payload, blobs: [] }, { signal })
        : tellPayload(payload, named).then(told => this.#pool.run({ ...task, ...told }, { signal }))
    void run.finish(result).finally(() => this.#runs.delete(id))
    return run
  }

  /** Ends every thread. Takes bounded time, even if one is in native code. */
  async stop(): Promise<void> {
    this.#memory.stop()
    const { promise, resolve } = Promise.withResolvers<void>()
    const timer = setTimeout(resolve, exitMs)
    await Promise.race([this.#pool.destroy(), promise])
    clearTimeout(timer)
    for (const line of this.#lines) line.close()
  }

  #exhausted(thread: Thread, usedBytes: number, limitBytes: number): void {
    const run = this.#runs.values().find(run => run.thread === thread)
    if (run !== undefined) run.exhausted(usedBytes, limitBytes)
    // What its modules hold is too much, without any run: the pool starts another one.
    else void thread.terminate()
  }

  #open({ thread: threadId, port }: LineOpened): void {
    const thread = this.#pool.threads.find(thread => thread.threadId === threadId)
    this.#lines.add(port)
    port.on('close', () => this.#lines.delete(port))
    port.on('message', (message: FromThread) => this.#hear(message, port, thread))
    port.unref()
  }

  #hear(message: FromThread, line: MessagePort, thread: Thread | undefined): void {
    switch (message.type) {
      case 'started':
        this.#runs.get(message.id)?.started({ line, thread })
        break
      case 'report': {
        const run = this.#runs.get(message.id)
        if (run?.heard === true) this.#init.report(run.task, message.kind, message.body)
        break
      }
      case 'publish':
        void this.#publish(message).then(answer => line.postMessage(answer))
        break
      default:
        message satisfies never
    }
  }

  async #publish(asked: Extract<FromThread, { type: 'publish' }>): Promise<ToThread> {
    const { call, queue, input, blobs: named, options } = asked
    try {
      const { blobs } = this.#init
      const within = blobs === undefined ? [] : named.map(blob => blobs.stored(blob))
      const { id, durable } = await this.#init.publish(queue, heardInput(input, within), options)
      return { type: 'published', call, task: { id, durable } }
    } catch (error) {
      const { name, message } = error instanceof Error ? error : new Error(String(error))
      return { type: 'publish-failed', call, name, message }
    }
  }
}

function heardInput(input: string | ThreadBytes, blobs: readonly MeshBlob[]): unknown {
  return typeof input === 'string' ? parseWithBlobs(input, blobs) : readOnce(input)
}

// Modules may post to the main thread what they like.
function isLineOpened(message: unknown): message is LineOpened {
  if (typeof message !== 'object' || message === null) return false
  if (!('type' in message) || message.type !== 'meshwork:line') return false
  return 'port' in message && message.port instanceof MessagePort
}
