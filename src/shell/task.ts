import type { MeshBlob } from '../blobs/mesh-blob.ts'
import { pathInside } from './path.ts'

/** The queue of the commands that `run` and `map` publish, of nodes that let them. */
export const shellQueue = 'meshwork:run'

/** Files that a command may be sent, or give back: each is named in its task. */
export const shellFilesMax = 1_000

/** A file of a command. */
export interface ShellFile<Content = MeshBlob> {
  /** Within the command's working folder. */
  readonly path: string
  /** Permission bits. */
  readonly mode: number
  readonly content: Content
}

/** What a task of that queue asks for. */
export interface ShellTask {
  /** For the shell, `/bin/sh`. */
  readonly command: string
  /**
   * Runs that may fail. The last one is told as it ended, with all its output; those before it are
   * failed attempts of the task.
   */
  readonly tries: number
  /** Files that are in the working folder when the command starts. */
  readonly send: readonly ShellFile[]
  /** Paths, within the working folder, of the files that are wanted back. */
  readonly return: readonly string[]
}

/**
 * Reads a payload.
 *
 * @throws {TypeError} It is none, or it names a file outside the working folder.
 */
export function readShellTask(value: unknown): ShellTask {
  const { command, tries, send, return: wanted } = fieldsOf(value)
  const isWhole =
    typeof command === 'string' &&
    typeof tries === 'number' &&
    isList(send) &&
    isList(wanted) &&
    send.length + wanted.length <= shellFilesMax
  if (!isWhole || command.includes('\0')) throw new TypeError('Payload is no command')
  return { command, tries, send: send.map(fileOf), return: wanted.map(path => checked(path)) }
}

function fileOf(value: unknown): ShellFile {
  const { path, mode, content } = fieldsOf(value)
  if (!isBlob(content)) throw new TypeError(`File ${String(path)} of a command has no content`)
  return { path: checked(path), mode: Number(mode) & 0o777, content }
}

function checked(path: unknown): string {
  const inside = typeof path === 'string' ? pathInside(path) : undefined
  if (inside === undefined) {
    throw new TypeError(`File ${String(path)} of a command is not in its working folder`)
  }
  return inside
}

/** Whether a value in JSON is a blob again. */
export function isBlob(value: unknown): value is MeshBlob {
  return typeof value === 'object' && value !== null && Symbol.asyncIterator in value
}

/** The fields of what may be no object. */
export function fieldsOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? { ...value } : {}
}

function isList(value: unknown): value is readonly unknown[] {
  return Array.isArray(value)
}
