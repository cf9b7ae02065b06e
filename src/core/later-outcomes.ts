import {
  type Collected,
  collectedKinds,
  type CollectedSets,
  isNothing,
  noneCollected,
  pickCollected,
} from './collected.ts'
import type { Fork, ForkRun } from './forks.ts'
import type { LedgerId } from './ids.ts'
import { addRuns } from './intervals.ts'
import type { Values } from './messages.ts'
import { intersect, type Ranges } from './ranges.ts'
import { pickValues } from './values.ts'
import { valuesOf, type VoterState } from './voter.ts'

/** Outcomes under the name that the tasks had at first, and where they are from. */
export interface ForkedOutcomes {
  readonly ledger: LedgerId
  readonly values: Values
  readonly fork: Fork
}

/** The outcomes that later generations of some tasks are known to have. */
export function* laterOutcomes(
  voter: VoterState,
  root: LedgerId,
  seqs: Ranges,
): Generator<ForkedOutcomes> {
  for (const run of voter.forks.get(root) ?? []) {
    const ledger = voter.ledgers.get(run.ledger)
    const { shift } = run.fork
    const here = shifted(intersect(seqs, [run.first + shift, run.count]), -shift)
    if (ledger === undefined || here.length === 0) continue
    for (const values of valuesOf(ledger, intersect(here, ledger.settled))) {
      yield firstNames(root, run, values)
    }
  }
}

/** Which of some tasks are settled in later generations whose outcomes are not kept any more. */
export function laterCollected(voter: VoterState, root: LedgerId, seqs: Ranges): CollectedSets {
  const found = noneCollected()
  for (const { ledger, first, count, fork } of voter.forks.get(root) ?? []) {
    const { shift } = fork
    const here = shifted(intersect(seqs, [first + shift, count]), -shift)
    const held = here.length === 0 ? undefined : voter.ledgers.get(ledger)
    if (held === undefined) continue
    const some = pickCollected(held.collected, here)
    for (const kind of collectedKinds) addRuns(found[kind], shifted(some[kind], shift))
  }
  return found
}

/** First names of what is collected of a ledger, by the ledgers that these are of. */
export function* firstNamesOf(
  voter: VoterState,
  ledger: LedgerId,
  collected: Collected,
): Generator<{ readonly root: LedgerId; readonly collected: CollectedSets }> {
  for (const [root, { first, count, fork }] of runsIn(voter, ledger)) {
    const some = pickCollected(collected, [first, count])
    if (isNothing(some)) continue
    const named = noneCollected()
    for (const kind of collectedKinds) addRuns(named[kind], shifted(some[kind], fork.shift))
    yield { root, collected: named }
  }
}

/** Outcomes as those who know only the first generation wait for them. */
export function* asFirstGeneration(
  voter: VoterState,
  ledger: LedgerId,
  values: Values,
): Generator<ForkedOutcomes> {
  for (const [root, run] of runsIn(voter, ledger)) {
    const part = pickValues(values, [run.first, run.count])
    if (part !== undefined) yield firstNames(root, run, part)
  }
}

/** Tasks of a ledger that were others before, with the ledger of the first ones. */
function* runsIn(voter: VoterState, ledger: LedgerId): Generator<readonly [LedgerId, ForkRun]> {
  for (const [root, runs] of voter.forks) {
    for (const run of runs) if (run.ledger === ledger) yield [root, run]
  }
}

function firstNames(root: LedgerId, { ledger, fork }: ForkRun, values: Values): ForkedOutcomes {
  const { shift, generation } = fork
  return {
    ledger: root,
    values: { ...values, seqs: shifted(values.seqs, shift) },
    fork: { ledger, shift: -shift, generation },
  }
}

function shifted(seqs: Ranges, by: number): number[] {
  return seqs.map((number, i) => (i % 2 === 0 ? number + by : number))
}
