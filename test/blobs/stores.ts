import { createHash } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { DiskBlobStore } from '../../src/blobs/disk-store.ts'
import { type BlobFiles, nodeFiles } from '../../src/blobs/files.ts'
import { MemoryBlobStore } from '../../src/blobs/memory-store.ts'
import { type BlobStore, pieceBytes, type StoredBlob } from '../../src/blobs/ports.ts'
import { rangeOf } from '../../src/blobs/pieces.ts'

/** Bytes that look random and are the same for a seed. */
export function contentOf(size: number, seed = 1): Uint8Array {
  const bytes = new Uint8Array(size)
  let state = seed * 2_654_435_761
  for (let i = 0; i < size; i++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    bytes[i] = state >>> 24
  }
  return bytes
}

export function hashOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}

export function blobOf(bytes: Uint8Array): StoredBlob {
  return { hash: hashOf(bytes), size: bytes.byteLength }
}

/** Bytes in pieces of some length. */
export async function* piecesOf(bytes: Uint8Array, length = 10_000): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.byteLength; at += length) yield bytes.subarray(at, at + length)
}

export async function readAll(source: AsyncIterable<Uint8Array>): Promise<Buffer> {
  return Buffer.concat(await Array.fromAsync(source, chunk => chunk.slice()))
}

/** A folder that is removed with the test. */
export async function folder(t: TestContext): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'meshwork-blobs-'))
  t.after(() => rm(path, { recursive: true, force: true }))
  return join(path, 'blobs')
}

export async function diskStore(
  t: TestContext,
  options: { readonly directory?: string; readonly files?: BlobFiles } = {},
): Promise<DiskBlobStore> {
  const { directory = await folder(t), files = nodeFiles } = options
  const store = new DiskBlobStore({ directory, files, durability: 'process' })
  await store.open()
  return store
}

export function memoryStore(bytesMax = 64 * 2 ** 20): MemoryBlobStore {
  return new MemoryBlobStore({ bytesMax })
}

/** Downloads pieces of a blob into a store by hand. */
export async function download(
  store: BlobStore,
  bytes: Uint8Array,
  pieces: readonly number[],
  blob = blobOf(bytes),
): Promise<void> {
  const part = await store.part(blob.hash, blob.size)
  if (part === undefined) throw new Error('The download goes on elsewhere')
  try {
    for (const piece of pieces) {
      const { offset, length } = rangeOf(piece, blob.size)
      for (let at = offset; at < offset + length; at += 100_000) {
        await part.write(at, bytes.subarray(at, Math.min(at + 100_000, offset + length)))
      }
      await part.complete(piece)
    }
    if (part.missing().length === 0) await part.finish()
  } finally {
    await part.close()
  }
}

export { pieceBytes }
