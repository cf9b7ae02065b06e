import { createReadStream } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Attempt } from './attempt.ts'
import type { Running, RunOwner, RunPlace } from './claim.ts'
import type { CommandFolder } from './command-folders.ts'
import { commandOutcome, outputNotKept, outputTooLarge } from './command-outcome.ts'
import type { CommandLimits } from './command-runner.ts'
import { keepResult } from './keep-result.ts'
import { LineSplitter } from './line-splitter.ts'
import { type Outcome, timeoutOutcome } from './outcome.ts'
import { type GroupEnd, ProcessGroup, type ProcessGroupInit } from './process-group.ts'
import { Spool } from './spool.ts'

export interface CommandRunInit
  extends CommandLimits, Pick<ProcessGroupInit, 'command' | 'env' | 'input'> {
  readonly attempt: Attempt
  readonly place: RunPlace
  readonly owner: RunOwner
  readonly folder: CommandFolder
}

/** Bytes of a line end, which need not count to a result. */
const lineEndBytes = 2

/** Bytes of output that stay in memory while the command runs. */
const memoryBytesMax = 2 ** 20

/** Bytes of output that may be JSON or text, which is read as a whole; more is bytes. */
const textBytesMax = 32 * 2 ** 20

/** A run of a command. It is over when its processes are gone and its folder, too. */
export class CommandRun implements Running {
  /** The command's processes. */
  readonly group: ProcessGroup
  readonly #init: CommandRunInit
  readonly #stderr: LineSplitter
  readonly #stdout: Spool
  #timer: NodeJS.Timeout | undefined
  #stopped: string | undefined
  #dropped = false

  /** @throws {Error} The system does not take the command as it is. */
  constructor(init: CommandRunInit) {
    this.#init = init
    const { attempt, command, folder, env, input, graceMs } = init
    this.#stdout = new Spool(join(folder.path, 'output'), memoryBytesMax)
    this.#stderr = new LineSplitter(line => attempt.report('log', line))
    this.group = new ProcessGroup({
      command,
      cwd: folder.work,
      env,
      input,
      graceMs,
      onStdout: chunk => this.#collect(chunk),
      onStderr: chunk => this.#stderr.push(chunk),
    })
    folder.begin(this.group)
    const { timeoutMs } = attempt
    // Timers of more than 2³¹ − 1 ms would fire at once.
    if (timeoutMs > 0 && timeoutMs < 2 ** 31) {
      this.#timer = setTimeout(() => this.#stop('timeout'), timeoutMs)
    }
    void this.#finish()
  }

  abort(reason: string): void {
    this.#dropped = true
    this.#stop(reason)
  }

  #stop(reason: string): void {
    if (this.#stopped !== undefined) return
    this.#stopped = reason
    clearTimeout(this.#timer)
    this.#init.attempt.mute()
    this.#init.attempt.abort(reason)
    this.group.stop()
  }

  #collect(chunk: Buffer): Promise<void> | undefined {
    const wait = this.#isTooLarge ? undefined : this.#stdout.add(chunk)
    if (this.#isTooLarge || this.#stdout.failure !== undefined) this.group.kill()
    return wait
  }

  get #isTooLarge(): boolean {
    return this.#stdout.bytes > this.#outputBytesMax + lineEndBytes
  }

  get #outputBytesMax(): number {
    const { blobs, maxResultBytes, maxOutputBytes } = this.#init
    return blobs === undefined ? maxResultBytes : maxOutputBytes
  }

  async #finish(): Promise<void> {
    const { attempt, owner, place, folder } = this.#init
    const end = await this.group.ended
    clearTimeout(this.#timer)
    this.#stderr.end()
    attempt.end()
    this.#tellIgnored(end)
    const outcome = await this.#outcome(end)
    if (!this.#dropped) owner.ended(place, outcome)
    await this.#stdout.close().catch(() => undefined)
    await folder.remove().catch((error: unknown) => {
      owner.warn(`Folder ${folder.path} of a command could not be removed: ${String(error)}`)
    })
    owner.over(place)
  }

  async #outcome(end: GroupEnd): Promise<Outcome> {
    const { attempt, place, blobs } = this.#init
    const { queue } = place.lane
    if (this.#stopped === 'timeout') return timeoutOutcome(attempt.timeoutMs)
    if (this.#isTooLarge) return outputTooLarge(queue, this.#outputBytesMax)
    try {
      const output = { stdout: await this.#output(), stderrTail: this.#stderr.tail }
      const outcome = commandOutcome(queue, end, output, this.#init)
      if (outcome.large === undefined || this.#dropped) return outcome
      return await keepResult(blobs, attempt.ledger, outcome, attempt.signal)
    } catch (error) {
      return outputNotKept(queue, error)
    }
  }

  async #output(): Promise<Uint8Array | AsyncIterable<Uint8Array>> {
    const whole = await this.#stdout.whole()
    if (!('file' in whole)) return whole
    return this.#stdout.bytes > textBytesMax ? readLater(whole.file) : readFile(whole.file)
  }

  #tellIgnored({ ignored, lost }: GroupEnd): void {
    if (!ignored && !lost) return
    const { attempt, owner, place, graceMs } = this.#init
    const run = `Command of ${place.lane.queue} (task ${attempt.taskId})`
    const late = `did not end ${graceMs} ms after SIGTERM`
    owner.warn(`${run} ${late}; it was killed${lost ? ' and is still there' : ''}`)
  }
}

/** A file is opened when its content is asked for, which it may never be. */
async function* readLater(file: string): AsyncGenerator<Uint8Array> {
  yield* createReadStream(file) as AsyncIterable<Uint8Array>
}
