import { pathToFileURL } from 'node:url'
import {
  MessageChannel,
  type MessagePort,
  parentPort,
  threadId,
  workerData,
} from 'node:worker_threads'
import { jsonWithBlobs } from '../blobs/blob-json.ts'
import type { MeshBlob } from '../blobs/mesh-blob.ts'
import { isByteSource } from '../blobs/chunks.ts'
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
import type { FromThread, LineOpened, ThreadData, ThreadTask, ToThread } from './thread-messages.ts'

const { node, maxResultBytes, blobs } = workerData as ThreadData
const modules = new Map<string, Promise<Map<string, TaskDefinitionLike>>>()
const attempts = new Map<number, Attempt>()
const calls = new Map<number, PromiseWithResolvers<PublishedTask>>()
let nextCall = 0

const line = openLine()
const ids = new WeakMap<Attempt, number>()
const host: AttemptHost = {
  node,
  report: (attempt, kind, body) => {
    const id = ids.get(attempt)
    if (id !== undefined) say({ type: 'report', id, kind, body })
  },
  publish,
}

/** Runs one task in this thread. Never rejects: what a handler throws is an outcome. */
export async function runTask(task: ThreadTask): Promise<Outcome> {
  const attempt = new Attempt(task, host)
  ids.set(attempt, task.id)
  try {
    const definition = await definitionOf(task)
    attempts.set(task.id, attempt)
    say({ type: 'started', id: task.id })
    const value = await execute(definition, heardPayload(task), new AttemptContext(attempt))
    const outcome = resultOutcome(value, { maxResultBytes, blobs })
    if (outcome.large === undefined) return outcome
    // Only plain data can leave the thread, and the handler's stream ends with the thread.
    return { ...outcome, large: await tellResult(outcome.large, blobs?.directory) }
  } catch (error) {
    return errorOutcome(error)
  } finally {
    attempt.end()
    attempts.delete(task.id)
  }
}

async function definitionOf({ file, queue }: ThreadTask): Promise<TaskDefinitionLike> {
  let handlers = modules.get(file)
  if (handlers === undefined) {
    handlers = importHandlers(file)
    modules.set(file, handlers)
  }
  const definition = (await handlers).get(queue)
  if (definition === undefined) throw new HandlerModuleError(file, `it does not export ${queue}`)
  return definition
}

async function importHandlers(file: string): Promise<Map<string, TaskDefinitionLike>> {
  try {
    const namespace = (await import(pathToFileURL(file).href)) as Record<string, unknown>
    return handlersOf(namespace, file)
  } catch (cause) {
    const reason = cause instanceof Error ? `${cause.name}: ${cause.message}` : String(cause)
    throw new HandlerModuleError(file, reason, { cause })
  }
}

// The pool's own channel carries tasks and results only, so this one carries all else.
function openLine(): MessagePort {
  const { port1, port2 } = new MessageChannel()
  const opened: LineOpened = { type: 'meshwork:line', thread: threadId, port: port2 }
  parentPort?.postMessage(opened, [port2])
  port1.on('message', (message: ToThread) => hear(message))
  return port1
}

function say(message: FromThread): void {
  line.postMessage(message)
}

function hear(message: ToThread): void {
  switch (message.type) {
    case 'abort':
      attempts.get(message.id)?.abort(message.reason)
      break
    case 'published':
      takeCall(message.call)?.resolve(message.task)
      break
    case 'publish-failed': {
      const error = new Error(message.message)
      error.name = message.name
      takeCall(message.call)?.reject(error)
      break
    }
    default:
      message satisfies never
  }
}

async function publish(
  task: string | ({ readonly name: string } & TaskDefaults),
  input: unknown,
  options: ContextPublishOptions,
): Promise<PublishedTask> {
  const found: MeshBlob[] = []
  const told = isByteSource(input) ? await tellBytes(input, blobs?.directory) : textOf(input, found)
  const call = nextCall++
  const published = Promise.withResolvers<PublishedTask>()
  const { queue, ...defaults } = typeof task === 'string' ? { queue: task } : defaultsOf(task)
  const within = found.map(plain)
  const all = { ...defaults, ...options }
  say({ type: 'publish', call, queue, input: told, blobs: within, options: all })
  calls.set(call, published)
  return published.promise
}

function textOf(input: unknown, found: MeshBlob[]): string {
  const text = jsonWithBlobs(input, found)
  if (text === undefined) throw new TypeError('A payload must be JSON')
  return text
}

// A definition's functions cannot leave the thread.
function defaultsOf(
  task: { readonly name: string } & TaskDefaults,
): TaskDefaults & { queue: string } {
  const { name: queue, attempts, backoff, timeoutMs, priority, resultTtlMs } = task
  return { queue, attempts, backoff, timeoutMs, priority, resultTtlMs }
}

function takeCall(call: number): PromiseWithResolvers<PublishedTask> | undefined {
  const published = calls.get(call)
  calls.delete(call)
  return published
}
