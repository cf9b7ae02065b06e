import type { StandardSchemaV1 } from '@standard-schema/spec'
import { parseWithBlobs } from '../blobs/blob-json.ts'
import type { MeshBlob } from '../blobs/mesh-blob.ts'
import type { TaskContext, TaskDefinitionLike } from './definition.ts'
import { UnrecoverableError } from './errors.ts'

/** What a handler is given: JSON and the blobs in it, or bytes. */
export interface Payload {
  readonly payload: string | MeshBlob
  readonly blobs?: readonly MeshBlob[] | undefined
}

/**
 * Runs a handler on a payload. Returns what it returns, or a promise of it; the caller tells them
 * apart, so that a handler without promises costs none.
 *
 * @throws {UnrecoverableError} The payload is not JSON, or the schema refuses it.
 */
export function execute(
  definition: TaskDefinitionLike,
  { payload, blobs }: Payload,
  ctx: TaskContext,
): unknown {
  const parsed = typeof payload === 'string' ? parse(payload, blobs) : payload
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

function parse(payload: string, blobs: readonly MeshBlob[] | undefined): unknown {
  try {
    return parseWithBlobs(payload, blobs)
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
