import type { ShellRun } from './shell-run.ts'

/** Some of what a running command has written. */
export interface ShellOutputPart {
  /** Fencing token of the run. */
  readonly token: number
  /** Frames, or a part of such, from the offset on that was asked for. */
  readonly bytes: Uint8Array
}

/** The commands of `run` and `map` that run here, by the ids of their tasks. */
export class ShellRuns {
  readonly #runs = new Map<string, ShellRun>()

  add(taskId: string, run: ShellRun): void {
    this.#runs.set(taskId, run)
  }

  delete(taskId: string, run: ShellRun): void {
    if (this.#runs.get(taskId) === run) this.#runs.delete(taskId)
  }

  /** What a command has written from an offset on; `undefined` if it does not run here. */
  async output(
    taskId: string,
    from: number,
    bytesMax: number,
  ): Promise<ShellOutputPart | undefined> {
    const run = this.#runs.get(taskId)
    if (run === undefined) return undefined
    return { token: run.token, bytes: await run.output.read(from, bytesMax) }
  }

  /** Signals a command's processes; false if there are none here. */
  signal(taskId: string, name: NodeJS.Signals): boolean {
    return this.#runs.get(taskId)?.signal(name) ?? false
  }
}
