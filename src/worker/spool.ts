import { open, type FileHandle } from 'node:fs/promises'

/** Bytes on their way to the file after which who writes has to wait. */
const pendingBytesMax = 1 << 20

/** Bytes as they come: a few stay in memory, of more all are in a file. Readable on the way. */
export class Spool {
  readonly #path: string
  readonly #memoryBytesMax: number
  /** The beginning, until it is in the file. */
  #memory: Buffer[] = []
  #memoryBytes = 0
  #file: FileHandle | undefined
  #written = 0
  #pending: Buffer[] = []
  #pendingBytes = 0
  #writing: Promise<void> | undefined
  #failure: Error | undefined

  /** The file at `path` is made when there are more than `memoryBytesMax`. */
  constructor(path: string, memoryBytesMax: number) {
    this.#path = path
    this.#memoryBytesMax = memoryBytesMax
  }

  /** Bytes so far. */
  get bytes(): number {
    return (this.#written || this.#memoryBytes) + this.#pendingBytes
  }

  /** Why the file cannot be written; then nothing more is kept. */
  get failure(): Error | undefined {
    return this.#failure
  }

  /** Adds bytes. Who is given a promise waits for it before adding more. */
  add(bytes: Buffer): Promise<void> | undefined {
    if (this.#failure !== undefined) return undefined
    const isLittle = this.#writing === undefined && this.#file === undefined
    if (isLittle && this.#memoryBytes + bytes.byteLength <= this.#memoryBytesMax) {
      this.#memory.push(bytes)
      this.#memoryBytes += bytes.byteLength
      return undefined
    }
    this.#pending.push(bytes)
    this.#pendingBytes += bytes.byteLength
    this.#writing ??= this.#write()
    return this.#pendingBytes > pendingBytesMax ? this.#writing : undefined
  }

  /** Up to `bytesMax` bytes from an offset on; none where there are no more yet. */
  async read(from: number, bytesMax: number): Promise<Buffer> {
    if (this.#written === 0) {
      return Buffer.concat(this.#memory).subarray(from, from + bytesMax)
    }
    const length = Math.min(bytesMax, this.#written - from)
    if (length <= 0 || this.#file === undefined) return Buffer.alloc(0)
    const { buffer, bytesRead } = await this.#file.read(Buffer.alloc(length), 0, length, from)
    return buffer.subarray(0, bytesRead)
  }

  /**
   * All of it, when nothing more comes: bytes, or the file that has them.
   *
   * @throws {Error} The file could not be written.
   */
  async whole(): Promise<Buffer | { readonly file: string }> {
    await this.#writing
    if (this.#failure !== undefined) throw this.#failure
    return this.#file === undefined ? Buffer.concat(this.#memory) : { file: this.#path }
  }

  async close(): Promise<void> {
    await this.#writing
    await this.#file?.close()
    this.#file = undefined
  }

  async #write(): Promise<void> {
    try {
      this.#file ??= await open(this.#path, 'wx+', 0o600)
      while (this.#pending.length > 0) {
        const batch = Buffer.concat([...this.#memory, ...this.#pending])
        const pendingBytes = this.#pendingBytes
        this.#pending = []
        await this.#append(batch)
        this.#pendingBytes -= pendingBytes
        this.#memory = []
      }
    } catch (error) {
      this.#failure = error instanceof Error ? error : new Error(String(error))
      this.#pending = []
    } finally {
      this.#writing = undefined
    }
  }

  async #append(batch: Buffer): Promise<void> {
    let at = 0
    while (at < batch.byteLength) {
      const left = batch.byteLength - at
      const written = await this.#file?.write(batch, at, left, this.#written + at)
      at += written?.bytesWritten ?? left
    }
    this.#written += batch.byteLength
  }
}
