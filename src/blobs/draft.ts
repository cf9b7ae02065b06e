import { createHash, randomBytes } from 'node:crypto'
import * as fs from 'node:fs/promises'
import { join } from 'node:path'
import { type ByteSource, chunksOf } from './chunks.ts'
import { NoSpaceError } from './errors.ts'
import { type BlobFiles, nodeFiles, removeFile, writeError } from './files.ts'
import type { StoredBlob } from './ports.ts'

export interface DraftInit {
  /** The folder of the blobs. */
  readonly directory: string
  readonly files?: BlobFiles | undefined
  /** Whether the file is durable when it is done. */
  readonly durable: boolean
  readonly signal?: AbortSignal | undefined
}

/** A blob in a file that does not have its name yet. */
export interface Draft {
  readonly file: string
  readonly blob: StoredBlob
}

/** Bytes that are left free for everything else that the node writes: its journal above all. */
const reserveBytes = 64 * 2 ** 20

/** Bytes after which the room is looked at again; whole chunks. */
const checkEveryBytes = 2 ** 20

/** Where drafts are, in the folder of the blobs. */
export function draftsIn(directory: string): string {
  return join(directory, 'new')
}

/** Bytes that there is room for. */
export async function roomIn(directory: string, files: BlobFiles): Promise<number> {
  return Math.max(0, (await files.free(directory)) - reserveBytes)
}

/** Writes what comes into a file, and tells its hash. Nothing is left of what fails. */
export async function writeDraft(source: ByteSource, init: DraftInit): Promise<Draft> {
  const { directory, files = nodeFiles, durable, signal } = init
  const file = join(draftsIn(directory), randomBytes(12).toString('hex'))
  const hash = createHash('sha256')
  let size = 0
  try {
    await using handle = await fs.open(file, 'wx', 0o600)
    for await (const chunk of chunksOf(source)) {
      signal?.throwIfAborted()
      if (size % checkEveryBytes === 0 && (await roomIn(directory, files)) === 0) {
        throw new NoSpaceError(directory, size + chunk.byteLength)
      }
      await files.write(handle, chunk, size)
      hash.update(chunk)
      size += chunk.byteLength
    }
    signal?.throwIfAborted()
    if (durable) await handle.sync()
  } catch (error) {
    await removeFile(file)
    throw writeError(error, directory, size)
  }
  return { file, blob: { hash: hash.digest('hex'), size } }
}
