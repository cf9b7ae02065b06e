import { parseWithBlobs } from '../blobs/blob-json.ts'
import { readShellTask } from '../shell/task.ts'
import { Attempt, type AttemptHost } from './attempt.ts'
import type { Running, RunOwner } from './claim.ts'
import { commandEnv } from './command-env.ts'
import { CommandFolders } from './command-folders.ts'
import type { CommandLimits } from './command-runner.ts'
import { UnrecoverableError } from './errors.ts'
import type { Starting } from './fetched-run.ts'
import { errorOutcome } from './outcome.ts'
import { ShellRun } from './shell-run.ts'
import type { ShellRuns } from './shell-runs.ts'

/** Runs the commands of `run` and `map`: each task brings its own. */
export class ShellRunner {
  readonly #limits: CommandLimits
  readonly #owner: RunOwner
  readonly #host: AttemptHost
  readonly #runs: ShellRuns
  readonly #folders: CommandFolders

  constructor(limits: CommandLimits, owner: RunOwner, host: AttemptHost, runs: ShellRuns) {
    this.#limits = limits
    this.#owner = owner
    this.#host = host
    this.#runs = runs
    this.#folders = new CommandFolders(limits.graceMs)
  }

  /** Starts a task, as a batch shows it. */
  start(starting: Starting): Running | undefined {
    const attempt = new Attempt(starting, this.#host)
    try {
      return this.#start(attempt, starting)
    } catch (error) {
      this.#owner.ended(starting, errorOutcome(error))
      return undefined
    }
  }

  /** Removes what the runs have shared. All runs must be over. */
  async stop(): Promise<void> {
    await this.#folders.stop()
  }

  #start(attempt: Attempt, { claim, lane, seq, payload, blobs }: Starting): Running {
    const { taskId } = attempt
    const task = taskIn(payload, blobs)
    const run: ShellRun = new ShellRun({
      ...this.#limits,
      blobs: this.#limits.blobs,
      ...{ task, attempt, place: { claim, lane, seq }, owner: this.#owner },
      folder: this.#folders.open(),
      env: commandEnv(process.env, attempt),
      onOver: () => this.#runs.delete(taskId, run),
    })
    this.#runs.add(taskId, run)
    return run
  }
}

function taskIn(payload: Starting['payload'], blobs: Starting['blobs']) {
  try {
    return readShellTask(typeof payload === 'string' ? parseWithBlobs(payload, blobs) : payload)
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new UnrecoverableError(`Task cannot be run: ${reason}`, { cause })
  }
}
