import { peerOf } from '../../core/ids.ts'
import type { Chosen, Retry, TaskHistory } from '../task-history.ts'
import type { ValueFacts } from '../value-digest.ts'
import { Checker, type CheckerContext } from './checker.ts'

/**
 * S4: outcomes are valid. A result was returned by a run of that task on the peer it names, a
 * cancelled task was asked to be cancelled for that reason, a failed one has reached its limit, and
 * on the way there every failure counts.
 */
export class OutcomesAreValid extends Checker {
  constructor(context: CheckerContext) {
    super(context)
    const { onChosen, onRetry } = context.history
    context.history.onRetry = (task, retry) => {
      onRetry(task, retry)
      this.#count(task, retry)
    }
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

  /** Of two claims that each end in a failure the later one counts that of the earlier one. */
  #count(task: TaskHistory, retry: Retry): void {
    const { counter, failures } = retry
    if (task.retries.some(it => it.counter === counter)) return
    for (const other of task.retries) {
      // Whoever was not answered settles the same value once more.
      if (other.digest === retry.digest) continue
      if (Math.sign(other.counter - counter) === Math.sign(other.failures - failures)) continue
      const [first, then] = [other, retry].sort((a, b) => a.counter - b.counter) as [Retry, Retry]
      const message = `${task.name} has failed ${first.failures} times, later ${then.failures} times`
      this.violation('S4', message, task.ledger)
    }
    task.retries.push(retry)
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
      case 'deliveries':
        return this.#deliveryFault(task)
      case 'expired':
        return this.#expiryFault(task)
      case '':
        return 'nothing leads to that'
      default:
        return reason satisfies never
    }
  }

  /**
   * Grants stand for runs. Without one they count where their proposer has died, or has not had a turn
   * since, or where a voter has not heard that it gave up. Its own voter hears of that at once.
   */
  #deliveryFault(task: TaskHistory): string {
    const counted = [...task.grants].filter(([key, voters]) => {
      if (task.runs.some(run => run.ballotKey === key)) return true
      const proposer = this.history.proposerOf(key)
      if (proposer === undefined) return true
      if (!this.history.hasActedSince(proposer, task.ledger, key)) return true
      const countedBy = voters | (task.takenOver.get(key) ?? 0)
      if ((countedBy & (task.unheard.get(key) ?? 0)) !== 0) return true
      return (voters & task.ledger.bitOfPeer(peerOf(proposer))) === 0
    })
    const { length } = counted
    // That of the claim that fails it counts, too.
    const isSpent = length >= this.context.maxDeliveries
    return isSpent ? '' : `only ${length} grants of it stand for a run`
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
