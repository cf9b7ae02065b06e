import type { Finished } from '../core/inputs.ts'
import { isErrorLike, isUnrecoverable } from './errors.ts'
import { jsonWithBlobs } from '../blobs/blob-json.ts'
import { isByteSource } from '../blobs/chunks.ts'
import type { LargeValue } from '../blobs/large-value.ts'
import type { MeshBlob } from '../blobs/mesh-blob.ts'
import { bundledBlobsMax } from '../blobs/reference.ts'

/** How a run ended: its kind, and its result or error note as JSON text. */
export interface Outcome {
  readonly kind: Finished['kind']
  /** Bytes where they name a result that is kept elsewhere. */
  readonly body: string | Uint8Array
  /** The result, of one that is `done`, before it is put elsewhere. */
  readonly large?: LargeValue | undefined
}

/** What a result may be. */
export interface ResultLimits {
  /** Bytes of JSON that go into a body. */
  readonly maxResultBytes: number
  /** Where larger results go, and bytes; without it there are none. */
  readonly blobs?: object | undefined
}

/** Bytes that an error note may have. */
export const maxNoteBytes = 8_192

/** The outcome of a run that returned, if its result can be kept. */
export function resultOutcome(value: unknown, limits: ResultLimits): Outcome {
  const { maxResultBytes, blobs } = limits
  if (blobs !== undefined && isByteSource(value)) {
    return { kind: 'done', body: '', large: { type: 'raw', source: value } }
  }
  let body: string | undefined
  found.length = 0
  try {
    body = jsonWithBlobs(value, found)
  } catch (error) {
    return {
      kind: 'result',
      body: noteOf('ResultError', `Result is not JSON: ${messageOf(error)}`),
    }
  }
  if (body === undefined) return nothing
  if (found.length > 0 && blobs !== undefined) return withBlobs(body, [...found])
  // No character takes more than three bytes, so most results need no count.
  if (body.length * 3 > maxResultBytes) {
    const bytes = Buffer.byteLength(body)
    if (bytes > maxResultBytes) return longOutcome(body, bytes, limits)
  }
  return { kind: 'done', body }
}

/** Blobs of the result that is being encoded: hardly ever any. */
const found: MeshBlob[] = []

function withBlobs(text: string, blobs: readonly MeshBlob[]): Outcome {
  if (blobs.length > bundledBlobsMax) {
    const many = `Result has ${blobs.length} blobs in it, over the limit of ${bundledBlobsMax}`
    const message = `${many}; put them into an archive`
    return { kind: 'result', body: noteOf('ResultTooLargeError', message) }
  }
  return { kind: 'done', body: '', large: { type: 'json', text, blobs } }
}

/** The outcome of a run whose result is long JSON. */
export function longOutcome(text: string, bytes: number, limits: ResultLimits): Outcome {
  if (limits.blobs === undefined) return tooLarge(bytes, limits.maxResultBytes)
  return { kind: 'done', body: '', large: { type: 'json', text, blobs: [] } }
}

/** The outcome of a run that threw. */
export function errorOutcome(error: unknown): Outcome {
  try {
    return { kind: isUnrecoverable(error) ? 'unrecoverable' : 'error', body: errorNote(error) }
  } catch {
    // Getters of foreign errors may throw in their turn.
    return { kind: 'error', body: noteOf('Error', 'The error cannot be read') }
  }
}

/** The outcome of a run that took longer than it may. */
export function timeoutOutcome(timeoutMs: number): Outcome {
  return { kind: 'timeout', body: noteOf('TimeoutError', `Run took longer than ${timeoutMs} ms`) }
}

/** What is told of an error: `{ name, message, stack? }` as JSON of at most 8 KiB. */
function errorNote(error: unknown): string {
  if (!isErrorLike(error)) return noteOf('Error', stringOf(error))
  const { name, message, stack } = error
  return noteOf(stringOf(name), stringOf(message), typeof stack === 'string' ? stack : undefined)
}

function noteOf(name: string, message: string, stack?: string): string {
  const short = cut(name, 128)
  const candidates = [
    { name: short, message, stack },
    { name: short, message, stack: stack === undefined ? stack : cut(stack, 1_024) },
    { name: short, message },
  ]
  if (message.length <= maxNoteBytes) {
    for (const candidate of candidates) {
      const body = JSON.stringify(candidate)
      if (Buffer.byteLength(body) <= maxNoteBytes) return body
    }
  }
  // Escaped, no character takes more than six bytes.
  return JSON.stringify({ name: short, message: cut(message, 1_024) })
}

function tooLarge(bytes: number, maxResultBytes: number): Outcome {
  const message = `Result of ${bytes} bytes is over the limit of ${maxResultBytes} bytes`
  return { kind: 'result', body: noteOf('ResultTooLargeError', message) }
}

function cut(text: string, chars: number): string {
  return text.length <= chars ? text : `${text.slice(0, chars - 1)}…`
}

function messageOf(error: unknown): string {
  return stringOf(isErrorLike(error) ? error.message : error)
}

function stringOf(value: unknown): string {
  try {
    return String(value)
  } catch {
    return 'a value that has no text'
  }
}

const nothing: Outcome = { kind: 'done', body: 'null' }
