import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { pathInside } from '../../shell/path.ts'
import { shellFilesMax } from '../../shell/task.ts'
import { oneLine, UsageError } from '../errors.ts'
import type { SentFile, WantedFile } from './requests.ts'

/** Finds the files that commands are sent, each once. */
export class SentFiles {
  readonly #folder: string
  readonly #found = new Map<string, Promise<readonly SentFile[]>>()

  /** Paths are below this folder. */
  constructor(folder: string) {
    this.#folder = folder
  }

  /**
   * The files that some paths are of: a folder is all that is below it.
   *
   * @throws {UsageError} There is no such file, or it is not below the folder.
   */
  async of(paths: readonly string[]): Promise<readonly SentFile[]> {
    const files = new Map<string, SentFile>()
    for (const path of paths) {
      let found = this.#found.get(path)
      if (found === undefined) this.#found.set(path, (found = this.#find(path)))
      for (const file of await found) files.set(file.path, file)
    }
    if (files.size > shellFilesMax) {
      const many = `${files.size} files for one command, over the limit of ${shellFilesMax}`
      throw new UsageError(`--send: ${many}; put them into an archive`)
    }
    return [...files.values()]
  }

  async #find(given: string): Promise<readonly SentFile[]> {
    const path = pathInside(given.replace(/(?<=.)\/+$/, ''))
    if (path === undefined) throw outside('--send', given)
    try {
      const stats = await stat(join(this.#folder, path))
      if (stats.isDirectory()) return await this.#below(path)
      if (stats.isFile()) return [this.#file(path, stats.mode)]
    } catch (error) {
      const isMissing = error instanceof Error && 'code' in error && error.code === 'ENOENT'
      const why = isMissing ? `there is no file ${given}` : oneLine(error)
      throw new UsageError(`--send: ${why}`, { cause: error })
    }
    throw new UsageError(`--send: ${given} is neither a file nor a folder`)
  }

  async #below(folder: string): Promise<SentFile[]> {
    const files: SentFile[] = []
    const entries = await readdir(join(this.#folder, folder), { recursive: true })
    for (const entry of entries.toSorted()) {
      const path = join(folder, entry)
      const stats = await stat(join(this.#folder, path))
      if (stats.isFile()) files.push(this.#file(path, stats.mode))
    }
    return files
  }

  #file(path: string, mode: number): SentFile {
    return { path, mode: mode & 0o777, file: join(this.#folder, path) }
  }
}

/**
 * Where the files go that commands give back.
 *
 * @throws {UsageError} A path is not below the folder.
 */
export function wantedFiles(paths: readonly string[], folder: string): WantedFile[] {
  return paths.map(given => {
    const path = pathInside(given)
    if (path === undefined) throw outside('--return', given)
    return { path, file: join(folder, path) }
  })
}

function outside(option: string, path: string): UsageError {
  const rule = 'give a path below the working folder, without .. at its start'
  return new UsageError(`${option}: ${path} leads out of the working folder; ${rule}`)
}
