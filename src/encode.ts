import { type ByteSource, isByteSource } from './blobs/chunks.ts'
import { InvalidInputError, PayloadTooLargeError } from './errors.ts'
import { maxPayloadBytes } from './wire/limits.ts'

/** Inputs of some tasks as they are published, in columns. */
export interface Columns {
  /** Bytes of each payload. */
  readonly lengths: Uint32Array
  /** All payloads, one behind the other. */
  readonly payload: Uint8Array
}

/** Takes a payload that no record can hold, JSON text or bytes, and gives what names it. */
export type KeepLarge = (index: number, content: string | ByteSource) => Promise<Uint8Array>

/** Tasks in one set of columns: what goes into one frame, and little enough to encode at once. */
const columnTasksMax = 1_000

/** Bytes after which a set of columns takes no more tasks. */
const columnBytesMax = 1 << 20

/**
 * Encodes inputs as JSON, some at a time, so that the caller can let others go on in between.
 * What is too large, or is bytes, is given away and replaced by what comes back.
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
      const large = keep !== undefined && isByteSource(input) ? input : undefined
      let body: string | Uint8Array = large === undefined ? encodeInput(queue, input, next) : ''
      let length = Buffer.byteLength(body)
      if (large !== undefined || length > maxPayloadBytes) {
        if (keep === undefined) throw new PayloadTooLargeError(queue, length, maxPayloadBytes)
        body = await keep(next, large ?? body)
        length = body.byteLength
      }
      bodies.push(body)
      lengths.push(length)
      bytes += length
      next++
    }
    if (next > first) yield columnsOf(bodies, lengths, bytes)
  }
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

/** An input as JSON. No input is `null`. */
export function encodeInput(queue: string, input: unknown, index: number): string {
  if (input === undefined) return 'null'
  let text: string | undefined
  try {
    text = JSON.stringify(input)
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message.split('\n', 1)[0] : String(cause)
    throw new InvalidInputError(queue, index, `it is not JSON (${reason})`, { cause })
  }
  if (text === undefined) {
    throw new InvalidInputError(queue, index, `it is not JSON (a ${typeof input})`)
  }
  return text
}
