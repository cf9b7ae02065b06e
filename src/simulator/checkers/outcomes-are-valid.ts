import type { Chosen, TaskHistory } from '../task-history.ts'
import type { ValueFacts } from '../value-digest.ts'
import { Checker, type CheckerContext } from './checker.ts'

/**
 * S4: outcomes are valid. A result was returned by a run of that task on the peer it names, a
 * cancelled task was asked to be cancelled for that reason, a failed one has reached its limit.
 */
export class OutcomesAreValid extends Checker {
  constructor(context: CheckerContext) {
    super(context)
    const { onChosen } = context.history
    context.history.onChosen = (task, chosen) => {
      onChosen(task, chosen)
      this.#validate(task, chosen)
    }
  }

  #validate(task: TaskHistory, { digest }: Chosen): void {
    const facts = this.history.digests.factsOf(digest)
    const wrong = facts === undefined ? 'nothing is known of it' : this.#faultOf(task, facts)
    if (wrong === '') return
    const { digests } = this.history
    const message = `${task.name} is ${digests.describe(digest)}, but ${wrong}`
    this.violation('S4', message, task.ledger)
  }

  #faultOf(task: TaskHistory, facts: ValueFacts): string {
    switch (facts.kind) {
      case 'pending':
        return 'that is no outcome'
      case 'done': {
        const by = task.results.get(facts.bodyDigest)
        if (by === undefined) return 'no run returned that'
        return by === facts.by ? '' : `${by} returned that`
      }
      case 'cancelled':
        return task.cancelReasons.has(facts.bodyDigest) ? '' : 'nobody asked for that'
      case 'failed':
        return this.#reasonFault(task, facts)
      default:
        return facts.kind satisfies never
    }
  }

  #reasonFault(task: TaskHistory, { reason }: ValueFacts): string {
    const attempts = task.spec?.attempts ?? Infinity
    const thrown = task.errors >= attempts ? '' : `it threw ${task.errors} of ${attempts} times`
    switch (reason) {
      case 'attempts':
        return thrown
      case 'timeout':
        return task.ends.has('timeout') ? thrown : 'no run took too long'
      case 'unrecoverable':
      case 'result':
        return task.ends.has(reason) ? '' : 'no run ended so'
      case 'deliveries': {
        const { size } = task.grants
        return size > this.context.maxDeliveries ? '' : `it was granted ${size} times`
      }
      case 'expired':
        return this.#expiryFault(task)
      case '':
        return 'nothing leads to that'
      default:
        return reason satisfies never
    }
  }

  #expiryFault({ startBy, endBy }: TaskHistory): string {
    const by = Math.min(startBy, endBy)
    if (by === Infinity) return 'it has no limit'
    // A clock that is wrong, or was set while the machine was down, tells another time.
    const early = by - this.context.now()
    const isSane = !this.context.disturbed.clocks
    return isSane && early > roundingMs ? `its time is up in ${early} ms` : ''
  }
}

/** Limits travel in whole milliseconds. */
const roundingMs = 2
