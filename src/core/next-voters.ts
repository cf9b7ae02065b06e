import type { LedgerId, Millis } from './ids.ts'
import { ableVoters, majorityIsHere, type Membership, settledMs } from './membership.ts'
import type { LedgerInfo, Voter } from './messages.ts'
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
  // Without them nothing can be decided.
  if (!majorityIsHere(members, self, voters)) return undefined
  const others = candidatesFor(members, ledger, now).filter(({ voter }) => {
    return !stay.some(({ peer }) => peer === voter.peer)
  })
  const settled = others.filter(({ isSettled }) => isSettled).length
  // More of them only if they have stayed a while; a place that is free is filled at once.
  const grown = oddUpTo(Math.min(size, stay.length + settled))
  const count = grown > voters.length ? grown : voters.length
  if (count === stay.length || stay.length + others.length < count) return undefined
  return [...stay, ...others.slice(0, count - stay.length).map(({ voter }) => voter)]
}

/** A peer that may come to keep a ledger. */
interface Candidate {
  readonly voter: Voter
  /** Whether it has stayed a while. */
  readonly isSettled: boolean
  readonly weight: number
}

/** Peers that may come to keep a ledger: those that have stayed a while first, by rendezvous hashing. */
export function candidatesFor(members: Membership, ledger: LedgerId, now: Millis): Candidate[] {
  const salt = hashText(ledger)
  return [...ableVoters(members, now)]
    .filter(({ hello }) => hello.changes)
    .map(({ peer, hash, hello, upSince }) => ({
      voter: { peer, storageId: hello.storageId },
      isSettled: now - upSince >= settledMs,
      weight: mix(salt, hash),
    }))
    .sort((a, b) => Number(b.isSettled) - Number(a.isSettled) || b.weight - a.weight)
}

function oddUpTo(count: number): number {
  return count - ((count + 1) % 2)
}

/** A peer that has another storage by now is somebody else: the voter does not come back. */
function isGone({ members, startedAt }: Outlook, { peer, storageId }: Voter, now: Millis): boolean {
  const known = members.peers.get(peer)
  const hello = known?.up === true ? known.hello : undefined
  if (hello !== undefined) return !hello.guest && hello.storageId !== storageId
  return known?.up !== true && now >= Math.max(startedAt, known?.upSince ?? 0) + replaceMs
}
