import { type Ballot, noBallot } from './ballot.ts'
import type { RegisterGroup, State } from './change-messages.ts'
import { allCollected, pickCollected } from './collected.ts'
import type { Millis } from './ids.ts'
import { acceptedAt, chunkOfSeq, findPage, type Ledger, promisedAt, valueAt } from './ledger.ts'
import { recordsOf } from './ledger-records.ts'
import { leaseAt, type Lease } from './lease.ts'
import type { Chunk, DecidedRange, Values } from './messages.ts'
import { contains, eachSeq, endOf, intersect, pushRun, type Ranges, subtract } from './ranges.ts'
import { timingOf } from './records.ts'
import { OPEN, type Page } from './registers.ts'
import { groupRuns, noBytes, positionIn, sliceValues } from './values.ts'
import { outcomesOf } from './voter-compare.ts'
import { valuesOf, type VoterState } from './voter.ts'

/** Tasks, bytes of records and values, and pieces of one part at the most. */
const maxPartTasks = 16_384
const maxPartBytes = 192 * 1_024
const maxPieces = 512

/** Runs of what is held that a request names per set. */
const maxRuns = 4_096

/** Above every number of a task. */
const allTasks = 2 ** 31

/** What is asked for, and what the asker has of it. */
export interface Asked {
  readonly from: number
  readonly to: number
  readonly stored: Ranges
  readonly settled: Ranges
}

/** What a node asks for from a number on: as far as it can say what it has. */
export function heldFrom(ledger: Ledger, from: number): Asked {
  const stored = above(ledger.stored, from)
  const settled = above(ledger.settled, from)
  const to = Math.min(toldUpTo(stored), toldUpTo(settled))
  const within = [from, to - from]
  return { from, to, stored: intersect(stored, within), settled: intersect(settled, within) }
}

/** What a node asks for that wants only to know how what is open at it has ended. */
export function openFrom(ledger: Ledger, from: number): Asked {
  const { to, stored, settled } = heldFrom(ledger, from)
  const all = [from, to - from]
  return { from, to, stored: all, settled: subtract(all, subtract(stored, settled)) }
}

/** The part of a set from a number on, and one run more than a message may name. */
function above(seqs: Ranges, from: number): number[] {
  return intersect(seqs, [from, allTasks - from]).slice(0, 2 * (maxRuns + 1))
}

/** Up to where a message can name all of a set. */
function toldUpTo(seqs: Ranges): number {
  return seqs.length > 2 * maxRuns ? (seqs[2 * maxRuns] as number) : allTasks
}

/** What this node holds of some tasks and the asker lacks; with registers, how these stand. */
export function partOf(
  voter: VoterState,
  ledger: Ledger,
  asked: Asked,
  sealed: boolean,
  now: Millis,
): State {
  const all = intersect(ledger.stored, [asked.from, Math.max(0, asked.to - asked.from)])
  const missing = subtract(all, asked.stored)
  const news = subtract(intersect(all, ledger.settled), asked.settled)
  const end = cutAt(ledger, all, { missing, news, sealed }) ?? asked.to
  const within = (seqs: Ranges): number[] => {
    return intersect(seqs, [asked.from, Math.max(0, end - asked.from)])
  }
  const { ledger: id, epoch } = ledger.info
  return {
    type: 'state',
    ledger: id,
    epoch,
    sealed,
    voting: ledger.office === 'voter',
    from: asked.from,
    next: endOf(ledger.stored) > end ? end : 0,
    counter: ledger.counter,
    end: ledger.end,
    blockedMs: Math.max(0, Math.ceil(ledger.blockedUntil - now)),
    registers: sealed ? registersOf(voter, ledger, within(all), now) : [],
    outcomes: withValues(ledger, subtract(within(news), allCollected(ledger.collected))),
    ...pickCollected(ledger.collected, within(news)),
    chunks: [...recordsOf(ledger, within(missing), now), ...specsOf(ledger, within(missing), now)],
  }
}

/** Where a part must end to stay small; undefined if all of it does. */
function cutAt(
  ledger: Ledger,
  all: Ranges,
  { missing, news, sealed }: { missing: Ranges; news: Ranges; sealed: boolean },
): number | undefined {
  let tasks = 0
  let bytes = 0
  let pieces = 0
  let before = ''
  for (let i = 0; i < all.length; i += 2) {
    const stop = (all[i] as number) + (all[i + 1] as number)
    before = ''
    for (let seq = all[i] as number; seq < stop; seq++) {
      const page = findPage(ledger, seq)
      const slot = seq % ledger.pageTasks
      const chunk = contains(missing, seq) ? chunkOfSeq(ledger, seq) : undefined
      const open = page?.state[slot] === OPEN
      const told = open ? sealed : contains(news, seq)
      const wait = ledger.retryAt.get(seq) ?? ''
      const key = told && page !== undefined ? `${keyOf(page, slot)}|${wait}` : ''
      const kind = `${chunk?.first ?? ''}|${key}`
      const size =
        (chunk?.payload === undefined ? 0 : (chunk.lengths[seq - chunk.first] as number)) +
        (told && page !== undefined ? valueBytes(ledger, page, slot, seq) : 0)
      tasks += 1
      bytes += size
      if (kind !== before) pieces += 1
      before = kind
      if (tasks > maxPartTasks || pieces > maxPieces || (bytes > maxPartBytes && tasks > 1)) {
        return seq
      }
    }
  }
  return undefined
}

function valueBytes(ledger: Ledger, page: Page, slot: number, seq: number): number {
  const values = valueAt(ledger, page, slot)
  return values === undefined ? 0 : (values.lengths[positionIn(values.seqs, seq)] ?? 0)
}

function keyOf(page: Page, slot: number): string {
  return [
    page.promised[slot],
    page.promisedBy[slot],
    page.accepted[slot],
    page.acceptedBy[slot],
    page.value[slot],
    page.grants[slot],
    page.lease[slot],
  ].join('|')
}

/** How the open ones of some tasks stand, in groups that are alike. */
function registersOf(
  voter: VoterState,
  ledger: Ledger,
  seqs: Ranges,
  now: Millis,
): RegisterGroup[] {
  const open = subtract(seqs, ledger.settled)
  const groups = groupRuns(open, seq => {
    const page = findPage(ledger, seq)
    const slot = seq % ledger.pageTasks
    return page === undefined ? '' : `${keyOf(page, slot)}|${waitMs(ledger, page, slot, seq, now)}`
  })
  const found: RegisterGroup[] = []
  for (const [key, group] of groups) {
    if (key !== '') found.push(groupOf(voter, ledger, group, now))
  }
  return found
}

function groupOf(voter: VoterState, ledger: Ledger, seqs: Ranges, now: Millis): RegisterGroup {
  const seq = seqs[0] as number
  const page = findPage(ledger, seq) as Page
  const slot = seq % ledger.pageTasks
  const values = valueAt(ledger, page, slot)
  const lease: Lease | undefined = leaseAt(voter.leases, page.lease[slot] as number)
  const ballot: Ballot = lease?.ballot ?? noBallot
  return {
    seqs,
    promised: promisedAt(ledger, page, slot),
    accepted: acceptedAt(ledger, page, slot),
    values: values === undefined ? [] : [sliceValues(values, seqs)],
    grants: page.grants[slot] as number,
    lease: ballot,
    claimId: lease?.claimId ?? 0,
    tentative: lease?.tentative ?? false,
    dueMs: waitMs(ledger, page, slot, seq, now),
  }
}

/** How long a failed task still waits, in milliseconds. */
function waitMs(ledger: Ledger, page: Page, slot: number, seq: number, now: Millis): number {
  if (page.value[slot] === 0 || valueAt(ledger, page, slot)?.kind !== 'pending') return 0
  const at = ledger.retryAt.get(seq) ?? 0
  return Math.max(0, Math.ceil(at - now))
}

/** Outcomes with their values, as far as these are still kept. */
function withValues(ledger: Ledger, seqs: Ranges): DecidedRange[] {
  const found: DecidedRange[] = []
  for (const outcome of outcomesOf(ledger, seqs)) {
    let rest = outcome.seqs
    for (const values of valuesOf(ledger, outcome.seqs)) {
      found.push({ ...outcome, seqs: values.seqs, values: [values satisfies Values] })
      rest = subtract(rest, values.seqs)
    }
    if (rest.length > 0) found.push({ ...outcome, seqs: rest })
  }
  return found
}

/** What is still known of settled tasks whose payload is gone: their spec. */
function specsOf(ledger: Ledger, seqs: Ranges, now: Millis): Chunk[] {
  const bare: number[] = []
  eachSeq(seqs, seq => {
    const chunk = chunkOfSeq(ledger, seq)
    if (chunk !== undefined && chunk.payload === undefined) pushRun(bare, seq, 1)
  })
  const chunks: Chunk[] = []
  for (const [held, group] of groupRuns(bare, seq => chunkOfSeq(ledger, seq))) {
    if (held === undefined) continue
    for (let i = 0; i < group.length; i += 2) {
      const [first, count] = [group[i] as number, group[i + 1] as number]
      const lengths = new Uint32Array(count)
      chunks.push({
        first,
        count,
        spec: held.spec,
        ...timingOf(held, now),
        lengths,
        payload: noBytes,
        fork: held.fork,
      })
    }
  }
  return chunks
}
