import type { LedgerHistory } from '../task-history.ts'
import type { Debt, Liveness } from './debt.ts'

/** L4: publishers, cancellers and every watcher are told; a producer watches its own tasks. */
export const usersAreTold: Liveness = function* ({ applications, nodes }): Generator<Debt> {
  // What every node has forgotten, in due time or by a clock that was set, nobody can tell.
  const isForgotten = ({ id, retiredBy }: LedgerHistory): boolean =>
    retiredBy !== 0 && !nodes.some(node => node.remembers(id))
  for (const application of applications) {
    for (const message of application.owed(isForgotten))
      yield { property: 'L4', message, overdue: false }
  }
}
