import { createHash } from 'node:crypto'
import * as fs from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { DiskPart } from './disk-part.ts'
import { draftsIn, roomIn, writeDraft } from './draft.ts'
import { BlobUnavailableError, NoSpaceError } from './errors.ts'
import { type BlobFiles, nodeFiles, removeFile, syncFolder, writeError } from './files.ts'
import { Pins } from './pins.ts'
import type { BlobHash, BlobPart, BlobRange, BlobStore, PutOptions, StoredBlob } from './ports.ts'
import { chunkBytes } from './ports.ts'

export interface DiskBlobStoreInit {
  /** The folder of the blobs, `<dataDir>/blobs`. */
  readonly directory: string
  /** With `'disk'`, what is stored outlives a power cut. */
  readonly durability: 'disk' | 'process'
  readonly files?: BlobFiles | undefined
}

const hashPattern = /^[0-9a-f]{64}$/

interface Held {
  readonly size: number
  /** When it was last of use, in milliseconds since 1970. */
  usedAt: number
  /** The same as it is noted on the disk. */
  notedAt: number
  /** Whether it is what its hash says; absent before anybody has looked. */
  right?: Promise<boolean>
}

/**
 * Blobs in files: `ab/<hash>`, written under another name and renamed when they are whole and
 * durable; `ab/<hash>.part` of downloads; `new/` of what is being stored.
 */
export class DiskBlobStore implements BlobStore {
  readonly directory: string
  readonly #durable: boolean
  readonly #files: BlobFiles
  readonly #held = new Map<BlobHash, Held>()
  readonly #open = new Set<BlobHash>()
  /** Half downloads that nobody goes on with. */
  readonly #leftovers = new Map<string, number>()
  readonly #pins = new Pins()

  constructor({ directory, durability, files }: DiskBlobStoreInit) {
    this.directory = directory
    this.#durable = durability === 'disk'
    this.#files = files ?? nodeFiles
  }

  async open(): Promise<void> {
    const drafts = draftsIn(this.directory)
    await fs.rm(drafts, { recursive: true, force: true })
    await fs.mkdir(drafts, { recursive: true, mode: 0o700 })
    for (const folder of await fs.readdir(this.directory)) {
      if (!/^[0-9a-f]{2}$/.test(folder)) continue
      for (const name of await fs.readdir(join(this.directory, folder))) {
        await this.#find(join(this.directory, folder, name))
      }
    }
  }

  async close(): Promise<void> {}

  async put(source: AsyncIterable<Uint8Array>, options: PutOptions = {}): Promise<StoredBlob> {
    const init = { directory: this.directory, files: this.#files, durable: this.#durable }
    const { file, blob } = await writeDraft(source, { ...init, signal: options.signal })
    await this.#place(file, blob)
    return blob
  }

  async adopt(file: string, blob: StoredBlob): Promise<void> {
    if (this.#durable) {
      await using handle = await fs.open(file, 'r+')
      await handle.sync()
    }
    await this.#place(file, blob)
  }

  size(hash: BlobHash): number | undefined {
    return this.#held.get(hash)?.size
  }

  async verify(hash: BlobHash): Promise<boolean> {
    const held = this.#held.get(hash)
    if (held === undefined) return false
    held.right ??= this.#isRight(hash)
    if (await held.right) return true
    if (this.#held.get(hash) === held) await this.delete(hash)
    return false
  }

  async #isRight(hash: BlobHash): Promise<boolean> {
    const actual = createHash('sha256')
    try {
      for await (const chunk of this.read(hash)) actual.update(chunk)
    } catch {
      // What cannot be read is as good as gone.
      return false
    }
    return actual.digest('hex') === hash
  }

  async touch(hash: BlobHash): Promise<void> {
    const held = this.#held.get(hash)
    if (held === undefined) return
    held.usedAt = Date.now()
    held.notedAt = held.usedAt
    const now = new Date(held.usedAt)
    // Only a sweep after a restart would notice.
    await fs.utimes(this.#fileOf(hash), now, now).catch(() => undefined)
  }

  path(hash: BlobHash): string | undefined {
    return this.#held.has(hash) ? this.#fileOf(hash) : undefined
  }

  async *read(hash: BlobHash, range: BlobRange = {}): AsyncGenerator<Uint8Array> {
    const held = this.#held.get(hash)
    if (held === undefined) throw new BlobUnavailableError(hash)
    const handle = await this.#openFile(hash)
    try {
      let at = range.offset ?? 0
      const end = Math.min(held.size, at + (range.length ?? held.size))
      while (at < end) {
        const chunk = new Uint8Array(Math.min(chunkBytes, end - at))
        const { bytesRead } = await handle.read(chunk, 0, chunk.byteLength, at)
        if (bytesRead === 0) throw new BlobUnavailableError(hash)
        at += bytesRead
        yield chunk.subarray(0, bytesRead)
      }
    } finally {
      await handle.close()
    }
  }

  async part(hash: BlobHash, size: number): Promise<BlobPart | undefined> {
    if (this.#open.has(hash)) return undefined
    const file = `${this.#fileOf(hash)}.part`
    const takenBytes = this.#leftovers.has(file) ? await allocatedBytes(file) : 0
    if ((await this.room()) < size - takenBytes) throw new NoSpaceError(this.directory, size)
    if (this.#open.has(hash)) return undefined
    this.#open.add(hash)
    this.#leftovers.delete(file)
    return DiskPart.open({
      blob: { hash, size },
      directory: this.directory,
      files: this.#files,
      durable: this.#durable,
      file,
      onWhole: () => this.#place(file, { hash, size }),
      onClosed: () => {
        this.#open.delete(hash)
        this.#leftovers.set(file, Date.now())
      },
    })
  }

  async delete(hash: BlobHash): Promise<void> {
    this.#held.delete(hash)
    await removeFile(this.#fileOf(hash))
  }

  pin(hash: BlobHash): () => void {
    return this.#pins.pin(hash)
  }

  get isEmpty(): boolean {
    return this.#held.size === 0 && this.#leftovers.size === 0
  }

  async sweep(isReferenced: (hash: BlobHash) => boolean, olderThanMs: number): Promise<number> {
    const before = Date.now() - olderThanMs
    let deleted = 0
    for (const [hash, held] of this.#held) {
      if (isReferenced(hash)) {
        held.usedAt = Date.now()
        // What is on the disk counts after a restart only, and need not be exact.
        if (held.notedAt <= held.usedAt - olderThanMs / 2) await this.touch(hash)
        continue
      }
      if (held.usedAt > before || this.#pins.has(hash)) continue
      await this.delete(hash)
      deleted++
    }
    for (const [file, at] of this.#leftovers) {
      if (at > before || this.#open.has(basename(file, '.part'))) continue
      this.#leftovers.delete(file)
      await removeFile(file)
      await removeFile(`${file}.map`)
    }
    await this.#sweepDrafts(before)
    return deleted
  }

  room(): Promise<number> {
    return roomIn(this.directory, this.#files)
  }

  #fileOf(hash: BlobHash): string {
    return join(this.directory, hash.slice(0, 2), hash)
  }

  async #openFile(hash: BlobHash): Promise<fs.FileHandle> {
    try {
      return await fs.open(this.#fileOf(hash), 'r')
    } catch (cause) {
      // Somebody has removed it: others may still have it.
      this.#held.delete(hash)
      throw new BlobUnavailableError(hash, { cause })
    }
  }

  /** Gives a whole file its name. */
  async #place(file: string, { hash, size }: StoredBlob): Promise<void> {
    const target = this.#fileOf(hash)
    try {
      if (this.#held.get(hash)?.size === size) {
        await removeFile(file)
        await this.touch(hash)
        return
      }
      const made = await fs.mkdir(dirname(target), { recursive: true, mode: 0o700 })
      await fs.rename(file, target)
      if (this.#durable) await syncFolder(dirname(target))
      if (this.#durable && made !== undefined) await syncFolder(this.directory)
      const now = Date.now()
      this.#held.set(hash, { size, usedAt: now, notedAt: now, right: Promise.resolve(true) })
    } catch (error) {
      await removeFile(file)
      throw writeError(error, this.directory, size)
    }
  }

  /** Threads that were ended leave drafts behind. */
  async #sweepDrafts(before: number): Promise<void> {
    const drafts = draftsIn(this.directory)
    for (const name of await fs.readdir(drafts)) {
      const file = join(drafts, name)
      const stats = await fs.stat(file).catch(() => undefined)
      if (stats !== undefined && stats.mtimeMs <= before) await removeFile(file)
    }
  }

  /** Takes in what an earlier process has left. */
  async #find(file: string): Promise<void> {
    const { size, mtimeMs } = await fs.stat(file)
    const name = basename(file)
    if (hashPattern.test(name)) this.#held.set(name, { size, usedAt: mtimeMs, notedAt: mtimeMs })
    else if (name.endsWith('.part')) this.#leftovers.set(file, mtimeMs)
  }
}

/** What a file takes of the disk, which is less than its size where nothing was written yet. */
async function allocatedBytes(file: string): Promise<number> {
  const stats = await fs.stat(file).catch(() => undefined)
  return stats === undefined ? 0 : Math.min(stats.size, stats.blocks * 512)
}
