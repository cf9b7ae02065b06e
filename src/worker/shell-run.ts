import { join } from 'node:path'
import type { OutputStream } from '../shell/frames.ts'
import type { ShellResult } from '../shell/result.ts'
import type { ShellTask } from '../shell/task.ts'
import type { Attempt } from './attempt.ts'
import type { Running, RunOwner, RunPlace } from './claim.ts'
import type { CommandFolder } from './command-folders.ts'
import { keepResult } from './keep-result.ts'
import type { WorkerBlobs } from './large.ts'
import { errorOutcome, type Outcome, resultOutcome } from './outcome.ts'
import { type GroupEnd, ProcessGroup } from './process-group.ts'
import { placeFiles, ShellKeeper } from './shell-files.ts'
import { ShellOutput } from './shell-output.ts'

export interface ShellRunInit {
  readonly task: ShellTask
  readonly attempt: Attempt
  readonly place: RunPlace
  readonly owner: RunOwner
  readonly folder: CommandFolder
  readonly env: NodeJS.ProcessEnv
  readonly graceMs: number
  readonly maxResultBytes: number
  readonly maxOutputBytes: number
  readonly blobs: WorkerBlobs | undefined
  /** The command has ended; nothing more is to be had of it here. */
  readonly onOver: () => void
}

/** Bytes of a result that are not output or files. */
const restBytes = 4_096

/** A run of a command of `run` or `map`, from placing its files to keeping what it leaves. */
export class ShellRun implements Running {
  readonly output: ShellOutput
  readonly #init: ShellRunInit
  readonly #stopping = new AbortController()
  #group: ProcessGroup | undefined
  #timedOut = false
  #dropped = false

  constructor(init: ShellRunInit) {
    this.#init = init
    this.output = new ShellOutput(join(init.folder.path, 'output'))
    void this.#run()
  }

  /** Fencing token of the run. */
  get token(): number {
    return this.#init.attempt.token
  }

  abort(reason: string): void {
    this.#dropped = true
    this.#init.attempt.mute()
    this.#init.attempt.abort(reason)
    this.#stopping.abort(new Error(`Run was stopped: ${reason}`))
    this.#group?.stop()
  }

  /** Signals the command's processes. False where none have started, or all have ended. */
  signal(name: NodeJS.Signals): boolean {
    return this.#group?.send(name) ?? false
  }

  async #run(): Promise<void> {
    const { attempt, owner, place, folder, onOver } = this.#init
    try {
      const outcome = await this.#perform()
      attempt.end()
      if (!this.#dropped) owner.ended(place, outcome)
    } catch (error) {
      if (!this.#dropped) owner.ended(place, errorOutcome(error))
    }
    // Nobody may read what is being closed.
    onOver()
    await this.output.close().catch(() => undefined)
    await folder.remove().catch((error: unknown) => {
      owner.warn(`Folder ${folder.path} of a command could not be removed: ${String(error)}`)
    })
    owner.over(place)
  }

  async #perform(): Promise<Outcome> {
    const { task, folder, attempt } = this.#init
    await placeFiles(task.send, folder.work, this.#stopping.signal)
    this.#stopping.signal.throwIfAborted()
    const began = performance.now()
    const end = await this.#execute()
    const runMs = Math.round(performance.now() - began)
    if (end.error !== undefined) throw end.error
    if (this.output.failure !== undefined) throw this.output.failure
    if (this.#isTooLong) {
      throw new Error(`Output is over the limit of ${this.#init.maxOutputBytes} bytes`)
    }
    this.#stopping.signal.throwIfAborted()
    const hasFailed = end.code !== 0 || this.#timedOut
    if (hasFailed && attempt.attempt < task.tries) return failedOutcome(end, this.output)
    return this.#keep(end, runMs)
  }

  async #execute(): Promise<GroupEnd> {
    const { task, env, graceMs, folder, attempt } = this.#init
    const group = new ProcessGroup({
      ...{ command: task.command, cwd: folder.work, env, input: '', graceMs },
      onStdout: chunk => this.#take(1, chunk),
      onStderr: chunk => this.#take(2, chunk),
    })
    this.#group = group
    folder.begin(group)
    const { timeoutMs } = attempt
    const timer =
      timeoutMs > 0
        ? setTimeout(() => {
            this.#timedOut = true
            group.stop()
          }, timeoutMs)
        : undefined
    const end = await group.ended
    clearTimeout(timer)
    this.#tellIgnored(end)
    return end
  }

  #take(stream: OutputStream, chunk: Buffer): Promise<void> | undefined {
    const wait = this.#isTooLong ? undefined : this.output.add(stream, chunk)
    if (this.#isTooLong || this.output.failure !== undefined) this.#group?.kill()
    return wait
  }

  get #isTooLong(): boolean {
    return this.output.bytes > this.#init.maxOutputBytes
  }

  /** Puts what the command leaves where the voters of its task have it. */
  async #keep({ code, signal }: GroupEnd, runMs: number): Promise<Outcome> {
    const { task, attempt, folder, blobs, maxResultBytes } = this.#init
    const keeper = new ShellKeeper(blobs, maxResultBytes - restBytes, this.#stopping.signal)
    try {
      const whole = await this.output.whole()
      const result: ShellResult = {
        ...{ code, signal, timedOut: this.#timedOut, runMs, token: attempt.token },
        ...{ output: await keeper.keep(whole), outputBytes: this.output.bytes },
        files: await keeper.files(task.return, folder.work),
      }
      const outcome = resultOutcome(result, { maxResultBytes, blobs })
      return await keepResult(blobs, attempt.ledger, outcome, this.#stopping.signal)
    } finally {
      keeper.release()
    }
  }

  #tellIgnored({ ignored, lost }: GroupEnd): void {
    if (!ignored && !lost) return
    const { attempt, owner, graceMs } = this.#init
    const late = `did not end ${graceMs} ms after SIGTERM`
    const rest = lost ? ' and is still there' : ''
    owner.warn(`A command of task ${attempt.taskId} ${late}; it was killed${rest}`)
  }
}

/** A try that is followed by another one. */
function failedOutcome({ code, signal }: GroupEnd, { stderrTail }: ShellOutput): Outcome {
  const how = signal === null ? `ended with exit code ${code}` : `died of ${signal}`
  const said = stderrTail === '' ? '' : `: ${stderrTail}`
  return errorOutcome({ name: 'CommandFailedError', message: `Command ${how}${said}` })
}
