import { type Collected, isNothing, pickCollected } from './collected.ts'
import type { LedgerId, PeerId } from './ids.ts'
import type { Ledger } from './ledger.ts'
import { type Outbox, send } from './outbox.ts'
import type { Ranges } from './ranges.ts'
import type { VoterState } from './voter.ts'

/** Tells a peer which of some tasks are collected here. */
export function tellCollected(
  outbox: Outbox,
  to: PeerId,
  { info, end, collected }: Pick<Ledger, 'info' | 'end'> & { readonly collected: Collected },
  seqs: Ranges,
): void {
  const some = pickCollected(collected, seqs)
  if (isNothing(some)) return
  const { ledger, epoch } = info
  send(outbox, to, { type: 'collected', ledger, epoch, end, ...shortened(some) })
}

/** Tells a peer which of some tasks are collected in a later generation. */
export function tellLater(
  outbox: Outbox,
  to: PeerId,
  ledger: LedgerId,
  collected: Collected,
  seqs: Ranges,
): void {
  const some = pickCollected(collected, seqs)
  if (isNothing(some)) return
  send(outbox, to, { type: 'collected-later', ledger, ...shortened(some) })
}

/** Runs of a set that one message tells at the most; the next comparison tells more. */
const maxRuns = 3_000

function shortened(collected: Collected): Collected {
  const { done, failed, cancelled, forgotten } = collected
  const some = (seqs: Ranges): Ranges => seqs.slice(0, maxRuns * 2)
  return {
    done: some(done),
    failed: some(failed),
    cancelled: some(cancelled),
    forgotten: some(forgotten),
  }
}

/** Answers whoever speaks of a ledger of which nothing is left. Returns whether it is one. */
export function tellRetired(
  voter: VoterState,
  outbox: Outbox,
  to: PeerId,
  ledger: LedgerId,
  seqs?: Ranges,
): boolean {
  const retired = voter.retention.retired.get(ledger)
  if (retired === undefined) return false
  const { epoch, end, collected } = retired
  const some = seqs === undefined ? collected : pickCollected(collected, seqs)
  send(outbox, to, { type: 'collected', ledger, epoch, end, ...some })
  return true
}
