import type { History } from '../history.ts'
import { Observer } from '../observer.ts'
import type { LedgerHistory } from '../task-history.ts'

/** A property that did not hold. */
export interface Violation {
  /** `S1` … `S11` or `L1` … `L7`, or a word for what has no number. */
  readonly property: string
  /** Virtual time, in milliseconds. */
  readonly atMs: number
  readonly message: string
}

/** What every checker knows. */
export interface CheckerContext {
  readonly history: History
  readonly now: () => number
  readonly report: (violation: Violation) => void
  readonly maxDeliveries: number
  readonly disturbed: Disturbed
}

/** What has gone wrong so far, as far as it excuses something. */
export interface Disturbed {
  /** Anything at all: not even a run too many is excused without. */
  any: boolean
  /** A clock was wrong, or a process did not run when it was time to. */
  clocks: boolean
}

/** Watches one property. Told of everything after the history has taken it in. */
export abstract class Checker extends Observer {
  protected readonly context: CheckerContext

  constructor(context: CheckerContext) {
    super()
    this.context = context
  }

  protected get history(): History {
    return this.context.history
  }

  /** Reports, unless what it is about has lost the disks of a majority: nothing is promised then. */
  protected violation(property: string, message: string, ledger?: LedgerHistory): void {
    if (ledger?.isLost === true) return
    this.context.report({ property, atMs: this.context.now(), message })
  }
}
