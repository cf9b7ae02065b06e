import { chmod, mkdir, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { ShellResult } from '../../shell/result.ts'
import type { ShellFile } from '../../shell/task.ts'
import { oneLine } from '../errors.ts'
import type { WantedFile } from './requests.ts'

/**
 * Puts files that a command gives back where they are wanted. What else a node may give is left
 * alone. Returns what is wrong, if something is: a command that has failed need not give anything.
 */
export async function saveFiles(
  wanted: readonly WantedFile[],
  { files, code, timedOut }: ShellResult,
  signal: AbortSignal,
): Promise<string | undefined> {
  const hasFailed = code !== 0 || timedOut
  for (const { path, file } of wanted) {
    const found = files.find(it => it.path === path)
    if (found === undefined) {
      if (hasFailed) continue
      return `it left no file ${path}, which was to be returned`
    }
    try {
      await save(found, file, signal)
    } catch (error) {
      signal.throwIfAborted()
      return `${file} cannot be written: ${oneLine(error)}`
    }
  }
  return undefined
}

async function save(
  { content, mode }: ShellFile<ShellResult['output']>,
  file: string,
  signal: AbortSignal,
): Promise<void> {
  await mkdir(dirname(file), { recursive: true })
  if (typeof content === 'string') await writeFile(file, Buffer.from(content, 'base64'), { signal })
  else await content.saveTo(file, { signal })
  await chmod(file, mode)
}
