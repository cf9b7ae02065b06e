import type { MeshBlob } from '../blobs/mesh-blob.ts'
import { fieldsOf, isBlob, type ShellFile } from './task.ts'

/** Bytes of a result: in base64 if they are few, else as a blob. */
export type ShellBytes = string | MeshBlob

/** How a command has ended. */
export interface ShellEnd {
  readonly code: number | null
  /** Name of the signal that ended it. */
  readonly signal: string | null
  /** Whether it was ended since its time was up. */
  readonly timedOut: boolean
  readonly runMs: number
}

/** What a run of a command gives. */
export interface ShellResult extends ShellEnd {
  /** Of the run whose output this is. */
  readonly token: number
  /** What it has written, in frames. */
  readonly output: ShellBytes
  readonly outputBytes: number
  /** Those of the wanted files that were there. */
  readonly files: readonly ShellFile<ShellBytes>[]
}

/**
 * Reads a result.
 *
 * @throws {TypeError} It is none.
 */
export function readShellResult(value: unknown): ShellResult {
  const { code, signal, timedOut, runMs, token, output, outputBytes, files } = fieldsOf(value)
  const isWhole = isBytes(output) && Array.isArray(files) && Number.isInteger(token)
  if (!isWhole) throw new TypeError('What the node gives is no result of a command')
  return {
    code: typeof code === 'number' ? code : null,
    signal: typeof signal === 'string' ? signal : null,
    timedOut: timedOut === true,
    runMs: Number(runMs),
    token: Number(token),
    output,
    outputBytes: Number(outputBytes),
    files: files.map(fileOf),
  }
}

/** The bytes themselves, piece by piece. */
export async function* bytesOf(bytes: ShellBytes): AsyncGenerator<Uint8Array> {
  if (typeof bytes === 'string') yield Buffer.from(bytes, 'base64')
  else yield* bytes
}

/** How many bytes there are. */
export function sizeOf(bytes: ShellBytes): number {
  return typeof bytes === 'string' ? Buffer.byteLength(bytes, 'base64') : bytes.size
}

function fileOf(value: unknown): ShellFile<ShellBytes> {
  const { path, mode, content } = fieldsOf(value)
  if (typeof path !== 'string' || !isBytes(content)) {
    throw new TypeError('What the node gives back is no file')
  }
  return { path, mode: Number(mode) & 0o777, content }
}

function isBytes(value: unknown): value is ShellBytes {
  return typeof value === 'string' || isBlob(value)
}
