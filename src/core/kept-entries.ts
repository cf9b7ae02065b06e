import { collectedKinds, noneCollected, pickCollected } from './collected.ts'
import type { CollectedEntry, Entry, RetiredEntry } from './entries.ts'
import type { Millis } from './ids.ts'
import type { Ledger } from './ledger.ts'
import { collect } from './retention.ts'
import { dropLedger } from './office.ts'
import { closeRegisters, setRetired } from './retire.ts'
import { outcomesOf } from './voter-compare.ts'
import { valuesOf, type VoterState } from './voter.ts'

/* How it is written down what is kept of settled tasks, and for how long it has been. */

/** Runs that one entry of a checkpoint says to be collected. */
const maxCollectedRuns = 8_000

/** A moment by the wall clock; now if it was not written down, or the clock was set back. */
export function wasAt(voter: VoterState, wallMs: number | undefined, now: Millis): Millis {
  return wallMs === undefined ? now : Math.min(now, wallMs - voter.wallOffsetMs)
}

/** Forgets again what had been collected. */
export function replayCollected(voter: VoterState, ledger: Ledger, entry: CollectedEntry): void {
  const news = pickCollected(entry, ledger.settled, 'without')
  for (const kind of collectedKinds) closeRegisters(voter, ledger, news[kind], kind)
  collect(voter, ledger, entry)
}

/** Forgets a ledger again of which nothing is left. */
export function replayRetired(voter: VoterState, entry: RetiredEntry, now: Millis): void {
  const ledger = voter.ledgers.get(entry.ledger)
  if (ledger !== undefined) dropLedger(voter, ledger)
  setRetired(voter, entry, wasAt(voter, entry.retiredWallMs, now))
}

/** Outcomes that are kept, with the time that they have been kept for. */
export function* checkpointOutcomes(voter: VoterState, ledger: Ledger): Generator<Entry> {
  const { ledger: id } = ledger.info
  for (const { ledger: of, seqs, settledAt } of voter.retention.batches) {
    if (of !== id) continue
    const settledWallMs = Math.round(settledAt + voter.wallOffsetMs)
    for (const outcome of outcomesOf(ledger, seqs)) {
      for (const values of valuesOf(ledger, outcome.seqs)) {
        const range = { ...outcome, seqs: values.seqs, values: [values] }
        yield { type: 'settled', ledger: id, outcomes: [range], settledWallMs }
      }
    }
  }
}

/** How collected tasks have ended, in entries that stay within the limits of the codec. */
export function* checkpointCollected({ info, collected }: Ledger): Generator<Entry> {
  for (const kind of collectedKinds) {
    const runs = collected[kind]
    for (let at = 0; at < runs.length; at += maxCollectedRuns * 2) {
      const some = runs.slice(at, at + maxCollectedRuns * 2)
      yield { type: 'collected', ledger: info.ledger, ...noneCollected(), [kind]: some }
    }
  }
}

/** Ledgers of which nothing is left. */
export function* checkpointRetired(voter: VoterState): Generator<Entry> {
  for (const [ledger, { epoch, end, retiredAt, collected }] of voter.retention.retired) {
    const { failed, cancelled, forgotten } = collected
    const retiredWallMs = Math.round(retiredAt + voter.wallOffsetMs)
    yield { type: 'retired', ledger, epoch, end, retiredWallMs, failed, cancelled, forgotten }
  }
}
