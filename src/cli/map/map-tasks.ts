import type { Readable } from 'node:stream'
import { UsageError } from '../errors.ts'
import { linesOf } from '../lines.ts'
import type { CommandInput } from '../run/requests.ts'
import { SentFiles, wantedFiles } from '../run/sent-files.ts'
import { combinations, countOf, splitAtSources } from './sources.ts'
import { commandOf, pathOf, type Values } from './template.ts'

/** Longest argument from stdin, in bytes: no command line may be longer. */
const lineBytesMax = 128 * 1_024

/** Tasks that are made together. */
const batchTasks = 1_000

/** Tasks that arguments of the command line may be combined to. */
const tasksMax = 1_000_000

/** Where the tasks of a `map` come from. */
export interface MapTasksInit {
  /** The command line after the options. */
  readonly words: readonly string[]
  readonly send: readonly string[]
  readonly return: readonly string[]
  /** The folder that paths are below. */
  readonly folder: string
  readonly stdin: Readable
  /** Tasks that are left out, by their numbers. */
  readonly skip: (seq: number) => boolean
}

/** One task of a `map`. */
export interface MapTask extends CommandInput {
  readonly args: readonly string[]
}

/** The tasks of a `map`, one after the other. */
export class MapTasks {
  readonly #init: MapTasksInit
  readonly #words: readonly string[]
  readonly #sources: readonly (readonly string[])[]
  readonly #files: SentFiles

  /** @throws {UsageError} There are too many. */
  constructor(init: MapTasksInit) {
    this.#init = init
    const { words, sources } = splitAtSources(init.words)
    this.#words = words
    this.#sources = sources
    this.#files = new SentFiles(init.folder)
    if (countOf(sources) > tasksMax) {
      throw new UsageError(`${countOf(sources)} combinations, over the limit of ${tasksMax}`)
    }
  }

  /**
   * Checks what is known before the first task runs: all, unless arguments come from stdin.
   *
   * @throws {UsageError} A file is missing, or a path leads out of the folder.
   */
  async check(): Promise<void> {
    for await (const tasks of this.#fromSources()) void tasks
  }

  /** In batches, as the arguments come. */
  async *[Symbol.asyncIterator](): AsyncGenerator<readonly MapTask[]> {
    if (this.#sources.length > 0) yield* this.#fromSources()
    else yield* this.#fromLines()
  }

  async *#fromSources(): AsyncGenerator<readonly MapTask[]> {
    let seq = 0
    let values: Values[] = []
    for (const args of combinations(this.#sources)) {
      values.push({ args, seq: ++seq })
      if (values.length < batchTasks) continue
      yield this.#batch(values)
      values = []
    }
    yield this.#batch(values)
  }

  async *#fromLines(): AsyncGenerator<readonly MapTask[]> {
    let seq = 0
    for await (const lines of linesOf(this.#init.stdin, lineBytesMax)) {
      yield this.#batch(lines.map(line => ({ args: [line], seq: ++seq })))
    }
  }

  async #batch(all: readonly Values[]): Promise<MapTask[]> {
    const tasks: MapTask[] = []
    for (const values of all) if (!this.#init.skip(values.seq)) tasks.push(await this.#task(values))
    return tasks
  }

  async #task(values: Values): Promise<MapTask> {
    const { send, return: wanted, folder } = this.#init
    return {
      type: 'command',
      seq: values.seq,
      args: values.args,
      command: commandOf(this.#words, values),
      send: await this.#files.of(send.map(path => pathOf(path, values))),
      return: wantedFiles(
        wanted.map(path => pathOf(path, values)),
        folder,
      ),
    }
  }
}
