import type { StandardSchemaV1 } from '@standard-schema/spec'
import type { MeshBlob } from '../blobs/mesh-blob.ts'
import type { TaskContext, TaskDefinitionLike } from './definition.ts'
import { UnrecoverableError } from './errors.ts'

/**
 * Runs a handler on a payload, JSON or bytes. Returns what it returns, or a promise of it; the caller tells them
 * apart, so that a handler without promises costs none.
 *
 * @throws {UnrecoverableError} The payload is not JSON, or the schema refuses it.
 */
export function execute(
  definition: TaskDefinitionLike,
  payload: string | MeshBlob,
  ctx: TaskContext,
): unknown {
  const parsed = typeof payload === 'string' ? parse(payload) : payload
  const schema = definition.input
  if (schema === undefined) return definition.run(parsed, ctx)

  const checked = schema['~standard'].validate(parsed)
  if (isThenable(checked)) {
    return Promise.resolve(checked).then(checked => definition.run(accepted(checked), ctx))
  }
  return definition.run(accepted(checked), ctx)
}

/** Whether a value has to be awaited. */
export function isThenable(value: unknown): value is PromiseLike<unknown> {
  if (typeof value !== 'object' || value === null) return false
  return 'then' in value && typeof value.then === 'function'
}

function parse(payload: string): unknown {
  try {
    return JSON.parse(payload)
  } catch (cause) {
    throw new UnrecoverableError('Payload is not JSON', { cause })
  }
}

function accepted(result: StandardSchemaV1.Result<unknown>): unknown {
  if (result.issues === undefined) return result.value
  const issues = result.issues.slice(0, 10).map(issue => `${pathOf(issue)}${issue.message}`)
  throw new UnrecoverableError(`Input is not valid: ${issues.join('; ')}`)
}

function pathOf({ path }: StandardSchemaV1.Issue): string {
  if (path === undefined || path.length === 0) return ''
  const keys = path.map(part => (typeof part === 'object' ? part.key : part))
  return `${keys.map(String).join('.')}: `
}
