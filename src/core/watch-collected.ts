import {
  addCollected,
  allCollected,
  type Collected,
  collectedKinds,
  type CollectedSets,
  isNothing,
  noneCollected,
  pickCollected,
} from './collected.ts'
import type { LedgerId, Millis, PeerId } from './ids.ts'
import { removeRuns } from './intervals.ts'
import type { Ledger } from './ledger.ts'
import type { Outbox } from './outbox.ts'
import { intersect, type Ranges, subtract } from './ranges.ts'
import { tellCollected, tellLater } from './tell-collected.ts'
import type { VoterState } from './voter.ts'
import type { WatchState } from './watch.ts'

/** How long others have to give an outcome that somebody does not keep any more, in milliseconds. */
export const elsewhereMs = 2_000

/** What somebody does not keep any more, and since when that is known. */
export interface HeardCollected {
  readonly ledger: LedgerId
  /** Whether it is settled in a later generation. */
  readonly later: boolean
  readonly sets: CollectedSets
  readonly since: Millis
}

/** Which of some tasks this voter has collected. */
export function collectedHere(voter: VoterState, id: LedgerId, seqs: Ranges): CollectedSets {
  const held = voter.ledgers.get(id)
  if (held !== undefined) return pickCollected(held.collected, seqs)
  const retired = voter.retention.retired.get(id)
  return retired === undefined ? noneCollected() : pickCollected(retired.collected, seqs)
}

/** Somebody does not keep outcomes any more that the application waits for. Others may. */
export function hearCollected(
  watch: WatchState,
  ledger: LedgerId,
  collected: Collected,
  now: Millis,
  later = false,
): void {
  const waiting = watch.application.get(ledger)
  const some = waiting === undefined ? noneCollected() : pickCollected(collected, waiting.seqs)
  if (isNothing(some)) return
  const key = later ? `${ledger} later` : ledger
  const before = watch.collected.get(key)
  if (before === undefined) watch.collected.set(key, { ledger, later, sets: some, since: now })
  else addCollected(before.sets, some)
}

/** Tells the application what nobody has given the outcome of, though they were all asked. */
export function giveUpCollected(watch: WatchState, outbox: Outbox, now: Millis): void {
  for (const [key, { ledger, later, sets, since }] of watch.collected) {
    if (now < since + elsewhereMs) continue
    watch.collected.delete(key)
    const waiting = watch.application.get(ledger)
    if (waiting === undefined) continue
    for (const kind of collectedKinds) {
      const seqs = intersect(sets[kind], waiting.seqs)
      removeRuns(waiting.seqs, seqs)
      if (seqs.length === 0) continue
      outbox.effects.push({ type: 'outcomes-collected', ledger, kind, seqs, later })
    }
    if (waiting.seqs.length === 0) watch.application.delete(ledger)
  }
}

/** Tells everybody who waits that tasks are settled whose outcome this voter has never had. */
export function tellNews(
  watch: WatchState,
  outbox: Outbox,
  { info, end }: Pick<Ledger, 'info' | 'end'>,
  collected: Collected,
  own: boolean,
  now: Millis,
): void {
  const { ledger } = info
  tellWaiting(watch, ledger, collected, (peer, seqs) => {
    tellCollected(outbox, peer, { info, end, collected }, seqs)
  })
  hearCollected(watch, ledger, collected, now)
  if (!own) return
  // Of its own tasks a node is told without asking.
  const waiting = watch.application.get(ledger)?.seqs ?? []
  for (const kind of collectedKinds) {
    const seqs = subtract(collected[kind], waiting)
    if (seqs.length === 0) continue
    outbox.effects.push({ type: 'outcomes-collected', ledger, kind, seqs, later: false })
  }
}

/** Tells the same to everybody who waits for them by their first names. */
export function tellLaterNews(
  watch: WatchState,
  outbox: Outbox,
  root: LedgerId,
  collected: Collected,
  now: Millis,
): void {
  tellWaiting(watch, root, collected, (peer, seqs) => {
    tellLater(outbox, peer, root, collected, seqs)
  })
  hearCollected(watch, root, collected, now, true)
}

/** Tells each peer that waits; for what is collected nobody waits any more. */
function tellWaiting(
  watch: WatchState,
  ledger: LedgerId,
  collected: Collected,
  tell: (peer: PeerId, seqs: Ranges) => void,
): void {
  const peers = watch.peers.get(ledger)
  for (const [peer, { seqs }] of peers ?? []) {
    tell(peer, seqs)
    removeRuns(seqs, allCollected(collected))
    if (seqs.length === 0) peers?.delete(peer)
  }
}
