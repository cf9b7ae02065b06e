import { majorityOf } from '../../core/quorum.ts'
import type { Simulation } from '../simulation.ts'
import type { LedgerHistory, TaskHistory } from '../task-history.ts'

/** Something that is owed to somebody once faults have stopped. */
export interface Debt {
  /** The liveness property that owes it: `L1` … `L7`. */
  readonly property: string
  readonly message: string
  /** Whether it should have been paid by now; else there is time until the run is over. */
  readonly overdue: boolean
}

/** Finds what one liveness property owes, given when faults have stopped. */
export type Liveness = (simulation: Simulation, healedAt: number) => Iterable<Debt>

/** Acknowledged tasks that some majority can still decide, and that nobody has. */
export function* undecided({ history }: Simulation): Generator<TaskHistory> {
  for (const task of history.acknowledged()) {
    if (task.decided === undefined && !task.ledger.isLost) yield task
  }
}

/** What a report tells of a task that is not decided. */
export function storyOf({ plan, spec, runs, tallies, dueAt, ledger }: TaskHistory): string {
  const voters = ledger.info?.voters.map(({ peer }) => peer).join() ?? ''
  const told = runs.map(({ peer, token, at, end, endedAt }) => {
    const until = end === '' ? 'runs on' : `${end} at ${Math.round(endedAt)}`
    return `${peer}#${token} at ${Math.round(at)} ${until}`
  })
  const accepted = tallies.map(({ counter, mask }) => `ballot ${counter} by ${mask.toString(2)}`)
  return [
    ...(plan === undefined ? [] : [`${plan.behaviour} ${plan.durationMs} ms`]),
    `timeout ${spec?.timeoutMs}, voters ${voters}`,
    `due at ${Math.round(dueAt)}`,
    `runs [${told.join('; ')}]`,
    `accepted [${accepted.join('; ')}]`,
  ].join(', ')
}

/**
 * Whether a majority of the voters has been able to answer since a moment: handlers can block them, and who
 * comes back without its disk is none of them, nor who has only just become one.
 */
export function hasVotes(
  { nodes }: Simulation,
  { info, governsSince }: LedgerHistory,
  since: number,
): boolean {
  if (governsSince > since) return false
  const voters = info?.voters ?? []
  const awake = voters.filter(({ peer, storageId }) => {
    return nodes.some(node => {
      return node.awakeSince <= since && node.peer === peer && node.disk.storageId === storageId
    })
  })
  return awake.length >= majorityOf(voters.length)
}
