import { type Debt, type Liveness, storyOf, undecided } from './debt.ts'

/** L1: every acknowledged task is decided in bounded time. */
export const acknowledgedIsDecided: Liveness = function* (simulation): Generator<Debt> {
  for (const task of undecided(simulation)) {
    if (task.ackedAt < simulation.restartedAt) continue
    const message = `${task.name} is undecided: ${storyOf(task)}`
    yield { property: 'L1', message, overdue: false }
  }
}
