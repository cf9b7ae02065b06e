import { createHash } from 'node:crypto'
import type { Published, PublishRefused } from './core/effects.ts'
import type { TaskKey } from './core/entries.ts'
import { type LedgerId, taskId } from './core/ids.ts'
import type { Input } from './core/inputs.ts'
import { seqsOf } from './core/ranges.ts'
import { timingAfter } from './core/timing.ts'
import { type Columns, columnsOf } from './encode.ts'
import { TaskExistsError } from './errors.ts'
import type { PublishPlan } from './publish-options.ts'
import { systemTimers } from './time/system-timers.ts'
import { delay, type Timers } from './time/timers.ts'

/** A task as it was numbered. */
export interface Placed {
  readonly ledger: LedgerId
  readonly seq: number
  /** Whether three voters or more hold it. */
  readonly durable: boolean
}

/** What takes a publisher's requests. */
export interface PublisherPort {
  input(input: Input): void
  /** Resolves when there is room for more; `undefined` where there is. */
  readonly room: Promise<void> | undefined
  /** @default the system's */
  readonly timers?: Timers | undefined
}

/** Single tasks of one plan that are published in one microtask, as one request. */
interface Gathering {
  readonly plan: PublishPlan
  readonly texts: string[]
  readonly lengths: number[]
  bytes: number
  readonly waiting: PromiseWithResolvers<Placed>[]
}

/** Tasks, and bytes, after which a request of single tasks takes no more. */
const gatheredTasksMax = 1_000
const gatheredBytesMax = 1 << 20

/** Puts tasks into the mesh: numbers its requests, and tries again what was refused. */
export class Publisher {
  readonly #port: PublisherPort
  readonly #requests = new Map<number, PromiseWithResolvers<Published | PublishRefused>>()
  readonly #stopped = new AbortController()
  protected readonly timers: Timers
  #nextRequest = 1
  #gathering: Gathering | undefined

  /** Aborted, with the reason, when nothing is published any more. */
  protected get stopped(): AbortSignal {
    return this.#stopped.signal
  }

  constructor(port: PublisherPort) {
    this.#port = port
    this.timers = port.timers ?? systemTimers
  }

  /** Publishes one task, together with others of its spec that are published at once. */
  async publishOne(plan: PublishPlan, text: string, bytes: number): Promise<Placed> {
    this.#stopped.signal.throwIfAborted()
    let gathering = this.#gathering
    if (gathering === undefined || !canTake(gathering, plan)) {
      this.#flush()
      gathering = { plan, texts: [], lengths: [], bytes: 0, waiting: [] }
      this.#gathering = gathering
      queueMicrotask(() => this.#flush(gathering))
    }
    const waiting = Promise.withResolvers<Placed>()
    gathering.texts.push(text)
    gathering.lengths.push(bytes)
    gathering.bytes += bytes
    gathering.waiting.push(waiting)
    return waiting.promise
  }

  /** Publishes tasks of one spec; resolves with their numbers, in their order. */
  async publishColumns(
    plan: PublishPlan,
    columns: Columns,
    signal?: AbortSignal,
  ): Promise<Placed[]> {
    const stop = this.#stopped.signal
    const ended = signal === undefined ? stop : AbortSignal.any([signal, stop])
    const began = this.timers.now()
    const key = keyOf(plan, columns)
    for (;;) {
      ended.throwIfAborted()
      await this.#port.room
      const timing = timingAfter(plan.timing, this.timers.now() - began)
      const answer = await abortable(this.#request({ ...plan, timing }, columns, key), ended)
      if (answer.type === 'published') return placesOf(answer)
      if (answer.reason === 'conflict') throw conflictOf(plan, answer)
      await delay(this.timers, answer.retryMs, ended)
    }
  }

  /** Takes an answer of the core. */
  answered(effect: Published | PublishRefused): void {
    const waiting = this.#requests.get(effect.request)
    this.#requests.delete(effect.request)
    waiting?.resolve(effect)
  }

  /** Ends every request that waits, and each that comes after. */
  fail(error: Error): void {
    this.#stopped.abort(error)
    this.#requests.clear()
  }

  #request(
    { spec, timing, copies }: PublishPlan,
    { lengths, payload }: Columns,
    key: TaskKey | undefined,
  ): Promise<Published | PublishRefused> {
    const request = this.#nextRequest++
    const waiting = Promise.withResolvers<Published | PublishRefused>()
    this.#requests.set(request, waiting)
    this.#port.input({ type: 'publish', request, spec, timing, lengths, payload, copies, key })
    return waiting.promise
  }

  #flush(due = this.#gathering): void {
    if (due === undefined || due !== this.#gathering) return
    this.#gathering = undefined
    void this.#publishGathered(due)
  }

  async #publishGathered({ plan, texts, lengths, bytes, waiting }: Gathering) {
    try {
      const columns = columnsOf(texts, lengths, bytes)
      const places = await this.publishColumns(plan, columns)
      for (const [i, place] of places.entries()) waiting[i]?.resolve(place)
    } catch (error) {
      for (const { reject } of waiting) reject(error)
    }
  }
}

function canTake(gathering: Gathering, { spec, timing, copies }: PublishPlan): boolean {
  const { delayMs, startWithinMs, endWithinMs } = gathering.plan.timing
  return (
    gathering.plan.spec === spec &&
    gathering.plan.copies === copies &&
    delayMs === timing.delayMs &&
    startWithinMs === timing.startWithinMs &&
    endWithinMs === timing.endWithinMs &&
    gathering.texts.length < gatheredTasksMax &&
    gathering.bytes < gatheredBytesMax
  )
}

/** A key with what it stands for: the spec and the input, not when it is to run. */
function keyOf({ key, spec }: PublishPlan, { payload }: Columns): TaskKey | undefined {
  if (key === undefined) return undefined
  const hash = createHash('sha256').update(JSON.stringify(spec)).update('\n').update(payload)
  return { key, digest: hash.digest('base64url') }
}

function conflictOf({ key = '', spec }: PublishPlan, { task }: PublishRefused): TaskExistsError {
  const other = task === undefined ? undefined : taskId(task.ledger, task.seq)
  return new TaskExistsError(spec.queue, key, other)
}

function placesOf({ parts, durable }: Published): Placed[] {
  const places: Placed[] = []
  for (const { ledger, seqs } of parts) {
    for (const seq of seqsOf(seqs)) places.push({ ledger, seq, durable })
  }
  return places
}

/** Ends the wait, not the work, when the signal is aborted. */
export async function abortable<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return work
  signal.throwIfAborted()
  const aborted = Promise.withResolvers<never>()
  const onAbort = (): void => aborted.reject(signal.reason)
  signal.addEventListener('abort', onAbort, { once: true })
  try {
    return await Promise.race([work, aborted.promise])
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}
