import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { chunksOf } from './chunks.ts'
import { BlobCorruptError, BlobUnavailableError, FileChangedError, NoSpaceError } from './errors.ts'
import { Pieces, rangeOf } from './pieces.ts'
import { Pins } from './pins.ts'
import {
  type BlobHash,
  type BlobPart,
  type BlobRange,
  type BlobStore,
  chunkBytes,
  type PartOptions,
  pieceBytes,
  type PutOptions,
  type StoredBlob,
} from './ports.ts'

/** A file as it was when it was hashed. */
interface ReferredFile {
  readonly file: string
  readonly mtimeMs: number
}

interface Held {
  /** The bytes, or the file that they are in. */
  readonly chunks: readonly Uint8Array[] | ReferredFile
  readonly size: number
  /** Whether others hold it, so that it may go when room is needed. */
  readonly isCopy: boolean
  usedAt: number
}

/** Blobs of a node without a data directory: few, and gone with it. */
export class MemoryBlobStore implements BlobStore {
  readonly directory = undefined
  readonly #bytesMax: number
  readonly #held = new Map<BlobHash, Held>()
  readonly #open = new Set<BlobHash>()
  readonly #pins = new Pins()
  /** Bytes that are held or promised to downloads. */
  #bytes = 0

  constructor({ bytesMax }: { readonly bytesMax: number }) {
    this.#bytesMax = bytesMax
  }

  async open(): Promise<void> {}

  async close(): Promise<void> {
    this.#held.clear()
  }

  async put(source: AsyncIterable<Uint8Array>, { signal }: PutOptions = {}): Promise<StoredBlob> {
    const hash = createHash('sha256')
    const chunks: Uint8Array[] = []
    let size = 0
    try {
      for await (const chunk of chunksOf(source)) {
        signal?.throwIfAborted()
        this.#reserve(chunk.byteLength, size + chunk.byteLength)
        size += chunk.byteLength
        hash.update(chunk)
        // The source may use its buffers again.
        chunks.push(chunk.slice())
      }
      signal?.throwIfAborted()
    } catch (error) {
      this.#bytes -= size
      throw error
    }
    const blob = { hash: hash.digest('hex'), size }
    this.#place(blob, chunks, false)
    return blob
  }

  adopt(): Promise<void> {
    return Promise.reject(new Error('A store in memory takes no files'))
  }

  async refer(file: string, { signal }: PutOptions = {}): Promise<StoredBlob> {
    const hash = createHash('sha256')
    let size = 0
    const { mtimeMs } = await stat(file)
    for await (const chunk of createReadStream(file) as AsyncIterable<Uint8Array>) {
      signal?.throwIfAborted()
      hash.update(chunk)
      size += chunk.byteLength
    }
    const blob = { hash: hash.digest('hex'), size }
    const before = this.#held.get(blob.hash)
    if (before === undefined || !Array.isArray(before.chunks)) {
      this.#place(blob, { file, mtimeMs }, false)
    }
    return blob
  }

  size(hash: BlobHash): number | undefined {
    return this.#held.get(hash)?.size
  }

  async verify(hash: BlobHash): Promise<boolean> {
    return this.#held.has(hash)
  }

  async touch(hash: BlobHash): Promise<void> {
    const held = this.#held.get(hash)
    if (held !== undefined) held.usedAt = Date.now()
  }

  path(): undefined {
    return undefined
  }

  async *read(hash: BlobHash, range: BlobRange = {}): AsyncGenerator<Uint8Array> {
    const held = this.#held.get(hash)
    if (held === undefined) throw new BlobUnavailableError(hash)
    const from = range.offset ?? 0
    const end = Math.min(held.size, from + (range.length ?? held.size))
    const { chunks } = held
    if ('file' in chunks) {
      yield* readFile(chunks, held.size, from, end)
      return
    }
    let start = 0
    for (const chunk of chunks) {
      const first = Math.max(0, from - start)
      const last = Math.min(chunk.byteLength, end - start)
      for (let at = first; at < last; at += chunkBytes) {
        yield chunk.subarray(at, Math.min(last, at + chunkBytes))
      }
      start += chunk.byteLength
    }
  }

  async part(
    hash: BlobHash,
    size: number,
    { isCopy = false }: PartOptions = {},
  ): Promise<BlobPart | undefined> {
    if (this.#open.has(hash)) return undefined
    this.#reserve(size, size)
    this.#open.add(hash)
    return new MemoryPart({ hash, size }, chunks => {
      this.#open.delete(hash)
      if (chunks === undefined) this.#bytes -= size
      else this.#place({ hash, size }, chunks, isCopy)
    })
  }

  async delete(hash: BlobHash): Promise<void> {
    const held = this.#held.get(hash)
    if (held === undefined) return
    this.#held.delete(hash)
    this.#bytes -= bytesOf(held)
  }

  pin(hash: BlobHash): () => void {
    return this.#pins.pin(hash)
  }

  get isEmpty(): boolean {
    return this.#held.size === 0
  }

  async sweep(isReferenced: (hash: BlobHash) => boolean, olderThanMs: number): Promise<number> {
    const before = Date.now() - olderThanMs
    let deleted = 0
    for (const [hash, held] of this.#held) {
      if (isReferenced(hash)) held.usedAt = Date.now()
      if (held.usedAt > before || this.#pins.has(hash) || isReferenced(hash)) continue
      await this.delete(hash)
      deleted++
    }
    return deleted
  }

  async room(): Promise<number> {
    let copies = 0
    for (const [hash, { isCopy, size }] of this.#held) {
      if (isCopy && !this.#pins.has(hash)) copies += size
    }
    return this.#bytesMax - this.#bytes + copies
  }

  /** Makes room by letting go of what others hold, least recently used first. */
  #reserve(bytes: number, blobBytes: number): void {
    if (this.#bytes + bytes > this.#bytesMax) {
      const copies = [...this.#held]
        .filter(([hash, { isCopy }]) => isCopy && !this.#pins.has(hash))
        .toSorted(([, a], [, b]) => a.usedAt - b.usedAt)
      for (const [hash, { size }] of copies) {
        if (this.#bytes + bytes <= this.#bytesMax) break
        this.#held.delete(hash)
        this.#bytes -= size
      }
    }
    if (this.#bytes + bytes > this.#bytesMax) throw new NoSpaceError(undefined, blobBytes)
    this.#bytes += bytes
  }

  #place({ hash, size }: StoredBlob, chunks: Held['chunks'], isCopy: boolean): void {
    const before = this.#held.get(hash)
    if (before !== undefined) this.#bytes -= bytesOf(before)
    const stays = before !== undefined && !before.isCopy
    this.#held.set(hash, { chunks, size, isCopy: isCopy && !stays, usedAt: Date.now() })
  }
}

/** Bytes of memory that a blob takes. */
function bytesOf({ chunks, size }: Held): number {
  return 'file' in chunks ? 0 : size
}

/** Reads a range of a file, if that is still what was hashed. */
async function* readFile(
  { file, mtimeMs }: ReferredFile,
  size: number,
  from: number,
  to: number,
): AsyncGenerator<Uint8Array> {
  const now = await stat(file).catch(() => undefined)
  if (now?.mtimeMs !== mtimeMs || now.size !== size) throw new FileChangedError(file)
  if (to <= from) return
  const range = { start: from, end: to - 1, highWaterMark: chunkBytes }
  yield* createReadStream(file, range) as AsyncIterable<Uint8Array>
}

/** A download into memory; what is not whole is not kept. */
class MemoryPart implements BlobPart {
  readonly #blob: StoredBlob
  readonly #pieces: Pieces
  readonly #bytes: Uint8Array[]
  #onEnd: ((chunks: readonly Uint8Array[] | undefined) => void) | undefined

  constructor(blob: StoredBlob, onEnd: (chunks: readonly Uint8Array[] | undefined) => void) {
    this.#blob = blob
    this.#pieces = new Pieces(blob.size)
    this.#bytes = Array.from<Uint8Array>({ length: this.#pieces.count })
    this.#onEnd = onEnd
  }

  missing(): number[] {
    return this.#pieces.missing()
  }

  async write(position: number, bytes: Uint8Array): Promise<void> {
    let rest = bytes
    for (let at = position; rest.byteLength > 0;) {
      const piece = Math.floor(at / pieceBytes)
      const { offset, length } = rangeOf(piece, this.#blob.size)
      const target = (this.#bytes[piece] ??= new Uint8Array(length))
      const part = rest.subarray(0, offset + length - at)
      target.set(part, at - offset)
      at += part.byteLength
      rest = rest.subarray(part.byteLength)
    }
  }

  async complete(piece: number): Promise<void> {
    this.#pieces.add(piece)
  }

  async finish(): Promise<void> {
    if (!this.#pieces.whole) throw new Error(`Blob ${this.#blob.hash} is not whole`)
    const hash = createHash('sha256')
    for (const piece of this.#bytes) hash.update(piece)
    const isRight = hash.digest('hex') === this.#blob.hash
    this.#end(isRight ? this.#bytes : undefined)
    if (!isRight) throw new BlobCorruptError(this.#blob.hash)
  }

  async close(): Promise<void> {
    this.#end(undefined)
  }

  #end(chunks: readonly Uint8Array[] | undefined): void {
    this.#onEnd?.(chunks)
    this.#onEnd = undefined
  }
}
