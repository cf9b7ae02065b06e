import { pathToFileURL } from 'node:url'
import { jsonWithBlobs } from '../blobs/blob-json.ts'
import { isByteSource } from '../blobs/chunks.ts'
import type { MeshBlob } from '../blobs/mesh-blob.ts'
import { Attempt, AttemptContext, type AttemptHost } from './attempt.ts'
import type {
  ContextPublishOptions,
  PublishedTask,
  TaskDefaults,
  TaskDefinitionLike,
} from './definition.ts'
import { HandlerModuleError } from './errors.ts'
import { execute } from './execute.ts'
import { handlersOf } from './module-handlers.ts'
import { errorOutcome, type Outcome, resultOutcome } from './outcome.ts'
import { heardPayload, plain, tellBytes, tellResult } from './thread-blobs.ts'
import type { FromThread, ThreadData, ThreadTask, ToThread } from './thread-messages.ts'

type Handlers = Map<string, TaskDefinitionLike>

/** Runs handlers in the place that this is in, and speaks for them to the node. */
export class HandlerHost {
  readonly #data: ThreadData
  readonly #say: (message: FromThread) => void
  readonly #modules = new Map<string, Promise<Handlers>>()
  readonly #attempts = new Map<number, Attempt>()
  readonly #calls = new Map<number, PromiseWithResolvers<PublishedTask>>()
  #nextCall = 0

  constructor(data: ThreadData, say: (message: FromThread) => void) {
    this.#data = data
    this.#say = say
  }

  /** Runs one task. Never rejects: what a handler throws is an outcome. */
  async run(task: ThreadTask): Promise<Outcome> {
    const attempt = new Attempt(task, this.#hostOf(task.id))
    const { maxResultBytes, blobs } = this.#data
    try {
      const definition = await this.#definitionOf(task)
      this.#attempts.set(task.id, attempt)
      this.#say({ type: 'started', id: task.id })
      const value = await execute(definition, heardPayload(task), new AttemptContext(attempt))
      const outcome = resultOutcome(value, { maxResultBytes, blobs })
      if (outcome.large === undefined) return outcome
      // Only plain data can leave, and the handler's stream ends with where it is.
      return { ...outcome, large: await tellResult(outcome.large, blobs?.directory) }
    } catch (error) {
      return errorOutcome(error)
    } finally {
      attempt.end()
      this.#attempts.delete(task.id)
    }
  }

  hear(message: ToThread): void {
    switch (message.type) {
      case 'abort':
        this.#attempts.get(message.id)?.abort(message.reason)
        break
      case 'published':
        this.#takeCall(message.call)?.resolve(message.task)
        break
      case 'publish-failed': {
        const error = new Error(message.message)
        error.name = message.name
        this.#takeCall(message.call)?.reject(error)
        break
      }
      default:
        message satisfies never
    }
  }

  #hostOf(id: number): AttemptHost {
    return {
      node: this.#data.node,
      report: (_, kind, body) => this.#say({ type: 'report', id, kind, body }),
      publish: (task, input, options) => this.#publish(task, input, options),
    }
  }

  async #definitionOf({ file, queue }: ThreadTask): Promise<TaskDefinitionLike> {
    let handlers = this.#modules.get(file)
    if (handlers === undefined) {
      handlers = importHandlers(file)
      this.#modules.set(file, handlers)
    }
    const definition = (await handlers).get(queue)
    if (definition === undefined) throw new HandlerModuleError(file, `it does not export ${queue}`)
    return definition
  }

  async #publish(
    task: string | ({ readonly name: string } & TaskDefaults),
    input: unknown,
    options: ContextPublishOptions,
  ): Promise<PublishedTask> {
    const found: MeshBlob[] = []
    const directory = this.#data.blobs?.directory
    const told = isByteSource(input) ? await tellBytes(input, directory) : textOf(input, found)
    const call = this.#nextCall++
    const published = Promise.withResolvers<PublishedTask>()
    const { queue, ...defaults } = typeof task === 'string' ? { queue: task } : defaultsOf(task)
    const blobs = found.map(plain)
    const all = { ...defaults, ...options }
    this.#say({ type: 'publish', call, queue, input: told, blobs, options: all })
    this.#calls.set(call, published)
    return published.promise
  }

  #takeCall(call: number): PromiseWithResolvers<PublishedTask> | undefined {
    const published = this.#calls.get(call)
    this.#calls.delete(call)
    return published
  }
}

async function importHandlers(file: string): Promise<Handlers> {
  try {
    const namespace = (await import(pathToFileURL(file).href)) as Record<string, unknown>
    return handlersOf(namespace, file)
  } catch (cause) {
    const reason = cause instanceof Error ? `${cause.name}: ${cause.message}` : String(cause)
    throw new HandlerModuleError(file, reason, { cause })
  }
}

function textOf(input: unknown, found: MeshBlob[]): string {
  const text = jsonWithBlobs(input, found)
  if (text === undefined) throw new TypeError('A payload must be JSON')
  return text
}

// A definition's functions cannot leave.
function defaultsOf(
  task: { readonly name: string } & TaskDefaults,
): TaskDefaults & { queue: string } {
  const { name: queue, attempts, backoff, timeoutMs, priority, resultTtlMs } = task
  return { queue, attempts, backoff, timeoutMs, priority, resultTtlMs }
}
