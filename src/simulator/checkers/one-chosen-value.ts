import type { Chosen, TaskHistory } from '../task-history.ts'
import { Checker, type CheckerContext } from './checker.ts'

/**
 * S1: at most one terminal value is ever accepted by a majority, over all ballots. Counted
 * are accepts on disk, whoever knows of them: a majority that nobody noticed has decided, too.
 */
export class OneChosenValue extends Checker {
  constructor(context: CheckerContext) {
    super(context)
    context.history.onChosen = (task, chosen) => this.#compare(task, chosen)
  }

  #compare(task: TaskHistory, chosen: Chosen): void {
    const { digests } = this.history
    for (const other of task.chosen) {
      if (other.digest === chosen.digest) continue
      this.violation(
        'S1',
        `${task.name} has two outcomes: ${digests.describe(other.digest)} at ballot ` +
          `${other.counter}, ${digests.describe(chosen.digest)} at ballot ${chosen.counter}`,
        task.ledger,
      )
    }
    // A later ballot must have read what was chosen, so it can carry nothing else.
    for (const { counter, digest } of task.tallies) {
      if (counter <= chosen.counter || digest === chosen.digest) continue
      this.violation(
        'S1',
        `${task.name}: ${digests.describe(digest)} is accepted at ballot ${counter}, above ` +
          `${digests.describe(chosen.digest)}, chosen at ballot ${chosen.counter}`,
        task.ledger,
      )
    }
  }
}
