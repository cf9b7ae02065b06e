import type { Millis } from './ids.ts'
import { addRun } from './intervals.ts'
import { chunkOfSeq, findPage, type Ledger, popDelayed, pushDelayed } from './ledger.ts'
import type { Chunk, Intent, LedgerInfo } from './messages.ts'
import { pushRun, type Ranges, subtract, take } from './ranges.ts'
import type { HeldChunk } from './records.ts'
import { OPEN } from './registers.ts'
import { finishMs, type VoterState } from './voter.ts'

/** Tasks that one claim of a voter is for, and all that it claims at once. */
const maxClaimTasks = 256
const maxAtOnce = 1_024

/** How soon the rest of many tasks whose time is up is looked at, in milliseconds. */
const restMs = 50

/** Open tasks whose time is up: an outcome must be proposed for them. */
export interface Expired {
  readonly info: LedgerInfo
  readonly seqs: Ranges
  /** `cancel` passes through leases; `run` is only granted where nobody holds one. */
  readonly intent: Extract<Intent, 'run' | 'cancel'>
}

/** Sees to it that the limits of tasks that have just become open are looked at. */
export function watchLimits(
  ledger: Ledger,
  { startBy, endBy }: Pick<HeldChunk, 'startBy' | 'endBy'>,
  first: number,
  count: number,
): void {
  // The first voter proposes; the next ones only if it does not.
  const later = finishMs * ledger.index
  for (const by of [startBy, endBy]) {
    if (by < Infinity) pushDelayed(ledger.limits, { at: by + later, first, count })
  }
}

/** Tasks that have waited or lived too long by `now`. They are looked at again until settled. */
export function takeExpired(voter: VoterState, now: Millis): Expired[] {
  const expired: Expired[] = []
  for (const ledger of voter.ledgers.values()) {
    if (ledger.office !== 'voter' || (ledger.limits[0]?.at ?? Infinity) > now) continue
    const { over, unbegun } = lookAt(voter, ledger, now)
    const again = now + finishMs * (1 + ledger.index)
    for (const [seqs, intent] of [[over, 'cancel'] as const, [unbegun, 'run'] as const]) {
      const some = take(seqs, maxAtOnce)
      lookLater(ledger, some, again)
      lookLater(ledger, subtract(seqs, some), now + restMs)
      for (let rest: Ranges = some; rest.length > 0;) {
        const part = take(rest, maxClaimTasks)
        rest = subtract(rest, part)
        expired.push({ info: ledger.info, seqs: part, intent })
      }
    }
  }
  return expired
}

/** Takes what is due out of the heap, and says which limit of the open tasks is over. */
function lookAt(
  voter: VoterState,
  ledger: Ledger,
  now: Millis,
): { over: number[]; unbegun: number[] } {
  const over: number[] = []
  const unbegun: number[] = []
  const begun: number[] = []
  while ((ledger.limits[0]?.at ?? Infinity) <= now) {
    const { first = 0, count = 0 } = popDelayed(ledger.limits) ?? {}
    for (let seq = first; seq < first + count; seq++) {
      const page = findPage(ledger, seq)
      const slot = seq % ledger.pageTasks
      const chunk = chunkOfSeq(ledger, seq)
      if (page?.state[slot] !== OPEN || chunk === undefined) continue
      if (chunk.endBy <= now) addRun(over, seq, 1)
      // What has ended in an error has begun for good; a run may still be given back.
      else if (chunk.startBy > now || page.value[slot] !== 0) continue
      else addRun(page.grants[slot] === 0 && page.lease[slot] === 0 ? unbegun : begun, seq, 1)
    }
  }
  lookLater(ledger, begun, now + voter.leaseMs)
  return { over, unbegun }
}

function lookLater(ledger: Ledger, seqs: Ranges, at: Millis): void {
  for (let i = 0; i < seqs.length; i += 2) {
    pushDelayed(ledger.limits, { at, first: seqs[i] as number, count: seqs[i + 1] as number })
  }
}

/** The tasks of some records that must not run any more: those for which nobody has begun say so. */
export function expiredIn(chunks: readonly Chunk[], isUnbegun: (seq: number) => boolean): number[] {
  const expired: number[] = []
  for (const { first, count, startWithinMs, endWithinMs } of chunks) {
    // A millisecond is what is left of a limit that is over.
    const over = endWithinMs === 1
    if (!over && startWithinMs !== 1) continue
    for (let seq = first; seq < first + count; seq++) {
      if (over || isUnbegun(seq)) pushRun(expired, seq, 1)
    }
  }
  return expired
}
