import { parseTaskId, taskId } from '../core/ids.ts'
import type { Debt } from '../simulator/liveness/debt.ts'
import { debtsOf } from '../simulator/liveness/debts.ts'
import type { Simulation } from '../simulator/simulation.ts'
import type { TaskHistory } from '../simulator/task-history.ts'
import { lastError } from './handler-errors.ts'
import type { Published } from './test-cluster.ts'

/** What keeps tasks from being done, one line each. */
export function completedProblems(simulation: Simulation, tasks: readonly Published[]): string[] {
  return tasks.flatMap(({ id }) => {
    const at = parseTaskId(id)
    const task = at === undefined ? undefined : simulation.history.task(at.ledger, at.seq)
    if (task?.spec === undefined) return [`There is no task ${id}`]
    const kind = outcomeOf(simulation, task)
    return kind === 'done' ? [] : [describe(simulation, task)]
  })
}

/** What keeps a cluster from being of one mind, one line each. */
export function convergedProblems(simulation: Simulation): string[] {
  return [
    ...violationProblems(simulation),
    ...undecidedProblems(simulation),
    ...debtsOf(simulation, simulation.now()).map(debtText),
  ]
}

/** Rules of the protocol that were broken, one line each. */
export function violationProblems({ violations }: Simulation): string[] {
  return violations.map(
    ({ property, atMs, message }) => `${property} at ${Math.round(atMs)} ms: ${message}`,
  )
}

/** Acknowledged tasks that nobody can decide any more, one line each. */
export function lostProblems(simulation: Simulation): string[] {
  const lost = [...simulation.history.acknowledged()].filter(
    task => task.decided === undefined && task.ledger.isLost,
  )
  return lost.map(task => describe(simulation, task))
}

/** Acknowledged tasks that are not decided, one line each. */
export function undecidedProblems(simulation: Simulation): string[] {
  const open = [...simulation.history.acknowledged()].filter(task => task.decided === undefined)
  return open.map(task => describe(simulation, task))
}

/** What is owed, in a line. */
export function debtText({ property, message }: Debt): string {
  return `${property}: ${message}`
}

function outcomeOf({ history }: Simulation, { decided }: TaskHistory): string | undefined {
  return decided === undefined ? undefined : history.digests.factsOf(decided.digest)?.kind
}

function describe(simulation: Simulation, task: TaskHistory): string {
  const { ledger, seq, spec } = task
  const name = `Task ${taskId(ledger.id, seq)} of ${spec?.queue}`
  const { decided } = task
  if (decided !== undefined) {
    const facts = simulation.history.digests.factsOf(decided.digest)
    const reason = facts?.reason === '' ? '' : ` (${facts?.reason})`
    const error = facts?.kind === 'failed' ? thrownText(simulation, task) : ''
    return `${name} is ${facts?.kind}${reason}${error}`
  }
  if (ledger.isLost) return `${name} is lost: ${lossText(task)}`
  const down = downVoters(simulation, task)
  if (down.length > 0) return `${name} is undecided; of its voters ${down.join(', ')} are down`
  const [running] = task.runs.filter(run => run.endedAt === Infinity)
  if (running !== undefined) return `${name} runs on ${running.peer}`
  const served = simulation.nodes.some(({ capacity, running: isUp }) => {
    return isUp && capacity.queues.some(({ queue }) => queue === spec?.queue)
  })
  if (!served) return `${name} is undecided; no node that is up serves its queue`
  const waitMs = task.dueAt - simulation.now()
  if (waitMs > 0) {
    const due = `is not due for another ${Math.ceil(waitMs)} ms${thrownText(simulation, task)}`
    return `${name} ${due}; advance, or give settle a limitMs beyond that`
  }
  return `${name} is undecided after ${task.runs.length} runs${thrownText(simulation, task)}`
}

function thrownText(simulation: Simulation, task: TaskHistory): string {
  const error = lastError(simulation, task)
  return error === undefined ? '' : `; its handler threw: ${error}`
}

function lossText({ ledger }: TaskHistory): string {
  const voters = ledger.info?.voters ?? []
  const gone = voters.filter((_, v) => (ledger.lostBy & (1 << v)) !== 0).map(({ peer }) => peer)
  if (voters.length === 1) return `its only voter ${gone.join()} has lost its disk`
  return `${gone.length} of its ${voters.length} voters have lost their disks: ${gone.join(', ')}`
}

function downVoters({ nodes, network }: Simulation, { ledger }: TaskHistory): string[] {
  const voters = (ledger.info?.voters ?? []).map(({ peer }) => peer)
  return voters.filter(peer => nodes[network.indexOf(peer)]?.running !== true)
}
