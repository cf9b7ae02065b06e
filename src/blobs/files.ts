import * as fs from 'node:fs/promises'
import { isDiskFull, NoSpaceError } from './errors.ts'

/** The calls that take room on the disk, so that tests can fill it. */
export interface BlobFiles {
  /** Writes all of it. */
  write(file: fs.FileHandle, bytes: Uint8Array, position: number): Promise<void>
  /** Bytes that this user may still write to the disk of a folder. */
  free(directory: string): Promise<number>
}

/** The disk itself. */
export const nodeFiles: BlobFiles = {
  async write(file, bytes, position) {
    let written = 0
    while (written < bytes.byteLength) {
      const left = bytes.byteLength - written
      const { bytesWritten } = await file.write(bytes, written, left, position + written)
      if (bytesWritten <= 0) throw new Error('A write stored nothing')
      written += bytesWritten
    }
  },
  async free(directory) {
    const { bavail, bsize } = await fs.statfs(directory)
    return bavail * bsize
  },
}

/** Makes a folder's list of files durable. */
export async function syncFolder(path: string): Promise<void> {
  const folder = await fs.open(path, 'r')
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}

/** Removes a file, if it is there. */
export function removeFile(path: string): Promise<void> {
  return fs.rm(path, { force: true })
}

/** An error of writing a blob, naming the folder where its disk is full. */
export function writeError(error: unknown, directory: string, blobBytes: number): unknown {
  return isDiskFull(error) ? new NoSpaceError(directory, blobBytes, { cause: error }) : error
}
