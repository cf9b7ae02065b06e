import { randomBytes } from 'node:crypto'
import * as fs from 'node:fs/promises'
import { dirname } from 'node:path'
import { ReadableStream } from 'node:stream/web'
import type { AbortOptions } from '@libp2p/interface'
import { noteBlob } from './blob-json.ts'
import { gather } from './chunks.ts'
import { nodeFiles, removeFile, writeError } from './files.ts'
import type { BlobHash, StoredBlob } from './ports.ts'

/**
 * Bytes of any length: the input of a task that was published with bytes or a stream, or such a
 * result. They are fetched when they are asked for, verified, and never in memory as a whole
 * unless `bytes` is called. A blob may be published again, or returned, as it is or within JSON.
 */
export interface MeshBlob extends AsyncIterable<Uint8Array> {
  /** Bytes. */
  readonly size: number
  /** SHA-256 of the content, in hex. */
  readonly hash: string
  /** A file with the content, to be read only and as long as the handler runs; if there is one. */
  readonly path?: string | undefined
  stream(options?: AbortOptions): ReadableStream<Uint8Array>
  bytes(options?: AbortOptions): Promise<Uint8Array>
  /** Writes the content to a file, which appears when it is whole. */
  saveTo(path: string, options?: AbortOptions): Promise<void>
}

export interface BlobContentInit extends StoredBlob {
  readonly path?: string | undefined
  /** Reads it from the start. */
  read(options: AbortOptions): AsyncIterable<Uint8Array>
  /** A file with the content, after it was fetched if need be; `undefined` if there is none. */
  file?(options: AbortOptions): Promise<string | undefined>
}

/** A blob and where its content comes from. */
export class BlobContent implements MeshBlob {
  readonly size: number
  readonly hash: BlobHash
  readonly #init: BlobContentInit

  constructor(init: BlobContentInit) {
    this.size = init.size
    this.hash = init.hash
    this.#init = init
  }

  get path(): string | undefined {
    return this.#init.path
  }

  /** A file with the content, fetched if need be; `undefined` if there is none. */
  async file(options: AbortOptions = {}): Promise<string | undefined> {
    return this.#init.file?.(options)
  }

  stream(options: AbortOptions = {}): ReadableStream<Uint8Array> {
    return ReadableStream.from(this.#init.read(options))
  }

  bytes(options: AbortOptions = {}): Promise<Uint8Array> {
    return gather(this.#init.read(options), this.size)
  }

  async saveTo(path: string, options: AbortOptions = {}): Promise<void> {
    const draft = `${path}.${randomBytes(6).toString('hex')}.part`
    try {
      const file = await this.file(options)
      await (file === undefined ? this.#write(draft, options) : copy(file, draft))
      options.signal?.throwIfAborted()
      await fs.rename(draft, path)
    } catch (error) {
      await removeFile(draft)
      throw writeError(error, dirname(path), this.size)
    }
  }

  [Symbol.asyncIterator](): AsyncIterator<Uint8Array> {
    return this.#init.read({})[Symbol.asyncIterator]()
  }

  toJSON(): StoredBlob {
    noteBlob(this)
    return { size: this.size, hash: this.hash }
  }

  async #write(path: string, options: AbortOptions): Promise<void> {
    await using file = await fs.open(path, 'wx')
    let at = 0
    for await (const chunk of this.#init.read(options)) {
      await nodeFiles.write(file, chunk, at)
      at += chunk.byteLength
    }
  }
}

/** Copies a file, at no cost where the file system can share its blocks. */
async function copy(from: string, to: string): Promise<void> {
  await fs.writeFile(to, '', { flag: 'wx' })
  const { mode } = await fs.stat(to)
  await fs.copyFile(from, to, fs.constants.COPYFILE_FICLONE)
  // The copy gets the rights of the original, which is for its node only.
  await fs.chmod(to, mode)
}
