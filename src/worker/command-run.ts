import { rm } from 'node:fs/promises'
import type { Attempt } from './attempt.ts'
import type { Running, RunOwner, RunPlace } from './claim.ts'
import { commandOutcome, outputTooLarge } from './command-outcome.ts'
import { keepResult } from './keep-result.ts'
import type { WorkerBlobs } from './large.ts'
import { LineSplitter } from './line-splitter.ts'
import { type Outcome, timeoutOutcome } from './outcome.ts'
import { type GroupEnd, ProcessGroup, type ProcessGroupInit } from './process-group.ts'

export interface CommandRunInit extends Pick<
  ProcessGroupInit,
  'command' | 'cwd' | 'env' | 'input' | 'graceMs'
> {
  readonly attempt: Attempt
  readonly place: RunPlace
  readonly owner: RunOwner
  readonly maxResultBytes: number
  readonly blobs?: WorkerBlobs | undefined
}

/** Bytes of a line end, which need not count to a result. */
const lineEndBytes = 2

/** Bytes of output that are kept, which is in memory, where results need not fit a record. */
const largeOutputBytes = 32 * 2 ** 20

/** A run of a command. It is over when its processes are gone and its folder, too. */
export class CommandRun implements Running {
  /** The command's processes. */
  readonly group: ProcessGroup
  readonly #init: CommandRunInit
  readonly #stderr: LineSplitter
  readonly #stdout: Buffer[] = []
  #stdoutBytes = 0
  #timer: NodeJS.Timeout | undefined
  #stopped: string | undefined
  #dropped = false

  /** @throws {Error} The system does not take the command as it is. */
  constructor(init: CommandRunInit) {
    this.#init = init
    const { attempt, command, cwd, env, input, graceMs } = init
    this.#stderr = new LineSplitter(line => attempt.report('log', line))
    this.group = new ProcessGroup({
      command,
      cwd,
      env,
      input,
      graceMs,
      onStdout: chunk => this.#collect(chunk),
      onStderr: chunk => this.#stderr.push(chunk),
    })
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

  #collect(chunk: Buffer): void {
    if (this.#tooLarge) return
    this.#stdout.push(chunk)
    this.#stdoutBytes += chunk.length
    if (this.#tooLarge) this.group.kill()
  }

  get #tooLarge(): boolean {
    return this.#stdoutBytes > this.#outputBytesMax + lineEndBytes
  }

  get #outputBytesMax(): number {
    const { blobs, maxResultBytes } = this.#init
    return blobs === undefined ? maxResultBytes : largeOutputBytes
  }

  async #finish(): Promise<void> {
    const { attempt, owner, place, cwd } = this.#init
    const end = await this.group.ended
    clearTimeout(this.#timer)
    this.#stderr.end()
    attempt.end()
    this.#tellIgnored(end)
    const { blobs } = this.#init
    const outcome = this.#outcome(end)
    const kept =
      outcome.large === undefined || this.#dropped
        ? outcome
        : await keepResult(blobs, attempt.ledger, outcome, attempt.signal)
    if (!this.#dropped) owner.ended(place, kept)
    await rm(cwd, { recursive: true, force: true }).catch((error: unknown) => {
      owner.warn(`Working folder ${cwd} of a command could not be removed: ${String(error)}`)
    })
    owner.over(place)
  }

  #outcome(end: GroupEnd): Outcome {
    const { attempt, place } = this.#init
    const { queue } = place.lane
    if (this.#stopped === 'timeout') return timeoutOutcome(attempt.timeoutMs)
    if (this.#tooLarge) return outputTooLarge(queue, this.#outputBytesMax)
    const output = { stdout: Buffer.concat(this.#stdout), stderrTail: this.#stderr.tail }
    return commandOutcome(queue, end, output, this.#init)
  }

  #tellIgnored({ ignored, lost }: GroupEnd): void {
    if (!ignored && !lost) return
    const { attempt, owner, place, graceMs } = this.#init
    const run = `Command of ${place.lane.queue} (task ${attempt.taskId})`
    const late = `did not end ${graceMs} ms after SIGTERM`
    owner.warn(`${run} ${late}; it was killed${lost ? ' and is still there' : ''}`)
  }
}
