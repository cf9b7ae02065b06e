import type { Voter } from '../../core/messages.ts'
import type { Simulation } from '../simulation.ts'
import type { LedgerHistory } from '../task-history.ts'
import { type Debt, hasVotes, type Liveness, undecided } from './debt.ts'

/** How long a ledger may lack a voter that others could replace, in milliseconds. */
const healMsMax = 180_000

/**
 * L5: voter sets are whole again: where tasks are open, a voter that has lost its disk or is gone
 * for good is replaced, as long as there are others.
 */
export const voterSetsAreWhole: Liveness = function* (simulation, healedAt): Generator<Debt> {
  const ledgers = new Set<LedgerHistory>()
  for (const { ledger } of undecided(simulation)) ledgers.add(ledger)
  for (const ledger of ledgers) {
    const lacking = lackingIn(simulation, ledger)
    if (lacking.length === 0) continue
    const message = `ledger ${ledger.id.slice(0, 8)} lacks ${lacking.join()}`
    // Who is to vote next is decided by a majority, which handlers may have blocked.
    const since = simulation.now() - healMsMax
    yield {
      property: 'L5',
      message,
      overdue: since > healedAt && hasVotes(simulation, ledger, since),
    }
  }
}

/** Voters whose disks are gone, although there are nodes enough. */
function lackingIn({ nodes }: Simulation, ledger: LedgerHistory): string[] {
  const live = nodes.filter(({ guest, running }) => running && !guest)
  const voters = ledger.info?.voters ?? []
  if (live.length < voters.length) return []
  // Of an old copy that votes on nobody may know what it has lost.
  const isUsed = ({ storageId }: Voter): boolean =>
    nodes.some(node => node.actor?.storageId === storageId)
  return voters
    .filter(voter => (ledger.bitOf(voter) & ledger.lostBy) !== 0 && !isUsed(voter))
    .map(({ peer, storageId }) => `${peer} on ${storageId.slice(0, 8)}`)
}
