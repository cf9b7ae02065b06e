import type { ClosedEntry } from './entries.ts'
import { type LedgerId, type PeerId, peerOf } from './ids.ts'
import type { Ledger } from './ledger.ts'
import type { LedgerInfo } from './messages.ts'
import { type Outbox, send } from './outbox.ts'
import { bitsIn, majorityOf, voterIndex } from './quorum.ts'
import type { VoterState } from './voter.ts'

/*
 * A ledger that others keep must end as any other, or it stays for ever. Only its producer knows where:
 * it says so again, also after a restart, until a majority of those who vote by now have written it down.
 */

/** Where a ledger of this node's own ends, and who has been told. */
export interface UntoldEnd {
  readonly end: number
  /** Voters that know it, by the epoch in which they said so; a bit mask. */
  epoch: number
  known: number
}

/** No voter keeps more ledgers of one producer; the oldest of more are given up. */
const maxEnds = 1_024

/** Remembers where a ledger ends that is forgotten here; −1 where that is not known. */
export function rememberEnd(
  voter: VoterState,
  { ledger, epoch, producer }: LedgerInfo,
  end: number,
): void {
  if (end < 0 || peerOf(producer) !== voter.peer) return
  voter.ends.set(ledger, { end, epoch, known: 0 })
  if (voter.ends.size <= maxEnds) return
  const [oldest] = voter.ends.keys()
  if (oldest !== undefined) voter.ends.delete(oldest)
}

/** Takes back where a ledger ends, whether it is held here or only that of others by now. */
export function replayEnd(voter: VoterState, held: Ledger | undefined, entry: ClosedEntry): void {
  if (held !== undefined) held.end = entry.end
  const info = voter.moved.get(entry.ledger)
  if (held === undefined && info !== undefined) rememberEnd(voter, info, entry.end)
}

/** Tells the voters of today where ledgers end, as long as that is news to them. */
export function tellEnds(voter: VoterState, outbox: Outbox, up: ReadonlySet<PeerId>): void {
  for (const [ledger, untold] of voter.ends) {
    const info = voter.moved.get(ledger)
    if (info === undefined) {
      voter.ends.delete(ledger)
      continue
    }
    const { epoch, voters } = info
    if (epoch > untold.epoch) Object.assign(untold, { epoch, known: 0 })
    for (const [index, { peer }] of voters.entries()) {
      if (!up.has(peer) || (untold.known & (1 << index)) !== 0) continue
      send(outbox, peer, { type: 'close', ledger, epoch, end: untold.end })
    }
  }
}

/** A voter has written down where a ledger ends, or has nothing left of it. */
export function sawEnd(
  voter: VoterState,
  from: PeerId,
  { ledger, epoch }: { readonly ledger: LedgerId; readonly epoch: number },
): void {
  const untold = voter.ends.get(ledger)
  const info = voter.moved.get(ledger)
  if (untold?.epoch !== epoch || info?.epoch !== epoch) return
  const index = voterIndex(info, from)
  if (index < 0) return
  untold.known |= 1 << index
  if (bitsIn(untold.known) >= majorityOf(info.voters.length)) voter.ends.delete(ledger)
}
