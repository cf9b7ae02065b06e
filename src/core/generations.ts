import { forkedNames } from './forks.ts'
import type { LedgerId, Millis } from './ids.ts'
import { majorityIsHere } from './membership.ts'
import { latestInfo } from './office.ts'
import { viewTask } from './query.ts'
import type { Machine, TaskView } from './state.ts'

/** A task in the generation that counts. */
export interface GenerationView {
  readonly view: TaskView
  /** Counted from 1. */
  readonly generation: number
}

/**
 * What this node knows of a task by its first name: of the generation that has ended, the first one
 * before all others, as for who waits for it; else of the newest.
 */
export function viewNewest(
  machine: Machine,
  ledger: LedgerId,
  seq: number,
  now: Millis,
): GenerationView | undefined {
  const first = viewTask(machine, ledger, seq, now)
  let newest = first && { view: first, generation: 1 }
  if (newest !== undefined && hasEnded(newest.view.state)) return newest
  for (const name of forkedNames(machine.voter, ledger, seq)) {
    const view = viewTask(machine, name.ledger, name.seq, now)
    if (view === undefined) continue
    const { generation } = name
    if (hasEnded(view.state)) return { view, generation }
    if (generation > (newest?.generation ?? 0)) newest = { view, generation }
  }
  return newest
}

/** Whether so many voters of a ledger are out of reach that a survivor may have given it up. */
export function isAlone({ voter, members }: Machine, ledger: LedgerId): boolean {
  const held = voter.ledgers.get(ledger)
  return held !== undefined && !majorityIsHere(members, voter, latestInfo(held).voters)
}

/** Whether a task has its outcome. */
export function hasEnded(state: string): state is 'done' | 'failed' | 'cancelled' {
  return state === 'done' || state === 'failed' || state === 'cancelled'
}
