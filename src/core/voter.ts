import { type Ballot, noBallot, sameBallot } from './ballot.ts'
import type { NodeId, LedgerId, Lsn, Millis, PeerId, StorageId } from './ids.ts'
import { addRun } from './intervals.ts'
import {
  type Delayed,
  acceptedAt,
  findPage,
  keepValues,
  type Ledger,
  type Ledgers,
  makeUnready,
  pageOf,
  popDelayed,
  proposerAt,
  setValue,
  stateAt,
  valueAt,
} from './ledger.ts'
import {
  clearLease,
  createLeases,
  eachSpecRun,
  lapseLeases,
  leaseAt,
  type Leases,
  offer,
} from './lease.ts'
import type { Copy } from './copying.ts'
import type { ForkRun } from './forks.ts'
import type { Join } from './join.ts'
import type { DecidedRange, LedgerInfo, LostLease, OutcomeKind, Values } from './messages.ts'
import { votedLedger } from './office.ts'
import { type Outbox, persist, send } from './outbox.ts'
import type { UntoldEnd } from './untold-ends.ts'
import { eachSeq, countOf, pushRun, type Ranges, subtract } from './ranges.ts'
import { OPEN, type Page } from './registers.ts'
import { closeRecord, createRetention, keepOutcomes, type Retention } from './retention.ts'
import { groupRuns, pickValues, stateOf } from './values.ts'

/** How long a grant lasts that no majority has confirmed, at the least, in milliseconds. */
export const tentativeMs = 1_000

/** How long a voter waits, per place in the list, before it finishes another's outcome. */
export const finishMs = 5_000

/** A terminal value that this voter has accepted without knowing that it is decided. */
export interface Undecided {
  at: Millis
  readonly ledger: LedgerId
  readonly ballot: Ballot
  seqs: Ranges
}

/** Own and the proposer's accept of one ballot: a majority of up to three, once both are durable. */
export interface Evidence {
  readonly ledger: LedgerId
  readonly ballot: Ballot
  readonly kind: OutcomeKind
  readonly seqs: Ranges
  readonly ownLsn: Lsn
  /**
   * The proposer's process start, whose lsns alone tell: entries that another start writes under
   * the same numbers, after a crash took these, are others. Undefined for the only voter.
   */
  readonly node: NodeId | undefined
  readonly peerLsn: Lsn
}

/** Outcomes that this voter has just learnt. */
export interface Decision {
  readonly ledger: LedgerId
  readonly values: Values
  /** Old to everybody else: it came with a copy of the ledger. */
  late?: boolean
}

/** Everything a node knows and owes as a voter. */
export interface VoterState {
  readonly peer: PeerId
  readonly storageId: StorageId
  readonly leaseMs: number
  readonly maxBytes: number
  readonly pageTasks: number
  /** Wall clock minus monotonic clock, in milliseconds. */
  wallOffsetMs: number
  readonly ledgers: Ledgers
  readonly leases: Leases
  undecided: Undecided[]
  /** No undecided value is due before. */
  finishAt: Millis
  evidence: Evidence[]
  decisions: Decision[]
  /** Bytes of open records and of kept results. */
  bytes: number
  /** Who keeps the ledgers that this storage has forgotten, since it does not any more. */
  readonly moved: Map<LedgerId, LedgerInfo>
  /** Where ledgers of its own end that others keep now, until these have been told. */
  readonly ends: Map<LedgerId, UntoldEnd>
  /** Ledgers that this storage is about to vote in, once it has what their voters held. */
  readonly joins: Map<LedgerId, Join>
  /** Ledgers that this storage keeps a copy of. */
  readonly copies: Map<LedgerId, Copy>
  /** Epochs that have begun at this voter, or that it has heard of, since that was last told. */
  begun: LedgerInfo[]
  readonly retention: Retention
  /** How long a lease lasts that its holder has not confirmed. */
  tentativeMs: Millis
  /** Live peers that do not know of epochs: they are not told who has followed. */
  readonly plain: Set<PeerId>
  /** By the ledger of the first generation, where tasks of a later one are held. */
  readonly forks: Map<LedgerId, ForkRun[]>
  /** Ledgers with open tasks and without a majority of their voters, and since when. */
  readonly lonely: Map<LedgerId, Millis>
  /** The end of what is written down of blocks: a restart blocks all ledgers until then. */
  blockedUntil: Millis
}

/** A voter without ledgers. */
export function createVoter(
  init: Pick<
    VoterState,
    'peer' | 'storageId' | 'leaseMs' | 'maxBytes' | 'pageTasks' | 'wallOffsetMs'
  > & { readonly keepMs?: number | undefined },
): VoterState {
  return {
    peer: init.peer,
    storageId: init.storageId,
    leaseMs: init.leaseMs,
    maxBytes: init.maxBytes,
    pageTasks: init.pageTasks,
    wallOffsetMs: init.wallOffsetMs,
    ledgers: new Map(),
    leases: createLeases(),
    undecided: [],
    finishAt: Infinity,
    evidence: [],
    decisions: [],
    bytes: 0,
    moved: new Map(),
    ends: new Map(),
    joins: new Map(),
    copies: new Map(),
    begun: [],
    retention: createRetention(init.keepMs),
    tentativeMs,
    plain: new Set(),
    forks: new Map(),
    lonely: new Map(),
    blockedUntil: 0,
  }
}

/** Does what time alone brings about: leases lapse and delayed tasks become due. */
export function refresh(voter: VoterState, now: Millis): void {
  lapseLeases(voter.leases, voter.ledgers, now)
  for (const ledger of voter.ledgers.values()) {
    if (ledger.office === 'voter') makeDue(ledger, now)
  }
}

/** Offers the delayed tasks of a ledger that are due by `now`. */
export function makeDue(ledger: Ledger, now: Millis): void {
  while (ledger.delayed.length > 0 && (ledger.delayed[0]?.at ?? Infinity) <= now) {
    const due = popDelayed(ledger.delayed)
    if (due !== undefined) offer(ledger, whatIsDue(ledger, due, now), now)
  }
}

function whatIsDue(ledger: Ledger, { first, count }: Delayed, now: Millis): Ranges {
  if (ledger.retryAt.size === 0) return [first, count]
  const due: number[] = []
  for (let seq = first; seq < first + count; seq++) {
    const at = ledger.retryAt.get(seq)
    if (at !== undefined && at > now) continue
    ledger.retryAt.delete(seq)
    pushRun(due, seq, 1)
  }
  return due
}

/** When `refresh` has something to do at the earliest. */
export function voterWakeAt(voter: VoterState): Millis {
  let at = Math.min(voter.leases.lapseAt, voter.finishAt)
  for (const ledger of voter.ledgers.values()) {
    if (ledger.office !== 'voter') continue
    at = Math.min(at, ledger.delayed[0]?.at ?? Infinity, ledger.limits[0]?.at ?? Infinity)
    // The tasks that a restart has blocked are offered again when that is over.
    if (ledger.blockedUntil > 0) at = Math.min(at, ledger.blockedUntil)
  }
  return at
}

/**
 * Takes a decided outcome in. Returns the tasks whose value must be fetched, because this
 * voter has accepted nothing, or something else, at the deciding ballot.
 */
export function takeOutcome(
  voter: VoterState,
  outbox: Outbox,
  ledger: Ledger,
  outcome: DecidedRange,
  now: Millis,
): number[] {
  const known: number[] = []
  const given: number[] = []
  const missing: number[] = []
  eachSeq(outcome.seqs, seq => {
    const page = findPage(ledger, seq)
    const slot = seq % ledger.pageTasks
    if (stateAt(ledger, seq) > OPEN) return
    if (page !== undefined && carries(ledger, page, slot, outcome)) pushRun(known, seq, 1)
    else if (outcome.values.length > 0) pushRun(given, seq, 1)
    else pushRun(missing, seq, 1)
  })
  const taken = takeValues(voter, ledger, outcome, given)
  for (const part of [...written(ledger, known), taken]) {
    if (part.seqs.length > 0) settleRegisters(voter, outbox, ledger, { ...outcome, ...part }, now)
  }
  return missing
}

/**
 * What is to be written of outcomes whose values are here. A voter has written them when it accepted
 * them; one that only gathers what others have accepted has not.
 */
function written(ledger: Ledger, seqs: number[]): { seqs: number[]; values: Values[] }[] {
  if (ledger.office === 'voter') return [{ seqs, values: [] }]
  return valuesOf(ledger, seqs).map(values => ({ seqs: [...values.seqs], values: [values] }))
}

/**
 * Whether the accepted value of a register is the decided one: it was accepted at the deciding
 * ballot, or at a higher one, which can carry nothing else.
 */
function carries(ledger: Ledger, page: Page, slot: number, outcome: DecidedRange): boolean {
  // Who has not kept at which ballot it was decided says so by none.
  if (outcome.ballot.counter === 0) return false
  if (valueAt(ledger, page, slot)?.kind !== outcome.kind) return false
  const accepted = acceptedAt(ledger, page, slot)
  return sameBallot(accepted, outcome.ballot) || accepted.counter > outcome.ballot.counter
}

/** Puts values that came with an outcome into the registers that lack them. */
function takeValues(
  voter: VoterState,
  ledger: Ledger,
  outcome: DecidedRange,
  seqs: Ranges,
): { seqs: number[]; values: Values[] } {
  const taken: number[] = []
  const kept: Values[] = []
  if (seqs.length === 0) return { seqs: taken, values: kept }
  const by = proposerAt(ledger, outcome.ballot.proposer)
  for (const values of outcome.values) {
    const part = pickValues(values, seqs)
    if (part === undefined || part.kind !== outcome.kind || by < 0) continue
    const index = keepValues(ledger, part)
    voter.bytes += part.body.length
    eachSeq(part.seqs, seq => {
      const page = pageOf(ledger, seq)
      const slot = seq % ledger.pageTasks
      voter.bytes -= setValue(ledger, page, slot, index)
      page.accepted[slot] = outcome.ballot.counter
      page.acceptedBy[slot] = by
      if ((page.promised[slot] as number) < outcome.ballot.counter) {
        page.promised[slot] = outcome.ballot.counter
        page.promisedBy[slot] = by
      }
      addRun(taken, seq, 1)
    })
    kept.push(part)
  }
  return { seqs: taken, values: kept }
}

/** Settles registers whose accepted value is the decided one. */
function settleRegisters(
  voter: VoterState,
  outbox: Outbox,
  ledger: Ledger,
  outcome: DecidedRange,
  now: Millis,
): void {
  const { seqs, ballot, kind } = outcome
  ledger.changed = true
  const lost = holdersOf(voter, ledger, seqs, ballot)
  clearLease(voter.leases, ledger, seqs)
  const state = stateOf(kind)
  eachSeq(seqs, seq => {
    const page = pageOf(ledger, seq)
    const slot = seq % ledger.pageTasks
    page.state[slot] = state
    closeRecord(voter, ledger, seq)
  })
  eachSpecRun(ledger, seqs, (spec, first, count) => {
    makeUnready(ledger, spec, first, count)
  })
  for (let i = 0; i < seqs.length; i += 2) {
    addRun(ledger.settled, seqs[i] as number, seqs[i + 1] as number)
    addRun(ledger.stored, seqs[i] as number, seqs[i + 1] as number)
  }
  endUndecided(voter, ledger.info.ledger, seqs)
  if (ballot.counter > ledger.counter) ledger.counter = ballot.counter
  const settledWallMs = Math.round(now + voter.wallOffsetMs)
  const { ledger: id } = ledger.info
  persist(outbox, { type: 'settled', ledger: id, outcomes: [outcome], settledWallMs })
  keepOutcomes(voter, ledger, seqs, kind, now)
  for (const values of valuesOf(ledger, seqs)) {
    voter.decisions.push({ ledger: id, values })
  }
  for (const [holder, leases] of lost)
    send(outbox, holder, { type: 'lost', lost: leases, cancelled: kind === 'cancelled' })
}

/** Leases that a ballot overtakes, by the peer that must be told. */
export function holdersOf(
  voter: VoterState,
  ledger: Ledger,
  seqs: Ranges,
  by: Ballot,
): Map<PeerId, LostLease[]> {
  const found = new Map<PeerId, LostLease[]>()
  const byLease = groupRuns(seqs, seq => {
    return findPage(ledger, seq)?.lease[seq % ledger.pageTasks] ?? 0
  })
  for (const [id, group] of byLease) {
    const lease = leaseAt(voter.leases, id)
    if (lease === undefined || sameBallot(lease.ballot, by)) continue
    const peer = lease.holder.slice(0, lease.holder.lastIndexOf('.'))
    const list = found.get(peer) ?? []
    list.push({ ledger: ledger.info.ledger, claimId: lease.claimId, seqs: group })
    found.set(peer, list)
  }
  return found
}

/** The accepted values of tasks, one item per stored value. */
export function valuesOf(ledger: Ledger, seqs: Ranges): Values[] {
  const byValue = groupRuns(seqs, seq => {
    return findPage(ledger, seq)?.value[seq % ledger.pageTasks] ?? 0
  })
  const found: Values[] = []
  for (const [index, group] of byValue) {
    const held = index === 0 ? undefined : ledger.values[index - 1]
    const part = held === undefined ? undefined : pickValues(held.values, group)
    if (part !== undefined) found.push(part)
  }
  return found
}

/** Tells which evidence has become a majority, and settles by it. */
export function weighEvidence(
  voter: VoterState,
  outbox: Outbox,
  durableOf: (node: NodeId, ledger: Ledger) => Lsn | undefined,
  now: Millis,
): void {
  if (voter.evidence.length === 0) return
  const waiting: Evidence[] = []
  for (const evidence of voter.evidence) {
    const ledger = votedLedger(voter, evidence.ledger)
    if (ledger === undefined) continue
    const theirs = evidence.node === undefined ? 0 : durableOf(evidence.node, ledger)
    if (theirs === undefined) continue
    if (evidence.ownLsn > outbox.durable || evidence.peerLsn > theirs) {
      waiting.push(evidence)
      continue
    }
    const { ballot, kind, seqs } = evidence
    takeOutcome(voter, outbox, ledger, { ballot, kind, seqs, values: [] }, now)
  }
  voter.evidence = waiting
}

/** Remembers an accepted outcome, to finish it if nobody else does. */
export function awaitDecision(voter: VoterState, undecided: Undecided): void {
  voter.undecided.push(undecided)
  voter.finishAt = Math.min(voter.finishAt, undecided.at)
}

/** What is settled is not to be finished: nobody wakes up for it. */
function endUndecided(voter: VoterState, ledger: LedgerId, seqs: Ranges): void {
  if (voter.undecided.length === 0) return
  const rest: Undecided[] = []
  voter.finishAt = Infinity
  for (const item of voter.undecided) {
    if (item.ledger === ledger) item.seqs = subtract(item.seqs, seqs)
    if (item.seqs.length === 0) continue
    rest.push(item)
    voter.finishAt = Math.min(voter.finishAt, item.at)
  }
  voter.undecided = rest
}

/**
 * A majority has promised a ballot without an outcome that this voter has accepted below it: that
 * one never comes to be, and the tasks may run again.
 */
export function stopFinishing(
  voter: VoterState,
  { ledger: id, ballot, seqs }: Pick<Undecided, 'ledger' | 'ballot' | 'seqs'>,
  now: Millis,
): void {
  const ledger = voter.ledgers.get(id)
  if (ledger === undefined) return
  const over: number[] = []
  eachSeq(seqs, seq => {
    if (acceptedOf(ledger, seq).ballot.counter < ballot.counter) pushRun(over, seq, 1)
  })
  for (const item of voter.undecided) {
    if (item.ledger === id) item.seqs = subtract(item.seqs, over)
  }
  offer(ledger, over, now)
}

/** Open tasks whose accepted terminal value waits to be finished by this voter. */
export function takeUndecided(voter: VoterState, now: Millis): Undecided[] {
  if (now < voter.finishAt) return []
  const due: Undecided[] = []
  const rest: Undecided[] = []
  voter.finishAt = Infinity
  for (const item of voter.undecided) {
    if (item.at > now) {
      rest.push(item)
      voter.finishAt = Math.min(voter.finishAt, item.at)
      continue
    }
    const ledger = votedLedger(voter, item.ledger)
    item.seqs = ledger === undefined ? [] : stillUndecided(ledger, item)
    if (item.seqs.length > 0) due.push(item)
  }
  voter.undecided = rest
  // An attempt to finish may fail: it is made again until the outcome is known.
  for (const { ledger, ballot, seqs } of due) {
    const place = voter.ledgers.get(ledger)?.index ?? 0
    awaitDecision(voter, { at: now + finishMs * (1 + place), ledger, ballot, seqs })
  }
  return due
}

function stillUndecided(ledger: Ledger, item: Undecided): Ranges {
  const open: number[] = []
  eachSeq(item.seqs, seq => {
    const page = findPage(ledger, seq)
    const slot = seq % ledger.pageTasks
    if (page?.state[slot] !== OPEN) return
    if (sameBallot(acceptedAt(ledger, page, slot), item.ballot)) pushRun(open, seq, 1)
  })
  return countOf(open) === countOf(item.seqs) ? item.seqs : open
}

/** The ballot and value that a register has accepted; `noBallot` and nothing if none. */
export function acceptedOf(
  ledger: Ledger,
  seq: number,
): { ballot: Ballot; values: Values | undefined } {
  const page = findPage(ledger, seq)
  const slot = seq % ledger.pageTasks
  if (page === undefined || page.accepted[slot] === 0)
    return { ballot: noBallot, values: undefined }
  return { ballot: acceptedAt(ledger, page, slot), values: valueAt(ledger, page, slot) }
}
