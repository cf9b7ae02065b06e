import { addRuns } from './intervals.ts'
import type { LedgerId } from './ids.ts'
import type { OutcomeKind } from './messages.ts'
import { contains, countIn, intersect, type Ranges, subtract, union } from './ranges.ts'
import { CANCELLED, DONE, FAILED, FORGOTTEN } from './registers.ts'

/** How a task that was collected has ended, where that is not forgotten, too. */
export type CollectedKind = OutcomeKind | 'forgotten'

/** Settled tasks whose outcome is not kept any more, by how they have ended. */
export type Collected = { readonly [K in CollectedKind]: Ranges }

/** The same as a voter changes it. */
export type CollectedSets = { readonly [K in CollectedKind]: number[] }

/**
 * Tasks are settled, and the sender does not keep their outcomes: to fellow voters, and to those
 * who wait for them.
 */
export interface CollectedTasks extends Collected {
  readonly type: 'collected'
  readonly ledger: LedgerId
  readonly epoch: number
  /** The end given by CLOSE, or −1 while the ledger is open. */
  readonly end: number
}

/**
 * The same of later generations of tasks, by their first names: only to those who wait for them, since the
 * registers of the first generation are others.
 */
export interface LaterCollected extends Collected {
  readonly type: 'collected-later'
  readonly ledger: LedgerId
}

/** All kinds, the usual one first. */
export const collectedKinds: readonly CollectedKind[] = ['done', 'failed', 'cancelled', 'forgotten']

const states = { done: DONE, failed: FAILED, cancelled: CANCELLED, forgotten: FORGOTTEN } as const

/** Nothing collected. */
export function noneCollected(): CollectedSets {
  return { done: [], failed: [], cancelled: [], forgotten: [] }
}

/** The state of a register that was collected; undefined if it was not. */
export function collectedState(collected: Collected, seq: number): number | undefined {
  for (const kind of collectedKinds) if (contains(collected[kind], seq)) return states[kind]
  return undefined
}

/** The register state of a kind. */
export function stateOfKind(kind: CollectedKind): number {
  return states[kind]
}

/** How many tasks of a run are collected. */
export function collectedIn(collected: Collected, first: number, count: number): number {
  return collectedKinds.reduce((sum, kind) => sum + countIn(collected[kind], first, count), 0)
}

/** What is collected, whatever has become of it. */
export function allCollected(collected: Collected): number[] {
  return collectedKinds.reduce<number[]>((all, kind) => union(all, collected[kind]), [])
}

/** The part of what is collected that is in a set, or that is not. */
export function pickCollected(
  collected: Collected,
  seqs: Ranges,
  how: 'within' | 'without' = 'within',
): CollectedSets {
  const pick = how === 'within' ? intersect : subtract
  return {
    done: pick(collected.done, seqs),
    failed: pick(collected.failed, seqs),
    cancelled: pick(collected.cancelled, seqs),
    forgotten: pick(collected.forgotten, seqs),
  }
}

/** Adds to what is collected, in place. */
export function addCollected(to: CollectedSets, more: Collected): void {
  for (const kind of collectedKinds) addRuns(to[kind], more[kind])
}

/** Whether there is nothing in it. */
export function isNothing(collected: Collected): boolean {
  return collectedKinds.every(kind => collected[kind].length === 0)
}
