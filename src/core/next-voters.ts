import type { Millis } from './ids.ts'
import { ableVoters, type Membership, settledMs } from './membership.ts'
import type { LedgerInfo, Voter } from './messages.ts'
import { majorityOf } from './quorum.ts'
import { hashText, mix } from './random.ts'

/** How long a voter must be gone before another one takes its place, in milliseconds. */
export const replaceMs = 60_000

/** Who looks for other voters, and what it goes by. */
export interface Outlook {
  readonly members: Membership
  readonly self: Voter
  /** How many voters a ledger is to have. */
  readonly wanted: number
  /** When this node has begun to see who is there. */
  readonly startedAt: Millis
  /** Whether this node is about to stop. */
  readonly isLeaving: boolean
}

/**
 * Who should keep a ledger instead of its present voters, if somebody should: more of them, where
 * enough peers have stayed a while; others for those that are gone, have lost their storage or are
 * about to stop. Who stays keeps its place. Never fewer than there are.
 */
export function nextVoters(
  outlook: Outlook,
  { ledger, voters }: LedgerInfo,
  now: Millis,
): readonly Voter[] | undefined {
  const { members, self, wanted, isLeaving } = outlook
  const stay = voters.filter(voter => {
    return voter.peer === self.peer ? !isLeaving : !isGone(outlook, voter, now)
  })
  const size = Math.max(voters.length, oddUpTo(wanted))
  if (stay.length >= size) return undefined
  const up = voters.filter(voter => isUp(outlook, voter)).length
  // Without them nothing can be decided.
  if (up < majorityOf(voters.length)) return undefined
  const salt = hashText(ledger)
  const others = [...ableVoters(members, now)]
    .filter(({ peer, hello }) => hello.changes && !stay.some(one => one.peer === peer))
    .map(({ peer, hash, hello, upSince }) => ({
      voter: { peer, storageId: hello.storageId },
      settled: now - upSince >= settledMs ? 1 : 0,
      weight: mix(salt, hash),
    }))
    .sort((a, b) => b.settled - a.settled || b.weight - a.weight)
  const settled = others.filter(other => other.settled === 1).length
  // More of them only if they have stayed a while; a place that is free is filled at once.
  const grown = oddUpTo(Math.min(size, stay.length + settled))
  const count = grown > voters.length ? grown : voters.length
  if (count === stay.length || stay.length + others.length < count) return undefined
  return [...stay, ...others.slice(0, count - stay.length).map(({ voter }) => voter)]
}

function oddUpTo(count: number): number {
  return count - ((count + 1) % 2)
}

function isUp({ members, self }: Outlook, { peer, storageId }: Voter): boolean {
  if (peer === self.peer) return true
  const known = members.peers.get(peer)
  return known?.up === true && known.hello?.storageId === storageId
}

/** A peer that has another storage by now is somebody else: the voter does not come back. */
function isGone({ members, startedAt }: Outlook, { peer, storageId }: Voter, now: Millis): boolean {
  const known = members.peers.get(peer)
  const hello = known?.up === true ? known.hello : undefined
  if (hello !== undefined) return !hello.guest && hello.storageId !== storageId
  return known?.up !== true && now >= Math.max(startedAt, known?.upSince ?? 0) + replaceMs
}
