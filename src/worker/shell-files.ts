import { chmod, mkdir, readFile, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { MeshBlob } from '../blobs/mesh-blob.ts'
import type { ShellBytes } from '../shell/result.ts'
import type { ShellFile } from '../shell/task.ts'
import type { WorkerBlobs } from './large.ts'

/** Puts files where a command expects them. */
export async function placeFiles(
  files: readonly ShellFile[],
  folder: string,
  signal: AbortSignal,
): Promise<void> {
  for (const { path, mode, content } of files) {
    signal.throwIfAborted()
    const target = join(folder, path)
    await mkdir(dirname(target), { recursive: true })
    await content.saveTo(target, { signal })
    await chmod(target, mode)
  }
}

/** Takes what a command leaves into its result: little as text, more as blobs. */
export class ShellKeeper {
  readonly #blobs: WorkerBlobs | undefined
  readonly #signal: AbortSignal
  readonly #kept: (() => void)[] = []
  #inlineBytesLeft: number

  /** `inlineBytesMax` bytes stay in the result itself. */
  constructor(blobs: WorkerBlobs | undefined, inlineBytesMax: number, signal: AbortSignal) {
    this.#blobs = blobs
    this.#signal = signal
    // In base64 three bytes are four.
    this.#inlineBytesLeft = Math.floor((inlineBytesMax * 3) / 4)
  }

  /** @throws {NoSpaceError} There is no room for it. */
  async keep(content: Buffer | { readonly file: string }): Promise<ShellBytes> {
    const isFile = 'file' in content
    const size = isFile ? (await stat(content.file)).size : content.byteLength
    if (size > this.#inlineBytesLeft && isFile) return this.#store(content.file)
    this.#inlineBytesLeft -= size
    const bytes = isFile ? await readFile(content.file) : content
    return bytes.toString('base64')
  }

  /** Those of the wanted files that are there. */
  async files(paths: readonly string[], folder: string): Promise<ShellFile<ShellBytes>[]> {
    const files: ShellFile<ShellBytes>[] = []
    for (const path of paths) {
      const file = join(folder, path)
      const found = await stat(file).catch(() => undefined)
      if (found?.isFile() !== true) continue
      files.push({ path, mode: found.mode & 0o777, content: await this.keep({ file }) })
    }
    return files
  }

  /** Lets go of the blobs, which the outcome names by now. */
  release(): void {
    for (const release of this.#kept) release()
  }

  async #store(file: string): Promise<MeshBlob> {
    if (this.#blobs === undefined) throw new Error('This node keeps nothing that is large')
    const { blob, release } = await this.#blobs.store(file, { signal: this.#signal })
    this.#kept.push(release)
    return blob
  }
}
