import type { ResourceLimits } from 'node:worker_threads'
import { parseWithBlobs } from '../blobs/blob-json.ts'
import type { MeshBlob } from '../blobs/mesh-blob.ts'
import type { AttemptName } from './attempt.ts'
import type { RunOwner } from './claim.ts'
import type { ContextPublishOptions, PublishedTask } from './definition.ts'
import type { Starting } from './fetched-run.ts'
import type { WorkerBlobs } from './large.ts'
import { MemoryWatch } from './memory-watch.ts'
import type { ModuleHandler } from './module-handlers.ts'
import { ModuleRun } from './module-run.ts'
import type { Outcome } from './outcome.ts'
import type { Place, Places } from './place.ts'
import { Processes } from './processes.ts'
import { readOnce, tellPayload, type ThreadBytes } from './thread-blobs.ts'
import type { FromThread, ThreadData, ThreadTask, ToThread } from './thread-messages.ts'
import { Threads } from './threads.ts'

export interface ModulePoolInit extends Omit<ThreadData, 'blobs'> {
  readonly blobs: WorkerBlobs | undefined
  /** What keeps handlers apart from the node, and from each other. */
  readonly isolate: 'thread' | 'process'
  /** Runs at the same time. */
  readonly count: number
  readonly graceMs: number
  readonly startMs: number
  /** Time after which a thread or a process without work ends, in milliseconds. */
  readonly idleMs: number
  readonly resourceLimits: ResourceLimits | undefined
  readonly owner: RunOwner
  report(run: AttemptName, kind: 'progress' | 'log', body: string): void
  publish(queue: string, input: unknown, options: ContextPublishOptions): Promise<PublishedTask>
}

/** Runs handlers of module files, in threads or in processes. */
export class ModulePool {
  readonly #init: ModulePoolInit
  readonly #places: Places<ThreadTask, Outcome>
  readonly #runs = new Map<number, ModuleRun>()
  readonly #memory: MemoryWatch
  #nextId = 1

  constructor(init: ModulePoolInit) {
    this.#init = init
    this.#places = placesOf(init, (message, place) => this.#hear(message, place))
    this.#memory = new MemoryWatch({
      places: () => (this.#runs.size === 0 ? [] : this.#places.all()),
      exceeded: (place, why) => this.#exceeded(place, why),
    })
  }

  /** Starts a task, as a batch shows it; there is a place for it, as runs have slots. */
  start(starting: Starting, { queue, file }: ModuleHandler): ModuleRun {
    const { claim, lane, ledger, seq, token, attempt, timeoutMs, payload, blobs: named } = starting
    const id = this.#nextId++
    const task = { id, queue, file, ledger, seq, token, attempt, timeoutMs }
    const { owner, graceMs, startMs, blobs } = this.#init
    const place = { claim, lane, seq }
    const run = new ModuleRun({ place, owner, graceMs, startMs, blobs, task })
    this.#runs.set(id, run)
    this.#memory.start()
    const { signal } = run.killer
    const result =
      typeof payload === 'string' && named === undefined
        ? this.#places.run({ ...task, payload, blobs: [] }, signal)
        : tellPayload(payload, named).then(told => this.#places.run({ ...task, ...told }, signal))
    void run.finish(result).finally(() => this.#runs.delete(id))
    return run
  }

  /** Ends all. Takes bounded time, even if a handler is in native code. */
  async stop(): Promise<void> {
    this.#memory.stop()
    await this.#places.stop()
  }

  #exceeded(place: Place, why: string): void {
    const run = this.#runs.values().find(run => run.in === place)
    if (run !== undefined) run.exhausted(why)
    // What its modules hold is too much, without any run: another one takes its place.
    else place.end()
  }

  #hear(message: FromThread, place: Place): void {
    switch (message.type) {
      case 'started':
        this.#runs.get(message.id)?.started(place)
        break
      case 'report': {
        const run = this.#runs.get(message.id)
        if (run?.heard === true) this.#init.report(run.task, message.kind, message.body)
        break
      }
      case 'publish':
        void this.#publish(message).then(answer => place.tell(answer))
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

function placesOf(
  init: ModulePoolInit,
  heard: (message: FromThread, place: Place) => void,
): Places<ThreadTask, Outcome> {
  const { node, maxResultBytes, count, idleMs, graceMs, resourceLimits } = init
  const blobs = init.blobs && { directory: init.blobs.directory }
  const shared = { data: { node, maxResultBytes, blobs }, idleMs, resourceLimits, heard }
  if (init.isolate === 'process') return new Processes({ ...shared, graceMs })
  return new Threads({ ...shared, count, warn: message => init.owner.warn(message) })
}

function heardInput(input: string | ThreadBytes, blobs: readonly MeshBlob[]): unknown {
  return typeof input === 'string' ? parseWithBlobs(input, blobs) : readOnce(input)
}
