import type { LedgerId } from './ids.ts'
import type { Chunk } from './messages.ts'
import type { Ranges } from './ranges.ts'
import type { VoterState } from './voter.ts'

/*
 * A task whose voters were lost may be published again by a survivor: it is another task then, in
 * another ledger, with registers and an outcome of its own, and its record says what it was before.
 * Who waits for it knows only what it was at first, so outcomes are told under that name, too.
 */

/** The same tasks in another generation: task `n` here is task `n + shift` there. */
export interface Fork {
  /** The ledger of the first generation; of outcomes, that of the generation that they are from. */
  readonly ledger: LedgerId
  readonly shift: number
  /** Counted from 1; that of the first has no such words. */
  readonly generation: number
}

/** Consecutive tasks of a ledger that were others before. */
export interface ForkRun {
  readonly ledger: LedgerId
  readonly first: number
  count: number
  readonly fork: Fork
}

/** Remembers what tasks that are held were before. */
export function noteFork(
  voter: VoterState,
  ledger: LedgerId,
  { first, count }: Pick<Chunk, 'first' | 'count'>,
  fork: Fork,
): void {
  let runs = voter.forks.get(fork.ledger)
  if (runs === undefined) voter.forks.set(fork.ledger, (runs = []))
  const last = runs.at(-1)
  const isNext = last?.ledger === ledger && last.first + last.count === first
  const isAlike = last?.fork.shift === fork.shift && last.fork.generation === fork.generation
  if (isNext && isAlike) last.count += count
  else runs.push({ ledger, first, count, fork })
}

/** Nothing of a ledger is held any more. */
export function forgetForks(voter: VoterState, ledger: LedgerId): void {
  for (const [root, runs] of voter.forks) {
    const left = runs.filter(run => run.ledger !== ledger)
    if (left.length === 0) voter.forks.delete(root)
    else if (left.length < runs.length) voter.forks.set(root, left)
  }
}

/** Tasks of the first generation that are held here as later ones. */
export function forkedFrom(voter: VoterState, root: LedgerId): Ranges[] {
  return (voter.forks.get(root) ?? []).map(({ first, count, fork }) => [first + fork.shift, count])
}

/** What a task is called in the later generations that are held here. */
export function* forkedNames(
  voter: VoterState,
  root: LedgerId,
  seq: number,
): Generator<{ readonly ledger: LedgerId; readonly seq: number; readonly generation: number }> {
  for (const { ledger, first, count, fork } of voter.forks.get(root) ?? []) {
    const at = seq - fork.shift
    if (first <= at && at < first + count) yield { ledger, seq: at, generation: fork.generation }
  }
}
