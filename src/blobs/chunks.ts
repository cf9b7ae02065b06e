import { chunkBytes } from './ports.ts'

/** What bytes may come from. */
export type ByteSource = Uint8Array | AsyncIterable<Uint8Array> | ReadableStream<Uint8Array>

/** What a blob may be made of. */
export type BlobSource = ByteSource | { readonly file: string }

/** Whether a value is bytes, or gives some one after the other, and so is no JSON. */
export function isByteSource(value: unknown): value is ByteSource {
  if (typeof value !== 'object' || value === null) return false
  return value instanceof Uint8Array || Symbol.asyncIterator in value
}

/**
 * The bytes of a source in chunks of one size, so that a source of tiny pieces costs no write for
 * each, and one of huge pieces does not hold the event loop up.
 *
 * @throws {TypeError} The source gives something else than bytes.
 */
export async function* chunksOf(source: ByteSource): AsyncGenerator<Uint8Array> {
  let gathered: Uint8Array | undefined
  let filled = 0
  for await (const piece of piecesOf(source)) {
    let rest = piece
    while (rest.byteLength > 0) {
      if (gathered === undefined && rest.byteLength >= chunkBytes) {
        yield rest.subarray(0, chunkBytes)
        rest = rest.subarray(chunkBytes)
        continue
      }
      gathered ??= new Uint8Array(chunkBytes)
      const part = rest.subarray(0, chunkBytes - filled)
      gathered.set(part, filled)
      filled += part.byteLength
      rest = rest.subarray(part.byteLength)
      if (filled < chunkBytes) continue
      yield gathered
      gathered = undefined
      filled = 0
    }
  }
  if (gathered !== undefined) yield gathered.subarray(0, filled)
}

async function* piecesOf(source: ByteSource): AsyncGenerator<Uint8Array> {
  if (source instanceof Uint8Array) {
    yield source
    return
  }
  for await (const piece of source as AsyncIterable<unknown>) {
    if (piece instanceof Uint8Array) yield piece
    else if (typeof piece === 'string') yield Buffer.from(piece)
    else throw new TypeError(`A stream of bytes gave a value of type ${typeof piece}`)
  }
}

/** Everything that comes, in one piece. */
export async function gather(source: AsyncIterable<Uint8Array>, size: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(size)
  let at = 0
  for await (const chunk of source) {
    bytes.set(chunk, at)
    at += chunk.byteLength
  }
  return bytes
}
