import { basename, extname } from 'node:path'
import type { TaskDefaults, TaskDefinitionLike } from './definition.ts'

/** A queue that a module file serves, as far as another thread can know it. */
export interface ModuleHandler {
  readonly queue: string
  /** Absolute path of the module. */
  readonly file: string
  readonly concurrency: number | undefined
  /** What publishes of it take from the definition; empty for a plain function. */
  readonly defaults: TaskDefaults
}

/**
 * The handlers that a module exports: functions, whose queue is the export's name (the file's for
 * `default`), and definitions, which name their queue. Classes are none.
 *
 * @throws {Error} Two exports have the same queue.
 */
export function handlersOf(
  namespace: Readonly<Record<string, unknown>>,
  file: string,
): Map<string, TaskDefinitionLike> {
  const handlers = new Map<string, TaskDefinitionLike>()
  const seen = new Map<string, unknown>()
  for (const [name, value] of Object.entries(exportsOf(namespace, file))) {
    const definition = definitionOf(name === 'default' ? fileName(file) : name, value)
    if (definition === undefined) continue
    const queue = definition.name
    // One definition may well be exported by its name and as the default.
    if (handlers.has(queue) && seen.get(queue) !== value) {
      throw new Error(`it exports queue ${queue} twice`)
    }
    handlers.set(queue, definition)
    seen.set(queue, value)
  }
  return handlers
}

/** A CommonJS module shows its exports whole only behind a marker, or as `default`. */
function exportsOf(
  namespace: Readonly<Record<string, unknown>>,
  file: string,
): Readonly<Record<string, unknown>> {
  const whole = namespace['module.exports'] ?? (extname(file) === '.cjs' && namespace['default'])
  if (typeof whole === 'function' || isDefinition(whole)) return { default: whole }
  return typeof whole === 'object' && whole !== null ? { ...whole } : namespace
}

function definitionOf(name: string, value: unknown): TaskDefinitionLike | undefined {
  if (isDefinition(value)) return value
  if (typeof value !== 'function' || isClass(value)) return undefined
  return { name, run: (input, ctx): unknown => value(input, ctx) }
}

function isDefinition(value: unknown): value is TaskDefinitionLike {
  if (typeof value !== 'object' || value === null) return false
  if (!('name' in value) || !('run' in value)) return false
  return typeof value.name === 'string' && value.name !== '' && typeof value.run === 'function'
}

function isClass(value: object): boolean {
  return /^class\b/.test(Function.prototype.toString.call(value))
}

function fileName(file: string): string {
  return basename(file, extname(file))
}
