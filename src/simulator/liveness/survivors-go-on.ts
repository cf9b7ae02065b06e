import type { Simulation } from '../simulation.ts'
import type { TaskHistory } from '../task-history.ts'
import { type Debt, type Liveness, storyOf } from './debt.ts'

/**
 * L7: where survivors go on with what has lost its voters, an acknowledged task that one of them still
 * holds in its last generation is decided. One that it has published anew it does not publish again.
 */
export const survivorsGoOn: Liveness = function* (simulation): Generator<Debt> {
  if (simulation.options.orphans !== 'fork') return
  for (const task of simulation.history.acknowledged()) {
    if (!task.ledger.isLost) continue
    const generations = [task, ...task.later]
    // Of a ledger in which an old copy votes nothing is promised.
    if (generations.some(({ decided, ledger }) => decided !== undefined || ledger.isMisled))
      continue
    const held = generations.at(-1)
    if (held === undefined || !isHeld(simulation, held)) continue
    const message = `${task.name} is held as ${held.name} and undecided: ${storyOf(held)}`
    yield { property: 'L7', message, overdue: false }
  }
}

function isHeld({ nodes }: Simulation, { ledger, heldBy }: TaskHistory): boolean {
  return nodes.some(({ actor, guest }) => {
    return actor !== undefined && !guest && (ledger.bitOf(actor) & heldBy) !== 0
  })
}
