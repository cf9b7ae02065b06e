import type { PeerId, StorageId } from './ids.ts'
import type { LedgerInfo } from './messages.ts'

/** How many of `voters` are a majority. */
export function majorityOf(voters: number): number {
  return (voters >>> 1) + 1
}

/** How many bits of a mask of up to 32 voters are set. */
export function bitsIn(mask: number): number {
  let bits = 0
  for (let rest = mask; rest !== 0; rest &= rest - 1) bits += 1
  return bits
}

/** A peer's place in a ledger's list of voters, or −1. */
export function voterIndex(info: LedgerInfo, peer: PeerId): number {
  const { voters } = info
  for (let i = 0; i < voters.length; i++) if (voters[i]?.peer === peer) return i
  return -1
}

/** The place of the first voter that is among some peers, or −1. */
export function firstUp({ voters }: LedgerInfo, up: ReadonlySet<PeerId>): number {
  return voters.findIndex(({ peer }) => up.has(peer))
}

/**
 * Whether a peer votes with the storage that it has now: without its old one it is somebody else, and one of those
 * that do not know the ledger, by a bit mask, has an old copy of it.
 */
export function votesWith(
  info: LedgerInfo,
  unknownTo: number,
  peer: PeerId,
  storageId: StorageId,
): boolean {
  const index = voterIndex(info, peer)
  return info.voters[index]?.storageId === storageId && (unknownTo & (1 << index)) === 0
}
