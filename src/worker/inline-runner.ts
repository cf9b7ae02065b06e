import { Attempt, AttemptContext, type AttemptHost } from './attempt.ts'
import type { Running, RunOwner, RunPlace } from './claim.ts'
import type { TaskDefinitionLike } from './definition.ts'
import { execute, isThenable } from './execute.ts'
import type { Starting } from './fetched-run.ts'
import { type InlineLimits, InlineRun } from './inline-run.ts'
import { errorOutcome, type Outcome, resultOutcome } from './outcome.ts'

/** Calls handlers on the main loop. */
export class InlineRunner {
  readonly #limits: InlineLimits
  readonly #owner: RunOwner
  readonly #host: AttemptHost

  constructor(limits: InlineLimits, owner: RunOwner, host: AttemptHost) {
    this.#limits = limits
    this.#owner = owner
    this.#host = host
  }

  /**
   * Starts a task, as a batch shows it. Without a promise its run has ended on return, and
   * nothing is left of it but its outcome.
   */
  start(task: Starting, definition: TaskDefinitionLike): Running | undefined {
    const attempt = new Attempt(task, this.#host)
    let outcome: Outcome
    try {
      const value = execute(definition, task, new AttemptContext(attempt))
      if (isThenable(value))
        return new InlineRun(attempt, placeOf(task), value, this.#limits, this.#owner)
      outcome = resultOutcome(value, this.#limits)
      if (outcome.large !== undefined)
        return new InlineRun(attempt, placeOf(task), outcome, this.#limits, this.#owner)
    } catch (error) {
      outcome = errorOutcome(error)
    }
    attempt.end()
    this.#owner.ended(task, outcome)
    return undefined
  }
}

// A batch moves on, its runs stay where they are.
function placeOf({ claim, lane, seq }: Starting): RunPlace {
  return { claim, lane, seq }
}
