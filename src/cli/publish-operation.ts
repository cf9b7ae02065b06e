import { setMaxListeners } from 'node:events'
import type { MeshNode, PublishOptions, TaskHandle, TaskOutcome } from '../index.ts'
import { InputFiles, isBlob, saveBlobs } from './blob-files.ts'
import { Channel } from './channel.ts'
import { NoMajorityError } from './errors.ts'
import type { OutcomeReply, PublishRequest, Reply } from './requests.ts'
import { untilServed } from './served.ts'
import { Stall } from './stall.ts'

/** Outcomes waited for at the same time; reading more inputs waits until there are fewer. */
const outstandingMax = 100_000

/**
 * Publishes inputs as they come and replies with their ids and, if wanted, with each outcome as
 * it is decided.
 *
 * @throws {NobodyServesError} Outcomes are wanted, and nobody has served the queue in time.
 * @throws {NoMajorityError} Too few voters have taken the tasks in time.
 */
export async function* publish(
  node: MeshNode,
  request: PublishRequest,
  inputs: AsyncIterable<readonly unknown[]>,
  signal: AbortSignal,
): AsyncGenerator<readonly Reply[]> {
  const ended = new AbortController()
  const replies = new Channel<Reply>()
  const both = AbortSignal.any([signal, ended.signal])
  // Every outcome that is waited for listens to it.
  setMaxListeners(0, both)
  const publisher = new Publisher(node, request, replies, both)
  publisher.run(inputs).then(
    () => replies.end(),
    error => replies.fail(error),
  )
  try {
    yield* replies
  } finally {
    ended.abort()
  }
}

export interface PublishInTimeInit {
  readonly options: PublishOptions
  /** Longest wait for a majority, in milliseconds. */
  readonly waitTimeoutMs: number
  readonly signal?: AbortSignal | undefined
}

/**
 * Publishes inputs; gives up when nothing of it has moved for a while.
 *
 * @throws {NoMajorityError} Too few voters have taken them.
 */
export async function publishInTime(
  node: MeshNode,
  queue: string,
  inputs: readonly unknown[],
  { options, waitTimeoutMs, signal }: PublishInTimeInit,
): Promise<TaskHandle[]> {
  using stall = new Stall(node, waitTimeoutMs)
  const either = signal === undefined ? stall.signal : AbortSignal.any([signal, stall.signal])
  try {
    return await node.publishMany(queue, inputs, { ...options, signal: either })
  } catch (error) {
    if (stall.signal.aborted && signal?.aborted !== true) {
      throw new NoMajorityError(waitTimeoutMs, { cause: error })
    }
    throw error
  }
}

/** One publish request on its way. */
class Publisher {
  readonly #node: MeshNode
  readonly #request: PublishRequest
  readonly #replies: Channel<Reply>
  readonly #signal: AbortSignal
  #outstanding = 0
  #onFewer: (() => void) | undefined
  readonly #files: InputFiles
  readonly #failed = Promise.withResolvers<never>()
  readonly #ranOnce = new AbortController()

  constructor(
    node: MeshNode,
    request: PublishRequest,
    replies: Channel<Reply>,
    signal: AbortSignal,
  ) {
    this.#node = node
    this.#request = request
    this.#replies = replies
    this.#signal = signal
    this.#files = new InputFiles(node, signal)
    this.#failed.promise.catch(() => undefined)
  }

  async run(inputs: AsyncIterable<readonly unknown[]>): Promise<void> {
    const served = this.#watchServed()
    served.catch(this.#failed.reject)
    await Promise.race([this.#publishAll(inputs), this.#failed.promise])
    if (this.#request.wait) await Promise.race([this.#until(0), this.#failed.promise])
    else await served
  }

  /** Warns, and when outcomes are wanted gives up, while nobody serves the queue. */
  async #watchServed(): Promise<void> {
    const { queue, wait, waitTimeoutMs } = this.#request
    const proven = this.#ranOnce.signal
    try {
      await untilServed(this.#node, {
        queue,
        timeoutMs: wait ? waitTimeoutMs : 0,
        signal: AbortSignal.any([this.#signal, proven]),
        warn: () => this.#replies.push({ type: 'unserved', queue }),
      })
    } catch (error) {
      // An outcome shows that somebody works, whatever is known of the queues.
      if (!proven.aborted) throw error
    }
  }

  async #publishAll(inputs: AsyncIterable<readonly unknown[]>): Promise<void> {
    for await (const given of inputs) {
      const batch = this.#request.files === true ? await this.#files.allWithBlobs(given) : given
      const { queue, options, waitTimeoutMs } = this.#request
      const signal = this.#signal
      const init = { options, waitTimeoutMs, signal }
      const handles = await publishInTime(this.#node, queue, batch, init)
      this.#replies.push({
        type: 'published',
        taskIds: handles.map(handle => handle.id),
        durable: handles.every(handle => handle.durable),
      })
      if (!this.#request.wait) continue
      for (const handle of handles) this.#await(handle).catch(this.#failed.reject)
      await this.#until(outstandingMax)
    }
  }

  async #await(handle: TaskHandle): Promise<void> {
    this.#outstanding += 1
    const outcome = await handle.outcome({ signal: this.#signal })
    this.#ranOnce.abort()
    const { saveTo } = this.#request
    if (saveTo !== undefined) {
      await saveBlobs(saveTo, handle.id, outcome.result, this.#signal)
    }
    this.#outstanding -= 1
    this.#replies.push(replyOf(outcome))
    this.#onFewer?.()
  }

  /** Resolves when no more outcomes than this are waited for. */
  async #until(outstanding: number): Promise<void> {
    while (this.#outstanding > outstanding) {
      const { promise, resolve } = Promise.withResolvers<void>()
      this.#onFewer = resolve
      await promise
    }
  }
}

function replyOf({ error, node, attempt, ...rest }: TaskOutcome): OutcomeReply {
  return {
    type: 'outcome',
    ...rest,
    raw: isBlob(rest.result) || undefined,
    error: error?.message,
    node: node === '' ? undefined : node,
    attempt: attempt === 0 ? undefined : attempt,
  }
}
