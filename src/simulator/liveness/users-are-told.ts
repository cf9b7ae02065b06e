import type { Debt, Liveness } from './debt.ts'

/** L4: publishers, cancellers and every watcher are told; a producer watches its own tasks. */
export const usersAreTold: Liveness = function* ({ applications }): Generator<Debt> {
  for (const application of applications) {
    for (const message of application.owed()) yield { property: 'L4', message, overdue: false }
  }
}
