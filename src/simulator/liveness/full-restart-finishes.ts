import { type Debt, type Liveness, storyOf, undecided } from './debt.ts'

/** L6: after every node has gone down at once, all that was acknowledged before is decided. */
export const fullRestartFinishes: Liveness = function* (simulation): Generator<Debt> {
  for (const task of undecided(simulation)) {
    if (task.ackedAt >= simulation.restartedAt) continue
    const message = `${task.name} is undecided since all nodes went down: ${storyOf(task)}`
    yield { property: 'L6', message, overdue: false }
  }
}
