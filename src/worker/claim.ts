import { contains, type Ranges } from '../core/ranges.ts'
import type { Lane } from './lane.ts'
import type { Outcome } from './outcome.ts'
import { Results } from './results.ts'

/** A started run that is not over. */
export interface Running {
  /** Stops it; its result counts no more. */
  abort(reason: string): void
  /** Called when it takes no slot any more. */
  release?(): void
}

/** What a run is told to do with its end. */
export interface RunOwner {
  /** The run's outcome is known. At most once per run, and never after an abort. */
  ended(place: RunPlace, outcome: Outcome): void
  /** The run takes no slot any more. Once per run. */
  over(place: RunPlace): void
  warn(message: string): void
}

/** Where a run belongs. */
export interface RunPlace {
  readonly claim: Claim
  readonly lane: Lane
  readonly seq: number
}

/** What was granted under one ballot of one ledger and is not over. */
export class Claim {
  readonly ledger: string
  readonly token: number
  readonly results = new Results()
  /** Runs that have started, by sequence number; of handlers without promises none. */
  readonly running = new Map<number, Running>()

  constructor(ledger: string, token: number) {
    this.ledger = ledger
    this.token = token
  }

  /** Stops runs that have started, and forgets results that have not been given out. */
  abort(seqs: Ranges, reason: string): void {
    if (!this.results.empty) this.results.drop(seqs)
    for (const [seq, running] of this.running) {
      if (contains(seqs, seq)) running.abort(reason)
    }
  }

  /** Stops all that has started. */
  stop(reason: string): void {
    for (const running of this.running.values()) running.abort(reason)
  }
}
