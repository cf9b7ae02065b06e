import { fork } from 'node:child_process'
import type { EventEmitter } from 'node:events'
import { readdir, stat } from 'node:fs/promises'
import { extname, join, resolve } from 'node:path'
import { Worker } from 'node:worker_threads'
import { HandlerModuleError } from './errors.ts'
import type { Inspected } from './inspect.ts'
import type { ModuleHandler } from './module-handlers.ts'
import { threadFile } from './thread-messages.ts'

/** Options of `loadHandlers`. */
export interface LoadHandlersOptions {
  /**
   * Longest time that one module may take to be imported, in milliseconds.
   *
   * @default 30_000
   */
  readonly importMs?: number | undefined
  /**
   * What modules are imported in; the same as they will run in.
   *
   * @default 'thread'
   */
  readonly isolate?: 'thread' | 'process' | undefined
}

const extensions = new Set(['.js', '.mjs', '.cjs', '.ts', '.mts'])
const maxModules = 1_000

/**
 * Finds the handlers in a module file, or in the modules of a folder (not below it). Modules are
 * imported in a thread or process of their own, so that one that blocks, throws or exits harms
 * nobody.
 *
 * @throws {HandlerModuleError} A module is missing or cannot be imported, or a queue is exported
 * twice.
 */
export async function loadHandlers(
  path: string,
  options: LoadHandlersOptions = {},
): Promise<readonly ModuleHandler[]> {
  const files = await modulesAt(resolve(path))
  if (files.length === 0) return []
  const inspector = options.isolate === 'process' ? inspectorProcess(files) : inspectorThread(files)
  const handlers = await inspectAll(files, inspector, options.importMs ?? 30_000)

  const exported = new Map<string, ModuleHandler>()
  for (const handler of handlers) {
    const other = exported.get(handler.queue)
    if (other !== undefined) {
      const reason = `it exports queue ${handler.queue}, and so does ${other.file}`
      throw new HandlerModuleError(handler.file, reason)
    }
    exported.set(handler.queue, handler)
  }
  return handlers
}

async function modulesAt(path: string): Promise<string[]> {
  const found = await stat(path).catch((cause: unknown) => {
    throw new HandlerModuleError(path, 'there is no such file or folder', { cause })
  })
  if (!found.isDirectory()) {
    if (extensions.has(extname(path))) return [path]
    throw new HandlerModuleError(path, `its name must end in ${[...extensions].join(', ')}`)
  }
  const entries = await readdir(path, { withFileTypes: true })
  const names = entries.filter(entry => !entry.isDirectory() && isModule(entry.name))
  if (names.length > maxModules) {
    throw new HandlerModuleError(path, `it has more than ${maxModules} modules`)
  }
  return names.map(entry => join(path, entry.name)).toSorted()
}

function isModule(name: string): boolean {
  return !name.startsWith('.') && !/\.d\.[mc]?ts$/.test(name) && extensions.has(extname(name))
}

/** What imports modules for us, and says what they export. */
interface Inspector {
  readonly events: EventEmitter
  readonly kind: 'thread' | 'process'
  end(): unknown
}

function inspectorThread(files: readonly string[]): Inspector {
  const thread = new Worker(threadFile('inspect'), { workerData: { files } })
  return { events: thread, kind: 'thread', end: () => thread.terminate() }
}

function inspectorProcess(files: readonly string[]): Inspector {
  const child = fork(threadFile('inspect'), files, {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    serialization: 'advanced',
  })
  return { events: child, kind: 'process', end: () => child.kill('SIGKILL') }
}

async function inspectAll(
  files: readonly string[],
  inspector: Inspector,
  importMs: number,
): Promise<ModuleHandler[]> {
  const { events, kind } = inspector
  const handlers: ModuleHandler[] = []
  try {
    await new Promise<void>((resolve, reject) => {
      let at = 0
      const fail = (reason: string, cause?: unknown): void => {
        reject(new HandlerModuleError(files[at] ?? '', reason, { cause }))
      }
      const timer = setTimeout(() => fail(`it took longer than ${importMs} ms to import`), importMs)
      events.on('message', (inspected: Inspected) => {
        // A module may talk to its parent, too.
        if (inspected?.type === 'meshwork:refused') fail(inspected.reason)
        if (inspected?.type !== 'meshwork:module') return
        handlers.push(...inspected.handlers)
        at++
        if (at === files.length) resolve()
        else timer.refresh()
      })
      events.on('error', (error: Error) => fail(`${error.name}: ${error.message}`, error))
      events.on('exit', (code: number | null, signal?: string | null) => {
        clearTimeout(timer)
        const how = signal ? `by ${signal}` : `with exit code ${code}`
        fail(`it ended its ${kind} ${how} while being imported`)
      })
    })
  } finally {
    await inspector.end()
  }
  return handlers
}
