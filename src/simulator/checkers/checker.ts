import type { History } from '../history.ts'
import { Observer } from '../observer.ts'

/** A property that did not hold. */
export interface Violation {
  /** `S1` … `S10` of the protocol, or a word for what has no number. */
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
  /** Whether no clock is wrong and no process is ever paused. */
  readonly saneClocks: boolean
  /** Whether nothing at all goes wrong. */
  readonly faultFree: boolean
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

  protected violation(property: string, message: string): void {
    this.context.report({ property, atMs: this.context.now(), message })
  }
}
