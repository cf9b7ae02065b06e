import { createReadStream } from 'node:fs'
import { rm } from 'node:fs/promises'
import { type ByteSource, chunksOf } from '../blobs/chunks.ts'
import { writeDraft } from '../blobs/draft.ts'
import { BlobContent, type MeshBlob } from '../blobs/mesh-blob.ts'
import type { StoredBlob } from '../blobs/ports.ts'
import type { LargeValue } from '../blobs/large-value.ts'
import type { Payload } from './execute.ts'
import type { ThreadTask } from './thread-messages.ts'

/** Bytes as they are told to another thread: a file, or what it contains. */
export type ThreadBytes =
  | { readonly file: string; readonly blob: StoredBlob }
  | { readonly bytes: Uint8Array; readonly blob: StoredBlob | undefined }

/** Bytes that one thread may keep together for another, where there is no disk. */
const bytesMax = 256 * 2 ** 20

/** A payload that is bytes, or has blobs in it, for a thread. */
export async function tellPayload(
  payload: string | MeshBlob,
  blobs: readonly MeshBlob[] = [],
): Promise<Pick<ThreadTask, 'payload' | 'blobs'>> {
  return {
    payload: typeof payload === 'string' ? payload : await tellBlob(payload),
    blobs: await Promise.all(blobs.map(tellBlob)),
  }
}

/** By its file, if there is one. */
async function tellBlob(content: MeshBlob): Promise<ThreadBytes> {
  const { hash, size, path } = content
  const blob = { hash, size }
  return path === undefined ? { bytes: await content.bytes(), blob } : { file: path, blob }
}

/** The payload as the handler gets it. */
export function heardPayload({ payload, blobs }: Pick<ThreadTask, 'payload' | 'blobs'>): Payload {
  return {
    payload: typeof payload === 'string' ? payload : heardBlob(payload),
    blobs: blobs.map(heardBlob),
  }
}

function heardBlob(told: ThreadBytes): MeshBlob {
  const { hash, size } = told.blob ?? { hash: '', size: 0 }
  const path = 'file' in told ? told.file : undefined
  const file = async (): Promise<string | undefined> => path
  return new BlobContent({ hash, size, path, read: () => readBytes(told), file })
}

/** What a handler gives, brought to where the main thread can take it over. */
export async function tellBytes(
  source: ByteSource,
  directory: string | undefined,
): Promise<ThreadBytes> {
  if (directory !== undefined) return writeDraft(source, { directory, durable: false })
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of chunksOf(source)) {
    size += chunk.byteLength
    if (size > bytesMax) {
      throw new RangeError(`Result of over ${bytesMax} bytes, and the node has no dataDir`)
    }
    chunks.push(chunk.slice())
  }
  return { bytes: Buffer.concat(chunks), blob: undefined }
}

/** A large result in a form that can leave the thread. */
export async function tellResult(
  large: LargeValue,
  directory: string | undefined,
): Promise<LargeValue> {
  if (large.type === 'json') return { ...large, blobs: large.blobs.map(plain) }
  if (large.type === 'file') return large
  const told = await tellBytes(large.source, directory)
  return 'file' in told
    ? { type: 'file', file: told.file, blob: told.blob }
    : { type: 'raw', source: told.bytes }
}

/** Reads what another thread has told of, and removes its file if that was written for it. */
export async function* readOnce(told: ThreadBytes): AsyncGenerator<Uint8Array> {
  try {
    yield* readBytes(told)
  } finally {
    if ('file' in told) await rm(told.file, { force: true })
  }
}

/** A blob without its content. */
export function plain({ hash, size }: StoredBlob): StoredBlob {
  return { hash, size }
}

async function* readBytes(told: ThreadBytes): AsyncGenerator<Uint8Array> {
  if ('bytes' in told) yield told.bytes
  else yield* createReadStream(told.file) as AsyncIterable<Uint8Array>
}
