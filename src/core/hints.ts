import type { LedgerId, Millis } from './ids.ts'
import { addRuns, removeRuns } from './intervals.ts'
import type { Backlog, LedgerInfo, TaskClass } from './messages.ts'
import { countOf, type Ranges } from './ranges.ts'

/** Ledgers of others that a node remembers open tasks of. */
export const maxHintLedgers = 1_024

/** Runs that are remembered per class; what is beyond is heard of again. */
const maxHintRuns = 4_096

/** Open tasks of one class in somebody else's ledger, as far as hearsay goes. */
export interface HintClass extends TaskClass {
  readonly seqs: number[]
  /** Each next worker may claim so long after this; the one they were offered to, at once. */
  seenAt: Millis
  /** When the oldest of them was published. */
  publishedAt: Millis
}

/** What is known of a ledger that this node does not vote in. */
export interface HintLedger {
  info: LedgerInfo
  readonly classes: Map<string, HintClass>
  heardAt: Millis
}

/** Ledgers that this node does not vote in. */
export type Hints = Map<LedgerId, HintLedger>

/** Learns of open tasks. */
export function addHint(
  hints: Hints,
  info: LedgerInfo,
  classes: readonly Backlog[],
  now: Millis,
  offered = false,
): void {
  let hint = hints.get(info.ledger)
  if (hint === undefined || hint.info.epoch < info.epoch) {
    if (hints.size >= maxHintLedgers) forgetOldest(hints)
    hints.set(info.ledger, (hint = { info, classes: new Map(), heardAt: now }))
  }
  hint.heardAt = now
  for (const backlog of classes) {
    const { queue, priority, requires, ageMs, seqs } = backlog
    const key = keyOf(backlog)
    let known = hint.classes.get(key)
    if (known === undefined) {
      const publishedAt = now - ageMs
      known = { queue, priority, requires, seqs: [], seenAt: now, publishedAt }
      hint.classes.set(key, known)
    }
    if (known.seqs.length === 0) {
      known.seenAt = offered ? -Infinity : now
      known.publishedAt = now - ageMs
    }
    if (known.seqs.length < maxHintRuns) addRuns(known.seqs, seqs)
  }
}

function forgetOldest(hints: Hints): void {
  let oldest: LedgerId | undefined
  let heardAt = Infinity
  for (const [ledger, hint] of hints) {
    if (hint.heardAt >= heardAt) continue
    oldest = ledger
    heardAt = hint.heardAt
  }
  if (oldest !== undefined) hints.delete(oldest)
}

/** Forgets tasks that somebody holds or that are settled. */
export function dropHint(hints: Hints, ledger: LedgerId, seqs: Ranges): void {
  const hint = hints.get(ledger)
  if (hint === undefined) return
  for (const [key, known] of hint.classes) {
    removeRuns(known.seqs, seqs)
    if (known.seqs.length === 0) hint.classes.delete(key)
  }
}

/** Forgets all tasks of some classes: whoever is asked for one has none. */
export function dropClasses(hints: Hints, ledger: LedgerId, classes: readonly TaskClass[]): void {
  for (const taskClass of classes) hints.get(ledger)?.classes.delete(keyOf(taskClass))
}

function keyOf({ queue, priority, requires }: TaskClass): string {
  return `${priority}|${requires}|${queue}`
}

/** How many tasks are known of. */
export function hintedCount(hints: Hints): number {
  let count = 0
  for (const { classes } of hints.values()) {
    for (const { seqs } of classes.values()) count += countOf(seqs)
  }
  return count
}
