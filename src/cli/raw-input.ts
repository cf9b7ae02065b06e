import { createWriteStream } from 'node:fs'
import { access, constants, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { oneLine, UsageError } from './errors.ts'
import { bytesOf } from './inputs.ts'

/** A file with the bytes of an input, there until it is disposed of. */
export interface RawInput extends AsyncDisposable {
  readonly file: string
}

/**
 * The bytes behind an argument as a file; what is none, stdin or the argument itself, is written
 * to one.
 *
 * @throws {UsageError} There are none, or they cannot be read.
 */
export async function rawInput(argument: string | undefined, stdin: Readable): Promise<RawInput> {
  if (argument === undefined) throw new UsageError('With --raw, give @FILE, - or a text')
  if (argument.startsWith('@')) {
    const file = resolve(argument.slice(1))
    await access(file, constants.R_OK).catch((error: unknown) => {
      throw new UsageError(`${argument.slice(1)} cannot be read: ${oneLine(error)}`)
    })
    return { file, [Symbol.asyncDispose]: async () => undefined }
  }
  const folder = await mkdtemp(join(tmpdir(), 'meshwork-input-'))
  const remove = (): Promise<void> => rm(folder, { recursive: true, force: true })
  try {
    const file = join(folder, 'input')
    await pipeline(bytesOf(argument, stdin), createWriteStream(file))
    return { file, [Symbol.asyncDispose]: remove }
  } catch (error) {
    await remove()
    throw error
  }
}
