import { addRecords } from './claim-records.ts'
import { type Claiming, createClaiming } from './claim.ts'
import type { Millis } from './ids.ts'
import { takesOn } from './idle-worker.ts'
import type { DirectGrant } from './direct-grant.ts'
import type { Chunk, Store } from './messages.ts'
import { sawCounter } from './proposer.ts'
import type { Machine } from './state.ts'

/**
 * A producer has claimed new tasks for this worker: the voters answer as if it had asked them
 * itself. What it does not take on it gives back, since then their grants belong to no claim.
 */
export function onDirectGrant(machine: Machine, { grant, chunks }: Store, now: Millis): void {
  const [chunk] = chunks
  if (grant === undefined || chunk === undefined || chunks.length > 1) return
  if (grant.ballot.proposer !== machine.node || !isFresh(machine, grant)) return
  if (!takesOn(machine, chunk.spec, chunk.count)) return
  const { proposer } = machine
  const claiming = claimOf(grant, chunk, grant.info.producer === machine.node, now)
  proposer.claims.set(claiming.id, claiming)
  proposer.byBallot.set(`${grant.info.ledger}|${grant.ballot.counter}`, claiming)
  sawCounter(proposer, grant.info.ledger, grant.ballot.counter)
}

/** A ballot is never used for a second claim: neither one of this node's own nor another's. */
function isFresh({ proposer }: Machine, { info, ballot, claimId }: DirectGrant): boolean {
  return ballot.counter > (proposer.counters.get(info.ledger) ?? 0) && !proposer.claims.has(claimId)
}

/** To a producer that claims its own tasks the time is known at which it has asked their voters. */
function claimOf(
  { info, claimId, ballot }: DirectGrant,
  chunk: Chunk,
  own: boolean,
  now: Millis,
): Claiming {
  const claiming = createClaiming({
    id: claimId,
    info,
    ballot,
    intent: 'run',
    any: [],
    anyCount: 0,
    sequential: false,
    startedAt: now,
    seqs: [chunk.first, chunk.count],
    cancel: undefined,
    hand: undefined,
    tries: 0,
    queue: chunk.spec.queue,
    direct: !own,
  })
  if (own) claiming.sentAt.fill(now)
  claiming.asked = (1 << info.voters.length) - 1
  addRecords(claiming, [chunk], now)
  return claiming
}
