import { createHash } from 'node:crypto'
import * as fs from 'node:fs/promises'
import { dirname } from 'node:path'
import { BlobCorruptError } from './errors.ts'
import { type BlobFiles, removeFile, writeError } from './files.ts'
import { Pieces } from './pieces.ts'
import { type BlobPart, chunkBytes, type StoredBlob } from './ports.ts'

export interface DiskPartInit {
  readonly blob: StoredBlob
  readonly directory: string
  readonly files: BlobFiles
  readonly durable: boolean
  /** Where the bytes gather, and beside it `….map`, which tells the pieces that are whole. */
  readonly file: string
  /** Puts the verified file in its place. */
  readonly onWhole: (file: string) => Promise<void>
  readonly onClosed: () => void
}

/** Bytes after which a download is synced on the way, so that its end does not take for ever. */
const syncEveryBytes = 64 * 2 ** 20

/** A download into a file. What a crash leaves of it is resumed, and verified like all else. */
export class DiskPart implements BlobPart {
  readonly #init: DiskPartInit
  readonly #handle: fs.FileHandle
  readonly #pieces: Pieces
  #hash = createHash('sha256')
  /** Bytes from the start on that are in `#hash`. */
  #hashed = 0
  /** Whether some of those have been written again, so that the hash may be of others. */
  #isRewritten = false
  #unsynced = 0
  #closed = false

  static async open(init: DiskPartInit): Promise<DiskPart> {
    try {
      await fs.mkdir(dirname(init.file), { recursive: true, mode: 0o700 })
      const resumed = await resume(init)
      if (resumed !== undefined) return resumed
      const handle = await fs.open(init.file, 'w+', 0o600)
      return new DiskPart(init, handle, new Pieces(init.blob.size))
    } catch (error) {
      init.onClosed()
      throw writeError(error, init.directory, init.blob.size)
    }
  }

  constructor(init: DiskPartInit, handle: fs.FileHandle, pieces: Pieces) {
    this.#init = init
    this.#handle = handle
    this.#pieces = pieces
  }

  missing(): number[] {
    return this.#pieces.missing()
  }

  async write(position: number, bytes: Uint8Array): Promise<void> {
    const { files, directory, blob, durable } = this.#init
    try {
      await files.write(this.#handle, bytes, position)
      if (position < this.#hashed) this.#isRewritten = true
      if (position === this.#hashed) {
        this.#hash.update(bytes)
        this.#hashed += bytes.byteLength
      }
      this.#unsynced += bytes.byteLength
      if (!durable || this.#unsynced < syncEveryBytes) return
      this.#unsynced = 0
      await this.#handle.datasync()
    } catch (error) {
      throw writeError(error, directory, blob.size)
    }
  }

  async complete(piece: number): Promise<void> {
    this.#pieces.add(piece)
    if (this.#pieces.count === 1) return
    const { file, directory, blob } = this.#init
    try {
      await fs.writeFile(`${file}.map`, this.#pieces.encode(), { mode: 0o600 })
    } catch (error) {
      throw writeError(error, directory, blob.size)
    }
  }

  async finish(): Promise<void> {
    const { blob, file, directory, durable, onWhole } = this.#init
    if (!this.#pieces.whole) throw new Error(`Blob ${blob.hash} is not whole`)
    try {
      await this.#hashRest()
      if (this.#hash.digest('hex') !== blob.hash) throw new BlobCorruptError(blob.hash)
      if (durable) await this.#handle.sync()
      await this.#release()
      await onWhole(file)
      await removeFile(`${file}.map`)
    } catch (error) {
      await this.#release()
      await this.#discard()
      throw writeError(error, directory, blob.size)
    } finally {
      this.#end()
    }
  }

  async close(): Promise<void> {
    if (this.#closed) return
    await this.#release()
    // Less than a piece is not worth its file.
    if (this.#pieces.missing().length === this.#pieces.count) await this.#discard()
    this.#end()
  }

  /** What came out of order, or before a restart, is read back. */
  async #hashRest(): Promise<void> {
    if (this.#isRewritten) {
      this.#hash = createHash('sha256')
      this.#hashed = 0
    }
    const buffer = new Uint8Array(chunkBytes)
    while (this.#hashed < this.#init.blob.size) {
      const { bytesRead } = await this.#handle.read(buffer, 0, chunkBytes, this.#hashed)
      if (bytesRead === 0) break
      this.#hash.update(buffer.subarray(0, bytesRead))
      this.#hashed += bytesRead
    }
  }

  // Closing a closed handle does nothing.
  #release(): Promise<void> {
    return this.#handle.close()
  }

  async #discard(): Promise<void> {
    await removeFile(this.#init.file)
    await removeFile(`${this.#init.file}.map`)
  }

  #end(): void {
    if (this.#closed) return
    this.#closed = true
    this.#init.onClosed()
  }
}

/** Goes on with what an earlier download has left, if that can be read. */
async function resume(init: DiskPartInit): Promise<DiskPart | undefined> {
  try {
    const bits = await fs.readFile(`${init.file}.map`)
    const handle = await fs.open(init.file, 'r+')
    return new DiskPart(init, handle, new Pieces(init.blob.size, bits))
  } catch {
    return undefined
  }
}
