import type { SimulatedNode } from './node.ts'
import type { Simulation } from './simulation.ts'
import type { TaskHistory } from './task-history.ts'

/**
 * What is owed to users once faults have stopped: every acknowledged task is decided, every
 * request is answered, every watcher knows. A due task that nobody has run since a moment, although
 * a worker has had room for it since then, is named as overlooked.
 */
export function owedBy(simulation: Simulation, since: number): string[] {
  const owed: string[] = []
  for (const task of simulation.history.acknowledged()) {
    if (task.decided !== undefined) continue
    const overlooked = isOverlooked(simulation, task, since)
    owed.push(`${task.name} is undecided${overlooked ? ' and overlooked' : ''}: ${storyOf(task)}`)
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

/** What a report tells of a task that is not decided. */
function storyOf({ plan, spec, runs, tallies, dueAt, ledger }: TaskHistory): string {
  const voters = ledger.info?.voters.map(({ peer }) => peer).join() ?? ''
  const told = runs.map(({ peer, token, at, end, endedAt }) => {
    const until = end === '' ? 'runs on' : `${end} at ${Math.round(endedAt)}`
    return `${peer}#${token} at ${Math.round(at)} ${until}`
  })
  const accepted = tallies.map(({ counter, mask }) => `ballot ${counter} by ${mask.toString(2)}`)
  return [
    `${plan?.behaviour} ${plan?.durationMs} ms, timeout ${spec?.timeoutMs}, voters ${voters}`,
    `due ${Math.round(dueAt)}`,
    `runs [${told.join('; ')}]`,
    `accepted [${accepted.join('; ')}]`,
  ].join(', ')
}
