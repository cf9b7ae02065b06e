import { unconfirmedMs } from '../../core/claim.ts'
import type { PeerId } from '../../core/ids.ts'
import type { Message } from '../../core/messages.ts'
import type { Actor } from '../observer.ts'
import type { RunHistory } from '../task-history.ts'
import { RunChecker } from './run-checker.ts'

/** How late the timer may be that ends a run which no voter has confirmed, in milliseconds. */
const slackMs = 50

/** Two runs of one task, of which one may not have been confirmed yet. */
interface Overlap {
  readonly run: RunHistory
  readonly other: RunHistory
  /** When it must have been. */
  readonly until: number
}

/**
 * S9: at most one holder believes in its lease, from the run effect until it is told to stop,
 * has finished or is dead. Holds where clocks can be trusted; elsewhere it only saves work. Who runs
 * by a claim that a producer has made cannot know how long that was on its way, and believes in it
 * only once a voter has renewed it.
 */
export class OneHolder extends RunChecker {
  #overlaps: Overlap[] = []

  protected override begun(run: RunHistory): void {
    if (this.context.disturbed.clocks) return
    const now = this.context.now()
    for (const other of run.task.runs) {
      if (other === run || other.endedAt < Infinity) continue
      const until = Math.max(confirmedAt(run), confirmedAt(other))
      if (until > now) this.#overlaps.push({ run, other, until })
      else this.#report(run, other)
    }
  }

  override asked(_actor: Actor, _to: PeerId, _message: Message): void {
    if (this.#overlaps.length === 0) return
    const now = this.context.now()
    const left = this.#overlaps.filter(({ run, other }) => {
      return run.endedAt === Infinity && other.endedAt === Infinity
    })
    this.#overlaps = left.filter(({ until }) => until > now)
    for (const { run, other, until } of left) if (until <= now) this.#report(run, other)
  }

  #report(run: RunHistory, other: RunHistory): void {
    if (this.context.disturbed.clocks) return
    this.violation(
      'S9',
      `${run.task.name} runs on ${run.peer} with token ${run.token} while ${other.peer} ` +
        `runs it with token ${other.token}`,
      run.task.ledger,
    )
  }
}

/** By when a voter has confirmed a run, or it has ended. */
function confirmedAt({ direct, at }: RunHistory): number {
  return direct ? at + unconfirmedMs + slackMs : at
}
