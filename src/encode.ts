import { InvalidInputError, PayloadTooLargeError } from './errors.ts'
import { maxPayloadBytes } from './wire/limits.ts'

/** Inputs of some tasks as they are published, in columns. */
export interface Columns {
  /** Bytes of each payload. */
  readonly lengths: Uint32Array
  /** All payloads, one behind the other. */
  readonly payload: Uint8Array
}

/** Tasks in one set of columns: what goes into one frame, and little enough to encode at once. */
const columnTasksMax = 1_000

/** Bytes after which a set of columns takes no more tasks. */
const columnBytesMax = 1 << 20

/**
 * Encodes inputs as JSON, some at a time, so that the caller can let others go on in between.
 *
 * @throws {InvalidInputError} An input is not JSON.
 * @throws {PayloadTooLargeError} An input is over 64 KiB as JSON.
 */
export function* encodeInputs(queue: string, inputs: readonly unknown[]): Generator<Columns> {
  let next = 0
  while (next < inputs.length) {
    const first = next
    const texts: string[] = []
    const lengths: number[] = []
    let bytes = 0
    while (next < inputs.length && texts.length < columnTasksMax && bytes < columnBytesMax) {
      const text = encodeInput(queue, inputs[next], next)
      const length = lengthOf(queue, text)
      texts.push(text)
      lengths.push(length)
      bytes += length
      next++
    }
    if (next > first) yield columnsOf(texts, lengths, bytes)
  }
}

/** Puts the JSON texts of some payloads into columns. */
export function columnsOf(
  texts: readonly string[],
  lengths: readonly number[],
  bytes: number,
): Columns {
  const payload = Buffer.allocUnsafeSlow(bytes)
  let at = 0
  for (const text of texts) at += payload.write(text, at, 'utf8')
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

/** Bytes of a payload, checked. */
export function lengthOf(queue: string, text: string): number {
  const bytes = Buffer.byteLength(text)
  if (bytes > maxPayloadBytes) throw new PayloadTooLargeError(queue, bytes, maxPayloadBytes)
  return bytes
}
