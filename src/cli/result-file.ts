import { access, constants, mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { savedFile } from './blob-files.ts'
import { oneLine, UsageError } from './errors.ts'
import type { Output } from './output.ts'
import type { Session } from './session.ts'

/** A result as a node has told it. */
export interface ToldResult {
  readonly taskId: string
  /** JSON; of bytes their size and their hash. */
  readonly result?: unknown
  /** Whether it is bytes. */
  readonly raw?: boolean | undefined
}

/** What the help says of `--output`. */
export const outputFlags = '--output <file>'
export const outputSummary = 'write the result to a file, bytes as they are, instead of stdout'

/** What the help says of results that are bytes. */
export const rawHelp = `
A result that is bytes, such as what a command prints that is no text, goes to stdout or to the
--output FILE as it is. With --json, and on a terminal, it is {"size":…,"hash":…}: its length and
its SHA-256.`

/**
 * Sees to it that a result can be written to a file.
 *
 * @throws {UsageError} There is no such folder, or nothing may be written there.
 */
export async function checkOutput(file: string | undefined): Promise<void> {
  if (file === undefined) return
  await access(dirname(resolve(file)), constants.W_OK).catch((error: unknown) => {
    throw new UsageError(`${file} cannot be written: ${oneLine(error)}`, { cause: error })
  })
}

/** Writes a result to a file, or one that is bytes to stdout. In constant memory, if it is bytes. */
export async function writeResult(
  session: Session,
  { taskId, result, raw }: ToldResult,
  file: string | undefined,
  output: Output,
): Promise<void> {
  const parent = file === undefined ? tmpdir() : dirname(resolve(file))
  const folder = await mkdtemp(join(parent, '.meshwork-'))
  try {
    const saved = raw === true ? savedFile(folder, taskId, hashIn(result)) : join(folder, 'result')
    if (raw !== true) await writeFile(saved, `${JSON.stringify(result ?? null)}\n`)
    else await Array.fromAsync(session.request({ op: 'task', id: taskId, saveTo: folder }))
    await (file === undefined ? output.file(saved) : rename(saved, file))
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

function hashIn(result: unknown): { hash: string } {
  return { hash: String((result as { readonly hash?: unknown } | null)?.hash) }
}
