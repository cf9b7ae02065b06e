import type { LedgerHistory } from '../task-history.ts'
import type { Simulation } from '../simulation.ts'
import type { Debt, Liveness } from './debt.ts'

/**
 * L3: outcomes that a majority has accepted are finished without another run (which S7 forbids):
 * every voter that is left comes to know them, although nobody may know that they are decided.
 */
export const outcomesAreFinished: Liveness = function* (simulation): Generator<Debt> {
  for (const ledger of simulation.history.ledgers.values()) {
    if (ledger.isLost) continue
    const voters = votersLeft(simulation, ledger) & ~ledger.lostBy & ~ledger.retiredBy
    for (const { decided, settledBy, name } of ledger.tasks()) {
      if (decided === undefined || (settledBy & voters) === voters) continue
      const missing = (voters & ~settledBy).toString(2)
      const message = `${name} is decided, and voters ${missing} do not know it`
      yield { property: 'L3', message, overdue: false }
    }
  }
}

function votersLeft({ nodes }: Simulation, ledger: LedgerHistory): number {
  let mask = 0
  for (const { actor } of nodes) if (actor !== undefined) mask |= ledger.bitOf(actor)
  return mask & ledger.votersIn(ledger.governing)
}
