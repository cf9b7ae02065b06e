import type { SimulatedNode } from '../node.ts'
import type { Simulation } from '../simulation.ts'
import type { TaskHistory } from '../task-history.ts'
import { type Debt, hasVotes, type Liveness, storyOf, undecided } from './debt.ts'

/** How long an idle worker may overlook a due task, beyond two leases. */
const overlookedMsMax = 60_000

/** L2: no capable worker is idle while a due task is leased to nobody. */
export const nobodyIsIdle: Liveness = function* (simulation, healedAt): Generator<Debt> {
  const since = simulation.now() - 2 * simulation.options.leaseMs - overlookedMsMax
  // What faults have held up is not overlooked.
  if (since < healedAt) return
  for (const task of undecided(simulation)) {
    if (!isOverlooked(simulation, task, since)) continue
    const message = `${task.name} is overlooked: ${storyOf(task)}`
    yield { property: 'L2', message, overdue: true }
  }
}

/** Whether a task could have run since a moment, on a worker that has been idle since then. */
function isOverlooked(simulation: Simulation, task: TaskHistory, since: number): boolean {
  const againMs = simulation.disturbed.clocks ? task.delayMs : 0
  if (task.dueAt + againMs > since) return false
  for (const run of task.runs) if (run.endedAt > since) return false
  if (!hasVotes(simulation, task.ledger, since)) return false
  const queue = task.spec?.queue ?? ''
  return simulation.nodes.some(node => hasBeenIdle(node, queue, since))
}

function hasBeenIdle(node: SimulatedNode, queue: string, since: number): boolean {
  const { worker, awakeSince, guest } = node
  if (worker === undefined || guest || awakeSince === Infinity) return false
  const serves = node.capacity.queues.some(served => served.queue === queue)
  return serves && worker.roomSince < since
}
