import { type AbortOptions, InvalidParametersError } from '@libp2p/interface'
import { hasEnded } from './core/generations.ts'
import { type LedgerId, taskId } from './core/ids.ts'
import { ResultExpiredError, TaskNotFoundError, timedOut } from './errors.ts'
import { type Ending, outcomeOf, resultOf } from './outcome.ts'
import { optionsOf } from './options.ts'
import type { PeerQueries } from './peer-queries.ts'
import { cancelCharsMax } from './query.ts'
import type { ResultOptions, TaskEvent, TaskHandle, TaskOutcome } from './task-handle.ts'
import type { TaskInfo, TaskState } from './task-info.ts'
import { TaskEvents } from './task-events.ts'
import type { Timers } from './time/timers.ts'
import type { Watches } from './watches.ts'

/** What handles of tasks need of their node. */
export interface TaskAccess {
  readonly peerId: string
  readonly watches: Watches
  readonly queries: PeerQueries
  /** Fetches the result that an ending names. */
  load(ledger: LedgerId, ending: Ending, options: AbortOptions): Promise<Ending>
  cancel(ledger: LedgerId, seq: number, reason: string, signal?: AbortSignal): Promise<boolean>
  /** Nodes known to serve a queue. */
  servers(queue: string): number
  /** Full nodes that are connected now. */
  connected(): number
  readonly timers: Timers
}

/** Which task a handle is of. */
export interface MeshTaskInit {
  readonly ledger: LedgerId
  readonly seq: number
  readonly durable: boolean
  /** Whether the task is known to exist, since it was published through this node. */
  readonly known: boolean
}

/** A task seen from one node. Holds nothing but its name until it is asked for something. */
export class MeshTask<Output> implements TaskHandle<Output> {
  readonly #access: TaskAccess
  readonly #ledger: LedgerId
  readonly #seq: number
  #known: boolean
  readonly durable: boolean

  constructor(access: TaskAccess, { ledger, seq, durable, known }: MeshTaskInit) {
    this.#access = access
    this.#ledger = ledger
    this.#seq = seq
    this.#known = known
    this.durable = durable
  }

  get id(): string {
    return taskId(this.#ledger, this.#seq)
  }

  async result(options: ResultOptions = {}): Promise<Output> {
    return resultOf(this.id, await this.#whole(options)) as Output
  }

  async outcome(options: ResultOptions = {}): Promise<TaskOutcome<Output>> {
    return outcomeOf(this.id, await this.#whole(options))
  }

  async cancel(reason = '', options: AbortOptions = {}): Promise<boolean> {
    options.signal?.throwIfAborted()
    if (reason.length > cancelCharsMax) {
      throw new InvalidParametersError(
        `The reason of a cancel may have ${cancelCharsMax} characters, not ${reason.length}`,
      )
    }
    return await this.#access.cancel(this.#ledger, this.#seq, reason, options.signal)
  }

  async state(options: AbortOptions = {}): Promise<TaskState> {
    return (await this.#info(options)).state
  }

  events(options: AbortOptions = {}): AsyncIterable<TaskEvent<Output>> {
    const { watches, peerId } = this.#access
    const load = (ending: Ending): Promise<Ending> =>
      this.#access.load(this.#ledger, ending, options)
    const events = new TaskEvents<Output>(this.id, peerId, load)
    const remove = watches.add(this.#ledger, this.#seq, events)
    return this.#readEvents(events, remove, options)
  }

  async explain(options: AbortOptions = {}): Promise<string> {
    const info = await this.#info(options)
    const { queue, node, state, failures, attempts, grants, dueMs } = info
    const { id, generation, forkId } = info
    const name = generation === undefined ? id : `${id} (generation ${generation}, ${forkId})`
    if (info.expired) return `Task ${name} has ended (${state}); its result is not kept any more`
    switch (state) {
      case 'running':
        return `Task ${name} runs on ${node ?? 'a node'}, run ${grants} of queue ${queue}`
      case 'delayed':
        return failures === 0
          ? `Task ${name} is due in ${dueMs} ms`
          : `Task ${name} ended in an error ${failures} of ${attempts} times and is tried again in ${dueMs} ms`
      case 'pending':
        return this.#access.servers(queue) === 0
          ? `Task ${name} waits: no connected node serves queue ${queue}`
          : `Task ${name} waits for a free slot of queue ${queue}`
      case 'blocked':
        return `Task ${name} waits for other tasks`
      case 'done':
        return `Task ${name} is done, by ${node ?? 'nobody'}`
      case 'failed':
        return `Task ${name} has failed (${info.reason ?? 'attempts'}) after ${failures} errors`
      default:
        return `Task ${name} was cancelled`
    }
  }

  async *#readEvents(
    events: TaskEvents<Output>,
    remove: () => void,
    options: AbortOptions,
  ): AsyncGenerator<TaskEvent<Output>> {
    try {
      await this.#ensureKnown(options)
      yield* events.read(options.signal)
    } finally {
      remove()
    }
  }

  /** How the task has ended, with a result that is kept elsewhere. */
  async #whole(options: ResultOptions): Promise<Ending> {
    const { signal, timeoutMs } = options
    const { timers } = this.#access
    const until = timeoutMs === undefined ? Infinity : timers.now() + timeoutMs
    const ending = await this.#ending(options)
    if (ending.large === undefined) return ending
    if (until === Infinity) return this.#access.load(this.#ledger, ending, optionsOf(signal))
    const limit = new AbortController()
    const clear = timers.after(Math.max(0, until - timers.now()), () => {
      limit.abort(timedOut(`Task ${this.id}`, timeoutMs ?? 0))
    })
    try {
      const either = signal === undefined ? limit.signal : AbortSignal.any([signal, limit.signal])
      return await this.#access.load(this.#ledger, ending, { signal: either })
    } finally {
      clear()
    }
  }

  async #ending({ signal, timeoutMs }: ResultOptions): Promise<Ending> {
    signal?.throwIfAborted()
    const { promise, resolve, reject } = Promise.withResolvers<Ending>()
    const watcher = { ended: resolve, failed: reject }
    const remove = this.#access.watches.add(this.#ledger, this.#seq, watcher)
    if (this.#known && signal === undefined && timeoutMs === undefined) return promise

    const onAbort = (): void => reject(signal?.reason)
    signal?.addEventListener('abort', onAbort, { once: true })
    const clear =
      timeoutMs === undefined || timeoutMs === Infinity
        ? undefined
        : this.#access.timers.after(timeoutMs, () => reject(timedOut(`Task ${this.id}`, timeoutMs)))
    // A task that nobody knows would be waited for without end.
    if (!this.#known) this.#ensureKnown(optionsOf(signal)).catch(reject)
    try {
      return await promise
    } finally {
      clear?.()
      signal?.removeEventListener('abort', onAbort)
      remove()
    }
  }

  async #ensureKnown(options: AbortOptions): Promise<void> {
    if (this.#known) return
    const { state, expired, generation } = await this.#info(options)
    // Who waits by the first name is told how a later generation has ended only while that is kept.
    if (expired && generation !== undefined && hasEnded(state)) {
      throw new ResultExpiredError(this.id, state)
    }
    this.#known = true
  }

  async #info(options: AbortOptions): Promise<TaskInfo> {
    options.signal?.throwIfAborted()
    const found = await this.#access.queries.find(this.id, options)
    if (found === undefined) throw new TaskNotFoundError(this.id, this.#access.connected())
    return found.task
  }
}
