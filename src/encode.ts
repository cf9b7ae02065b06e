import { jsonWithBlobs } from './blobs/blob-json.ts'
import { type ByteSource, isByteSource } from './blobs/chunks.ts'
import type { LargeValue } from './blobs/large-value.ts'
import type { MeshBlob } from './blobs/mesh-blob.ts'
import { bundledBlobsMax } from './blobs/reference.ts'
import { InvalidInputError, PayloadTooLargeError } from './errors.ts'
import { maxPayloadBytes } from './wire/limits.ts'

/** Inputs of some tasks as they are published, in columns. */
export interface Columns {
  /** Bytes of each payload. */
  readonly lengths: Uint32Array
  /** All payloads, one behind the other. */
  readonly payload: Uint8Array
}

/** Takes a payload that no record can hold as it is, and gives what names it. */
export type KeepLarge = (index: number, value: LargeValue) => Promise<Uint8Array>

/** Tasks in one set of columns: what goes into one frame, and little enough to encode at once. */
const columnTasksMax = 1_000

/** Bytes after which a set of columns takes no more tasks. */
const columnBytesMax = 1 << 20

/**
 * Encodes inputs as JSON, some at a time, so that the caller can let others go on in between.
 * What is too large, or is bytes or has blobs in it, is given away and replaced by what comes back.
 *
 * @throws {InvalidInputError} An input is not JSON.
 * @throws {PayloadTooLargeError} An input is over 64 KiB as JSON, and nobody takes it.
 */
export async function* encodeInputs(
  queue: string,
  inputs: readonly unknown[],
  keep?: KeepLarge,
): AsyncGenerator<Columns> {
  let next = 0
  while (next < inputs.length) {
    const first = next
    const bodies: (string | Uint8Array)[] = []
    const lengths: number[] = []
    let bytes = 0
    while (next < inputs.length && bodies.length < columnTasksMax && bytes < columnBytesMax) {
      const input = inputs[next]
      const isBytes = keep !== undefined && isByteSource(input)
      const text = isBytes ? rawOf(input) : encodeInput(queue, input, next)
      const body = typeof text === 'string' ? text : await giveAway(queue, next, text, keep)
      const length = Buffer.byteLength(body)
      bodies.push(body)
      lengths.push(length)
      bytes += length
      next++
    }
    if (next > first) yield columnsOf(bodies, lengths, bytes)
  }
}

function rawOf(source: ByteSource): LargeValue {
  return { type: 'raw', source }
}

function giveAway(
  queue: string,
  index: number,
  value: LargeValue,
  keep: KeepLarge | undefined,
): Promise<Uint8Array> {
  if (keep !== undefined) return keep(index, value)
  const bytes = value.type === 'json' ? Buffer.byteLength(value.text) : 0
  throw new PayloadTooLargeError(queue, bytes, maxPayloadBytes)
}

/** Puts some payloads into columns: JSON texts, but for what names a blob. */
export function columnsOf(
  bodies: readonly (string | Uint8Array)[],
  lengths: readonly number[],
  bytes: number,
): Columns {
  const payload = Buffer.allocUnsafeSlow(bytes)
  let at = 0
  for (const body of bodies) {
    if (typeof body === 'string') {
      at += payload.write(body, at, 'utf8')
    } else {
      payload.set(body, at)
      at += body.byteLength
    }
  }
  return { lengths: Uint32Array.from(lengths), payload }
}

/** An input as JSON, if a record can hold it. No input is `null`. */
export function encodeInput(
  queue: string,
  input: unknown,
  index: number,
): string | Extract<LargeValue, { type: 'json' }> {
  if (input === undefined) return 'null'
  let text: string | undefined
  found.length = 0
  try {
    text = jsonWithBlobs(input, found)
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message.split('\n', 1)[0] : String(cause)
    throw new InvalidInputError(queue, index, `it is not JSON (${reason})`, { cause })
  }
  if (text === undefined) {
    throw new InvalidInputError(queue, index, `it is not JSON (a ${typeof input})`)
  }
  if (found.length === 0 && isShort(text)) return text
  if (found.length > bundledBlobsMax) {
    const many = `it has ${found.length} blobs in it, over the limit of ${bundledBlobsMax}`
    throw new InvalidInputError(queue, index, `${many}; put them into an archive`)
  }
  return { type: 'json', text, blobs: [...found] }
}

/** Blobs of the input that is being encoded: hardly ever any. */
const found: MeshBlob[] = []

// No character takes more than three bytes, so most texts need no count.
function isShort(text: string): boolean {
  return text.length * 3 <= maxPayloadBytes || Buffer.byteLength(text) <= maxPayloadBytes
}
