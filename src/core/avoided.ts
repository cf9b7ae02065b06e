import type { Millis } from './ids.ts'
import { countOf, type Ranges, subtract, union } from './ranges.ts'

/** Sets of tasks per ledger that are left alone, each until a time of its own. */
const maxAvoided = 64

/** Tasks that are left alone for a while: somebody else has just won them. */
export interface Avoided {
  readonly seqs: Ranges
  readonly until: Millis
}

/** Leaves some more tasks alone. Sets whose time is over are forgotten. */
export function avoidUntil(list: Avoided[], seqs: Ranges, until: Millis, now: Millis): void {
  const rest = list.filter(avoided => avoided.until > now)
  list.splice(0, list.length, ...rest, { seqs, until })
  if (list.length <= maxAvoided) return
  // What was forgotten would be claimed again at once: two that end soon are kept as one.
  const [first, second] = list.splice(0, 2) as [Avoided, Avoided]
  list.unshift({
    seqs: union(first.seqs, second.seqs),
    until: Math.max(first.until, second.until),
  })
}

/** What of some tasks is not left alone, and when more of them is not. */
export function withoutAvoided(
  list: readonly Avoided[],
  seqs: Ranges,
  now: Millis,
): { open: Ranges; wakeAt: Millis } {
  let open = seqs
  let wakeAt = Infinity
  for (const { seqs: avoided, until } of list) {
    if (until <= now) continue
    const rest = subtract(open, avoided)
    if (countOf(rest) < countOf(open)) wakeAt = Math.min(wakeAt, until)
    open = rest
  }
  return { open, wakeAt }
}
