import { mkdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { MeshBlob, MeshNode } from '../index.ts'
import { UsageError, oneLine } from './errors.ts'

/** A file of this machine within an input, which the task gets as a blob in its place. */
export interface FileInput {
  /** An absolute path. */
  readonly 'meshwork:file': string
}

const fileKey = 'meshwork:file'

/** A file as it is written into an input, of a publish whose inputs have files. */
export function fileInput(path: string): FileInput {
  return { [fileKey]: path }
}

/** Where a blob of a task's result is saved, of a request that names a folder for them. */
export function savedFile(folder: string, taskId: string, { hash }: { hash: string }): string {
  return join(folder, `${taskId}.${hash}`)
}

/** Inputs whose files are stored at the same time. */
const storedAtOnce = 8

/** Files that are not stored again when they are named again; then all are looked at anew. */
const rememberedMax = 1_000

/** Time after which that is forgotten, well before what nothing names is swept, in ms. */
const rememberMs = 600_000

/** Stores the files that inputs name: each once, as long as it does not change. */
export class InputFiles {
  readonly #node: MeshNode
  readonly #signal: AbortSignal
  readonly #stored = new Map<string, { readonly at: number; readonly blob: Promise<MeshBlob> }>()

  constructor(node: MeshNode, signal: AbortSignal) {
    this.#node = node
    this.#signal = signal
  }

  /**
   * Inputs with blobs instead of their files.
   *
   * @throws {UsageError} A file cannot be read.
   */
  async allWithBlobs(inputs: readonly unknown[]): Promise<unknown[]> {
    const done = [...inputs]
    let next = 0
    const line = async (): Promise<void> => {
      for (let i = next++; i < inputs.length; i = next++) done[i] = await this.#withBlobs(inputs[i])
    }
    await Promise.all(Array.from({ length: storedAtOnce }, line))
    return done
  }

  async #withBlobs(input: unknown): Promise<unknown> {
    if (typeof input !== 'object' || input === null) return input
    if (Array.isArray(input)) {
      const items: unknown[] = []
      for (const item of input) items.push(await this.#withBlobs(item))
      return items
    }
    if (fileKey in input) return this.#blobOf(String(input[fileKey]))
    const fields: [string, unknown][] = []
    for (const [name, value] of Object.entries(input)) {
      fields.push([name, await this.#withBlobs(value)])
    }
    return Object.fromEntries(fields)
  }

  async #blobOf(file: string): Promise<MeshBlob> {
    try {
      const stats = await stat(file)
      if (!stats.isFile()) throw new Error('it is no file')
      const key = `${file}\n${stats.size} ${stats.mtimeMs} ${stats.ino}`
      const known = this.#stored.get(key)
      const now = performance.now()
      if (known !== undefined && now - known.at < rememberMs) return await known.blob
      if (this.#stored.size >= rememberedMax) this.#stored.clear()
      const blob = this.#node.store({ file }, { signal: this.#signal })
      this.#stored.set(key, { at: now, blob })
      return await blob
    } catch (error) {
      this.#signal.throwIfAborted()
      if (error instanceof Error && error.name === 'NoSpaceError') throw error
      throw new UsageError(`${file} cannot be read: ${oneLine(error)}`, { cause: error })
    }
  }
}

/** Saves the blobs of a task's result to a folder, each in a file that appears when it is whole. */
export async function saveBlobs(
  folder: string,
  taskId: string,
  result: unknown,
  signal: AbortSignal,
): Promise<void> {
  const blobs = [...blobsIn(result)]
  if (blobs.length > 0) await mkdir(folder, { recursive: true })
  for (const blob of blobs) await blob.saveTo(savedFile(folder, taskId, blob), { signal })
}

/** Whether a value is a blob, rather than what JSON says of one. */
export function isBlob(value: unknown): value is MeshBlob {
  return typeof value === 'object' && value !== null && 'saveTo' in value
}

function* blobsIn(value: unknown): Generator<MeshBlob> {
  if (typeof value !== 'object' || value === null) return
  if (isBlob(value)) yield value
  else for (const part of Object.values(value)) yield* blobsIn(part)
}
