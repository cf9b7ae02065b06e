import { Attempt, type AttemptHost } from './attempt.ts'
import type { Running, RunOwner, RunPlace } from './claim.ts'
import { commandEnv } from './command-env.ts'
import { CommandFolders } from './command-folders.ts'
import type { Starting } from './fetched-run.ts'
import type { WorkerBlobs } from './large.ts'
import { CommandRun } from './command-run.ts'
import { errorOutcome } from './outcome.ts'

/** A command that runs the tasks of a queue. */
export interface CommandHandler {
  readonly queue: string
  /** For the shell, `/bin/sh` (on Windows `cmd`). */
  readonly command: string
  /** Runs of it at the same time. The default is the worker's. */
  readonly concurrency?: number | undefined
}

/** Limits of commands. */
export interface CommandLimits {
  readonly maxResultBytes: number
  /** Time that a stopped command may take to end, in milliseconds. */
  readonly graceMs: number
  /** Bytes that one command may write, where results are not limited to fewer. */
  readonly maxOutputBytes: number
  readonly blobs?: WorkerBlobs | undefined
}

/**
 * Runs a command per task: the payload, JSON or bytes as it was published, on stdin; the result from
 * stdout, where JSON is a value and all else text; a line of stderr is a log line; an exit code
 * other than 0 is a failed attempt. Each run has an empty working folder of its own.
 */
export class CommandRunner {
  readonly #limits: CommandLimits
  readonly #owner: RunOwner
  readonly #host: AttemptHost
  readonly #folders: CommandFolders

  constructor(limits: CommandLimits, owner: RunOwner, host: AttemptHost) {
    this.#limits = limits
    this.#owner = owner
    this.#host = host
    this.#folders = new CommandFolders(limits.graceMs)
  }

  /** Starts a task, as a batch shows it. */
  start(task: Starting, { command }: CommandHandler): Running | undefined {
    const attempt = new Attempt(task, this.#host)
    const { claim, lane, seq } = task
    try {
      return this.#start(attempt, { claim, lane, seq }, command, task.payload)
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause)
      const message = `Command of ${lane.queue} could not be started: ${reason}`
      this.#owner.ended(task, errorOutcome({ name: 'CommandNotStartedError', message }))
      return undefined
    }
  }

  /** Removes what the runs have shared. All runs must be over. */
  async stop(): Promise<void> {
    await this.#folders.stop()
  }

  #start(attempt: Attempt, place: RunPlace, command: string, input: Starting['payload']): Running {
    const env = commandEnv(process.env, attempt)
    const folder = this.#folders.open()
    return new CommandRun({
      ...this.#limits,
      ...{ attempt, place, owner: this.#owner, folder, command, env, input },
    })
  }
}
