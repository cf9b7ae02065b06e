import type { Ballot } from './ballot.ts'
import { type Millis, type NodeId, peerOf } from './ids.ts'
import type { Ledger } from './ledger.ts'
import type { Claim, LedgerInfo, Store } from './messages.ts'
import type { Outbox } from './outbox.ts'
import { nextFraction, type Random } from './random.ts'
import type { Ranges } from './ranges.ts'
import { onClaim } from './voter-claim.ts'
import type { VoterState } from './voter.ts'

/*
 * A producer that knows an idle worker claims new tasks for it in the STORE that brings them: each
 * voter that takes the records in promises the worker's ballot as for a claim of its own, and
 * answers the worker. So a run begins one message after the publish, and by the same votes.
 */

/** A claim that a producer makes for an idle worker of tasks that nobody else knows yet. */
export interface DirectGrant {
  readonly info: LedgerInfo
  /** Drawn by the producer, above all that workers count themselves. */
  readonly claimId: number
  /** The worker's: nobody has drawn its counter in this ledger. */
  readonly ballot: Ballot
}

/** Ids of claims that producers draw; those that a worker counts itself are below. */
const firstDirectId = 2 ** 31

/** A claim for a worker, under a counter that no voter has seen yet. */
export function grantTo(ledger: Ledger, worker: NodeId, random: Random): DirectGrant {
  ledger.counter += 1
  const claimId = firstDirectId + Math.floor(nextFraction(random) * firstDirectId)
  return { info: ledger.info, claimId, ballot: { counter: ledger.counter, proposer: worker } }
}

/** Answers the claim in a STORE for tasks that were taken in just now. */
export function grantDirectly(
  voter: VoterState,
  outbox: Outbox,
  { ledger, epoch }: Pick<Store, 'ledger' | 'epoch'>,
  { claimId, ballot }: DirectGrant,
  seqs: Ranges,
  now: Millis,
): void {
  const claim: Claim = {
    type: 'claim',
    ledger,
    epoch,
    claimId,
    ballot,
    intent: 'run',
    seqs,
    any: [],
    anyCount: 0,
    records: false,
    idle: false,
  }
  onClaim(voter, outbox, peerOf(ballot.proposer), claim, now)
}

/** Whether a claim was made by a producer for its worker. */
export function isDirect(claimId: number): boolean {
  return claimId >= firstDirectId
}
