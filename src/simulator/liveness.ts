import type { SimulatedNode } from './node.ts'
import type { Simulation } from './simulation.ts'
import type { TaskHistory } from './task-history.ts'

/**
 * What is owed to users once faults have stopped: every acknowledged task is decided, every
 * request is answered, every watcher knows. A due task that nobody runs although a worker has
 * had room for it for so long is named as overlooked.
 */
export function owedBy(simulation: Simulation, overlookedMs: number): string[] {
  const owed: string[] = []
  const now = simulation.now()
  for (const task of simulation.history.acknowledged()) {
    if (task.decided !== undefined) continue
    owed.push(
      `${task.name} is undecided${isOverlooked(simulation, task, now - overlookedMs) ? ' and overlooked' : ''}`,
    )
  }
  for (const application of simulation.applications) owed.push(...application.owed())
  return owed
}

/** Whether a task could have run since a moment, on a worker that has been idle since then. */
function isOverlooked(simulation: Simulation, task: TaskHistory, since: number): boolean {
  if (task.dueAt > since) return false
  for (const run of task.runs) if (run.endedAt > since) return false
  const queue = task.spec?.queue ?? ''
  return simulation.nodes.some(node => hasBeenIdle(node, queue, since))
}

function hasBeenIdle(node: SimulatedNode, queue: string, since: number): boolean {
  const { worker, running, guest, paused } = node
  if (worker === undefined || !running || guest || paused) return false
  const serves = node.capacity.queues.some(served => served.queue === queue)
  return serves && worker.roomSince < since
}
