import { frameOf, type OutputStream } from '../shell/frames.ts'
import { LineSplitter } from './line-splitter.ts'
import { Spool } from './spool.ts'

/** Bytes that stay in memory; of more, all is in a file. */
const memoryBytesMax = 64 * 1_024

/** What a command writes, in frames: kept whole, and readable on the way. */
export class ShellOutput {
  readonly #frames: Spool
  readonly #stderr = new LineSplitter(() => undefined)

  /** The file at `path` is made when there is much. */
  constructor(path: string) {
    this.#frames = new Spool(path, memoryBytesMax)
  }

  /** Bytes so far. */
  get bytes(): number {
    return this.#frames.bytes
  }

  /** Why the file cannot be written; then nothing more is kept. */
  get failure(): Error | undefined {
    return this.#frames.failure
  }

  /** The last lines of stderr. */
  get stderrTail(): string {
    return this.#stderr.tail
  }

  /** Adds what was read. Who is given a promise waits for it before adding more. */
  add(stream: OutputStream, bytes: Buffer): Promise<void> | undefined {
    if (stream === 2) this.#stderr.push(bytes)
    return this.#frames.add(frameOf({ stream, bytes }))
  }

  /** Up to `bytesMax` bytes from an offset on; none where there are no more yet. */
  read(from: number, bytesMax: number): Promise<Buffer> {
    return this.#frames.read(from, bytesMax)
  }

  /**
   * All of it, when nothing more comes: bytes, or the file that has them.
   *
   * @throws {Error} The file could not be written.
   */
  whole(): Promise<Buffer | { readonly file: string }> {
    return this.#frames.whole()
  }

  close(): Promise<void> {
    return this.#frames.close()
  }
}
