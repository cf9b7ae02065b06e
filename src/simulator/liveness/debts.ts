import type { Simulation } from '../simulation.ts'
import { acknowledgedIsDecided } from './acknowledged-is-decided.ts'
import type { Debt, Liveness } from './debt.ts'
import { fullRestartFinishes } from './full-restart-finishes.ts'
import { nobodyIsIdle } from './nobody-is-idle.ts'
import { outcomesAreFinished } from './outcomes-are-finished.ts'
import { survivorsGoOn } from './survivors-go-on.ts'
import { usersAreTold } from './users-are-told.ts'
import { voterSetsAreWhole } from './voter-sets-are-whole.ts'

/** Debts of one property that are looked at: the first tells that it does not hold. */
const debtsMax = 4

const properties: readonly Liveness[] = [
  acknowledgedIsDecided,
  nobodyIsIdle,
  outcomesAreFinished,
  usersAreTold,
  voterSetsAreWhole,
  fullRestartFinishes,
  survivorsGoOn,
]

/** What is owed once faults have stopped: at most so many debts of each property. */
export function debtsOf(simulation: Simulation, healedAt: number): Debt[] {
  return properties.flatMap(property => {
    const debts = property(simulation, healedAt)[Symbol.iterator]()
    return [...Iterator.from(debts).take(debtsMax)]
  })
}
