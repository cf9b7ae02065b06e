import type { AbortOptions } from '@libp2p/interface'
import type { Blobs, KeptBlob } from './blobs.ts'
import type { ByteSource } from './chunks.ts'
import type { StoredBlob } from './ports.ts'
import { encodeBody, type LargeBody } from './reference.ts'

/**
 * A payload or a result that no record can hold as it is: long JSON, or JSON in which blobs are, or
 * bytes, or a file of such that is in the folder of the blobs.
 */
export type LargeValue =
  | { readonly type: 'json'; readonly text: string; readonly blobs: readonly StoredBlob[] }
  | { readonly type: 'raw'; readonly source: ByteSource }
  | { readonly type: 'file'; readonly file: string; readonly blob: StoredBlob }

/** A large value that is here, until its blobs are released. */
export interface KeptValue {
  /** What the payload or the result is instead. */
  readonly body: Uint8Array
  readonly kept: readonly KeptBlob[]
}

/**
 * Stores a large value here. JSON of up to `bytesMax` stays in the body that names its blobs.
 *
 * @throws {NoSpaceError} There is no room for it.
 */
export async function keepValue(
  blobs: Pick<Blobs, 'keep' | 'keepAgain' | 'adopt'>,
  value: LargeValue,
  bytesMax: number,
  options: AbortOptions,
): Promise<KeptValue> {
  if (value.type !== 'json') {
    const one =
      value.type === 'file'
        ? await blobs.adopt('raw', value.file, value.blob)
        : await blobs.keep('raw', value.source, options)
    return { body: encodeBody({ content: one.reference, blobs: [] }), kept: [one] }
  }
  const kept: KeptBlob[] = []
  try {
    for (const blob of value.blobs) kept.push(await blobs.keepAgain(blob, options))
    const named: LargeBody = { text: value.text, blobs: kept.map(({ reference }) => reference) }
    const body = encodeBody(named)
    if (kept.length > 0 && body.byteLength <= bytesMax) return { body, kept }
    const content = await blobs.keep('json', Buffer.from(value.text), options)
    const inBlob = { content: content.reference, blobs: named.blobs }
    return { body: encodeBody(inBlob), kept: [...kept, content] }
  } catch (error) {
    for (const { release } of kept) release()
    throw error
  }
}
