import { pathToFileURL } from 'node:url'
import { isMainThread, parentPort, workerData } from 'node:worker_threads'
import type { TaskDefaults, TaskDefinitionLike } from './definition.ts'
import { handlersOf, type ModuleHandler } from './module-handlers.ts'

/** What the inspecting thread or process says of one module after the other. */
export type Inspected =
  | { readonly type: 'meshwork:module'; readonly handlers: readonly ModuleHandler[] }
  | { readonly type: 'meshwork:refused'; readonly reason: string }

const files = isMainThread
  ? process.argv.slice(2)
  : (workerData as { readonly files: readonly string[] }).files

for (const file of files) {
  const inspected = await inspect(file)
  if (parentPort === null) process.send?.(inspected)
  else parentPort.postMessage(inspected)
}

async function inspect(file: string): Promise<Inspected> {
  try {
    const namespace = (await import(pathToFileURL(file).href)) as Record<string, unknown>
    const handlers = [...handlersOf(namespace, file).values()].map(it => describe(it, file))
    return { type: 'meshwork:module', handlers }
  } catch (error) {
    return { type: 'meshwork:refused', reason: reasonOf(error) }
  }
}

// Functions and schemas stay in their thread.
function describe(
  { name, concurrency, ...rest }: TaskDefinitionLike & TaskDefaults,
  file: string,
): ModuleHandler {
  const { attempts, backoff, timeoutMs, priority, resultTtlMs } = rest
  const defaults = { attempts, backoff, timeoutMs, priority, resultTtlMs }
  return { queue: name, file, concurrency, defaults }
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error)
}
