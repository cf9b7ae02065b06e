import { type Ballot, noBallot } from './ballot.ts'
import type { Avoided } from './avoided.ts'
import { type CollectedSets, collectedState, noneCollected } from './collected.ts'
import type { LedgerId, Lsn, Millis, NodeId } from './ids.ts'
import { addRun, removeRun } from './intervals.ts'
import { invariant } from './invariant.ts'
import type { LedgerInfo, TaskSpec, Values, Voter } from './messages.ts'
import { chunkAt, type HeldChunk, specKey } from './records.ts'
import { ABSENT, createPage, type Page } from './registers.ts'

/** The most proposers of one ledger that a voter can tell apart. */
export const maxProposers = 65_000

/** The most specs in one ledger. */
export const maxSpecs = 65_000

/** Values that registers have accepted, kept while one of them does. */
export interface HeldValues {
  readonly values: Values
  references: number
}

/** Tasks that something becomes due for at the same time. */
export interface Delayed {
  readonly at: Millis
  readonly first: number
  readonly count: number
}

/** A voter's vote on who keeps a ledger after its epoch. */
export interface Succession {
  readonly promised: Ballot
  readonly accepted: Ballot
  readonly voters: readonly Voter[]
}

/**
 * What a storage is to a ledger: it votes; it has voted in an epoch that is over; or it keeps a
 * copy of records and outcomes.
 */
export type Office = 'voter' | 'sealed' | 'observer'

/** One node's copy of a ledger. */
export interface Ledger {
  /** Replaced as a whole when another epoch begins. */
  info: LedgerInfo
  office: Office
  /** The voter's place among the voters; −1 for an observer. */
  index: number
  /** The epoch that follows, where this one is sealed. */
  successor: LedgerInfo | undefined
  succession: Succession | undefined
  /** When it got its office. */
  since: Millis
  /** Whether every voter is known to vote in this epoch. */
  isWhole: boolean
  /** Tasks whose value was accepted by voters of an earlier epoch, and not by this one in its own. */
  inherited: number[]
  /** No sequence number from here on will be used; −1 while the ledger is open. */
  end: number
  /** Highest counter seen. */
  counter: number
  /** No counter above it has been promised; what is above must be reserved first. */
  mark: number
  /** The entry that reserved the mark, and that which gave this storage its office. */
  markLsn: Lsn
  openedLsn: Lsn
  readonly pageTasks: number
  readonly pages: Map<number, Page>
  readonly proposers: NodeId[]
  readonly proposerIndex: Map<NodeId, number>
  readonly specs: TaskSpec[]
  readonly specIndex: Map<string, number>
  readonly chunks: HeldChunk[]
  readonly values: (HeldValues | undefined)[]
  readonly freeValues: number[]
  readonly stored: number[]
  readonly settled: number[]
  /** Those whose outcome is not kept any more. */
  readonly collected: CollectedSets
  /** Those whose next generation was published from here. */
  readonly forked: number[]
  /** Open, due and unleased tasks per spec, and the specs that have some, ascending. */
  readonly ready: number[][]
  readonly readySpecs: number[]
  /** Min-heap by `at`. */
  readonly delayed: Delayed[]
  /** When tasks that failed are due again; an earlier entry of `delayed` must not offer them. */
  readonly retryAt: Map<number, Millis>
  /** When a limit of tasks must be looked at; a min-heap by `at`. */
  readonly limits: Delayed[]
  /** Tasks that somebody was granted here and has not won: others hold them, as far as they can tell. */
  readonly unwon: Avoided[]
  /** Until then nobody new is granted a run: a restart may have forgotten a lease. */
  blockedUntil: Millis
  /** Something has changed since fellow voters were told. */
  changed: boolean
  /** When this voter has opened it. */
  openedAt: Millis
  /** Fellow voters that have said that they do not know it; a bit mask. */
  unknownTo: number
  /** Fellow voters that have said that it has ended, and that they hold nothing of it; a bit mask. */
  emptyAt: number
}

/** An empty ledger at a voter, or at an observer, whose place is −1. */
export function createLedger(
  info: LedgerInfo,
  index: number,
  pageTasks: number,
  openedLsn: Lsn,
): Ledger {
  return {
    info,
    office: index < 0 ? 'observer' : 'voter',
    index,
    successor: undefined,
    succession: undefined,
    since: 0,
    isWhole: true,
    inherited: [],
    end: -1,
    counter: 0,
    mark: 0,
    markLsn: 0,
    openedLsn,
    pageTasks,
    pages: new Map(),
    proposers: [noBallot.proposer],
    proposerIndex: new Map([[noBallot.proposer, 0]]),
    specs: [],
    specIndex: new Map(),
    chunks: [],
    values: [],
    freeValues: [],
    stored: [],
    settled: [],
    collected: noneCollected(),
    forked: [],
    ready: [],
    readySpecs: [],
    delayed: [],
    retryAt: new Map(),
    limits: [],
    unwon: [],
    blockedUntil: 0,
    changed: true,
    openedAt: 0,
    unknownTo: 0,
    emptyAt: 0,
  }
}

/** The page of a task, made if it is missing. */
export function pageOf(ledger: Ledger, seq: number): Page {
  const number = Math.floor(seq / ledger.pageTasks)
  let page = ledger.pages.get(number)
  if (page === undefined) ledger.pages.set(number, (page = createPage(ledger.pageTasks)))
  return page
}

/** The page of a task, if a task of it has ever been heard of. */
export function findPage(ledger: Ledger, seq: number): Page | undefined {
  return ledger.pages.get(Math.floor(seq / ledger.pageTasks))
}

/** The state of a task's register, also where its page is gone. */
export function stateAt(ledger: Ledger, seq: number): number {
  const state = findPage(ledger, seq)?.state[seq % ledger.pageTasks] ?? ABSENT
  return state === ABSENT ? (collectedState(ledger.collected, seq) ?? ABSENT) : state
}

/** Index of a proposer in the ledger's list; −1 if the list is full. */
export function proposerAt(ledger: Ledger, node: NodeId): number {
  const known = ledger.proposerIndex.get(node)
  if (known !== undefined) return known
  if (ledger.proposers.length >= maxProposers) return -1
  ledger.proposers.push(node)
  ledger.proposerIndex.set(node, ledger.proposers.length - 1)
  return ledger.proposers.length - 1
}

/** Index of a spec in the ledger's list; −1 if the list is full. */
export function specAt(ledger: Ledger, spec: TaskSpec): number {
  const key = specKey(spec)
  const known = ledger.specIndex.get(key)
  if (known !== undefined) return known
  if (ledger.specs.length >= maxSpecs) return -1
  ledger.specs.push(spec)
  ledger.ready.push([])
  ledger.specIndex.set(key, ledger.specs.length - 1)
  return ledger.specs.length - 1
}

/** The ballot that a register has promised. */
export function promisedAt(ledger: Ledger, page: Page, slot: number): Ballot {
  const proposer = ledger.proposers[page.promisedBy[slot] as number] ?? ''
  return { counter: page.promised[slot] as number, proposer }
}

/** The ballot at which a register has accepted its value. */
export function acceptedAt(ledger: Ledger, page: Page, slot: number): Ballot {
  const proposer = ledger.proposers[page.acceptedBy[slot] as number] ?? ''
  return { counter: page.accepted[slot] as number, proposer }
}

/** The values that a register's accepted value is among. */
export function valueAt(ledger: Ledger, page: Page, slot: number): Values | undefined {
  const index = page.value[slot] as number
  return index === 0 ? undefined : ledger.values[index - 1]?.values
}

/** Keeps values, referenced by nobody yet. Returns 1 + their index. */
export function keepValues(ledger: Ledger, values: Values): number {
  const index = ledger.freeValues.pop() ?? ledger.values.length
  ledger.values[index] = { values, references: 0 }
  return index + 1
}

/** Gives a register its value and drops the one it had. Returns the bytes that were freed. */
export function setValue(ledger: Ledger, page: Page, slot: number, value: number): number {
  const old = page.value[slot] as number
  if (old === value) return 0
  const held = ledger.values[value - 1]
  invariant(held !== undefined, 'a register gets values that are kept')
  held.references += 1
  const freed = dropValue(ledger, page, slot)
  page.value[slot] = value
  return freed
}

/** Takes a register's value away. Returns the bytes that were freed. */
export function dropValue(ledger: Ledger, page: Page, slot: number): number {
  const old = page.value[slot] as number
  const held = ledger.values[old - 1]
  page.value[slot] = 0
  if (held === undefined) return 0
  held.references -= 1
  if (held.references > 0) return 0
  ledger.values[old - 1] = undefined
  ledger.freeValues.push(old - 1)
  return held.values.body.length
}

/** The chunk that holds a task's record. */
export function chunkOfSeq(ledger: Ledger, seq: number): HeldChunk | undefined {
  const at = chunkAt(ledger.chunks, seq)
  return at < 0 ? undefined : ledger.chunks[at]
}

/** Marks tasks as free to be claimed, now or when they are due. */
export function makeReady(
  ledger: Ledger,
  spec: number,
  first: number,
  count: number,
  dueAt: Millis,
  now: Millis,
): void {
  if (dueAt > now) return pushDelayed(ledger.delayed, { at: dueAt, first, count })
  const ready = ledger.ready[spec] as number[]
  if (ready.length === 0 && count > 0) {
    const next = ledger.readySpecs.findIndex(other => other > spec)
    ledger.readySpecs.splice(next < 0 ? ledger.readySpecs.length : next, 0, spec)
  }
  addRun(ready, first, count)
}

/** Marks tasks that have failed as free to be claimed again, now or when they are due. */
export function makeReadyAgain(
  ledger: Ledger,
  spec: number,
  first: number,
  count: number,
  dueAt: Millis,
  now: Millis,
): void {
  for (let seq = first; seq < first + count; seq++) {
    if (dueAt > now) ledger.retryAt.set(seq, dueAt)
    else ledger.retryAt.delete(seq)
  }
  makeReady(ledger, spec, first, count, dueAt, now)
}

/** Marks tasks as not free any more. */
export function makeUnready(ledger: Ledger, spec: number, first: number, count: number): void {
  const ready = ledger.ready[spec] as number[]
  if (ready.length === 0) return
  removeRun(ready, first, count)
  if (ready.length === 0) ledger.readySpecs.splice(ledger.readySpecs.indexOf(spec), 1)
}

/** Marks all tasks as not free. */
export function makeNoneReady(ledger: Ledger): void {
  for (const spec of ledger.readySpecs) (ledger.ready[spec] as number[]).length = 0
  ledger.readySpecs.length = 0
}

/** Adds tasks to a heap by the moment that they wait for. */
export function pushDelayed(heap: Delayed[], delayed: Delayed): void {
  let at = heap.length
  heap.push(delayed)
  while (at > 0) {
    const parent = (at - 1) >>> 1
    if ((heap[parent] as Delayed).at <= delayed.at) break
    heap[at] = heap[parent] as Delayed
    at = parent
  }
  heap[at] = delayed
}

/** Takes out the tasks whose moment comes first. */
export function popDelayed(heap: Delayed[]): Delayed | undefined {
  const top = heap[0]
  const last = heap.pop()
  if (top === undefined || last === undefined || heap.length === 0) return top
  let at = 0
  for (;;) {
    let child = at * 2 + 1
    if (child >= heap.length) break
    const right = heap[child + 1]
    if (right !== undefined && right.at < (heap[child] as Delayed).at) child += 1
    if ((heap[child] as Delayed).at >= last.at) break
    heap[at] = heap[child] as Delayed
    at = child
  }
  heap[at] = last
  return top
}

/** A voter's ledgers. */
export type Ledgers = Map<LedgerId, Ledger>
