import { closeSync, openSync, readFileSync, writeSync } from 'node:fs'
import { oneLine, UsageError } from '../errors.ts'
import { type JoblogEntry, joblogHeader, joblogLine, readJoblog } from './joblog.ts'

/** Which tasks of an earlier run are not run again: none, all that it tells of, or those it did well. */
export type Resume = 'none' | 'all' | 'succeeded'

/** A job log on disk; a task's line is in it before the next one is looked at. */
export class JoblogFile implements Disposable {
  readonly #file: number
  readonly #known: ReadonlyMap<number, boolean>
  readonly #resume: Resume

  /** @throws {UsageError} The file cannot be opened. */
  constructor(path: string, resume: Resume) {
    this.#resume = resume
    try {
      const before = resume === 'none' ? '' : readIfThere(path)
      this.#known = readJoblog(before)
      this.#file = openSync(path, resume === 'none' ? 'w' : 'a')
      if (before === '') writeSync(this.#file, joblogHeader)
      // A line that was cut off must not swallow the next one.
      else if (!before.endsWith('\n')) writeSync(this.#file, '\n')
    } catch (error) {
      throw new UsageError(`--joblog: ${path} cannot be used: ${oneLine(error)}`, { cause: error })
    }
  }

  /** Whether a task need not be run again. */
  skips(seq: number): boolean {
    const hasSucceeded = this.#known.get(seq)
    if (hasSucceeded === undefined || this.#resume === 'none') return false
    return this.#resume === 'all' || hasSucceeded
  }

  add(entry: JoblogEntry): void {
    writeSync(this.#file, joblogLine(entry))
  }

  [Symbol.dispose](): void {
    closeSync(this.#file)
  }
}

function readIfThere(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return ''
    throw error
  }
}
