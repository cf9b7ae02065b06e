import { lose } from './ask.ts'
import { ASKING, type Claiming, FETCHING, tasksWhere } from './claim.ts'
import type { Millis } from './ids.ts'
import type { Outbox } from './outbox.ts'
import { endIfDone, type ProposerState } from './proposer.ts'
import { dropRuns } from './drop-runs.ts'
import { beatAll } from './renew.ts'

/** A wall clock that is so far ahead of the monotonic one says that the machine slept, in milliseconds. */
export const sleptMsMin = 1_000

/** How long voters have to say what a node that has slept still holds, in milliseconds. */
export const revalidateMs = 2_000

/**
 * While the machine slept its monotonic clock stood still, and those of the voters did not: what this
 * node believes of its leases is older by that much. Before anything else it asks the voters, who
 * lease to it again what nobody else has begun. What it has won and not started, or is only asking
 * for, it gives up; what runs goes on until they have answered.
 */
export function onSlept(
  proposer: ProposerState,
  outbox: Outbox,
  sleptMs: number,
  now: Millis,
): void {
  proposer.trustUntil = now + revalidateMs
  for (const claiming of proposer.claims.values()) {
    claiming.until.forEach((until, v) => (claiming.until[v] = until - sleptMs))
  }
  for (const beats of proposer.beats.values()) {
    // An answer to a beat from before the sleep says nothing of how long a lease still lasts.
    beats.waiting = []
    if (beats.at < Infinity) beats.at = now
  }
  beatAll(proposer, outbox, now)
  for (const claiming of [...proposer.claims.values()])
    giveUpUnstarted(proposer, outbox, claiming, now)
}

function giveUpUnstarted(
  proposer: ProposerState,
  outbox: Outbox,
  claiming: Claiming,
  now: Millis,
): void {
  if (claiming.intent !== 'run') return
  const won = tasksWhere(claiming, at => claiming.phase[at] === FETCHING)
  if (won.length > 0) dropRuns(proposer, outbox, claiming, won)
  const asking = tasksWhere(claiming, at => claiming.phase[at] === ASKING)
  if (asking.length > 0) lose(proposer, outbox, claiming, asking, now)
  endIfDone(proposer, claiming)
}
