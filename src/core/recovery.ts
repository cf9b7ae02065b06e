import { collectedState, noneCollected } from './collected.ts'
import { replayCollected, replayRetired, wasAt } from './kept-entries.ts'
import { sameBallot } from './ballot.ts'
import type { BlockedEntry, Entry, ReleasedEntry, StoredEntry } from './entries.ts'
import { type Millis, type NodeId, peerOf } from './ids.ts'
import { addRun, addRuns, removeRuns } from './intervals.ts'
import {
  createLedger,
  findPage,
  keepValues,
  type Ledger,
  makeReadyAgain,
  makeUnready,
  pageOf,
  proposerAt,
  setValue,
  stateAt,
} from './ledger.ts'
import { offer, clearLease, eachSpecRun, endLease, grantLease, leaseAt } from './lease.ts'
import { beginOffice } from './begin-office.ts'
import { type Outbox, persist } from './outbox.ts'
import type { DecidedRange, LedgerInfo, Values } from './messages.ts'
import { dropLedger, rememberMoved, hasOpenTasks } from './office.ts'
import { voterIndex } from './quorum.ts'
import { eachSeq, pushRun, type Ranges, seqsOf } from './ranges.ts'
import { OPEN, type Page } from './registers.ts'
import { isTerminal, stateOf } from './values.ts'
import { timingAfter } from './timing.ts'
import { closeRecord, collect, keepOutcomes } from './retention.ts'
import { rememberEnd, replayEnd } from './untold-ends.ts'
import { closeOffice } from './voter-seal.ts'
import { holdRecords } from './voter-store.ts'
import { awaitDecision, finishMs, type VoterState } from './voter.ts'

/** Takes a step in the change of a ledger's voters back. */
function replayChange(
  voter: VoterState,
  ledger: Ledger,
  entry: Extract<Entry, { type: 'succession' | 'sealed' | 'installed' | 'moved' }>,
  lsn: number,
  now: Millis,
): void {
  switch (entry.type) {
    case 'succession': {
      const { promised, accepted, voters, epoch } = entry
      if (epoch === ledger.info.epoch) ledger.succession = { promised, accepted, voters }
      break
    }
    case 'sealed':
      closeOffice(voter, ledger, infoIn(entry))
      break
    case 'installed':
      beginOffice(voter, ledger, infoIn(entry), now)
      ledger.openedLsn = lsn
      break
    case 'moved':
      dropLedger(voter, ledger)
      rememberEnd(voter, entry, ledger.end)
      break
    default:
      entry satisfies never
  }
}

/** Takes one entry of the journal back into the voter that wrote it. */
export function replayVoter(voter: VoterState, entry: Entry, lsn: number, now: Millis): void {
  if (entry.type === 'opened' || entry.type === 'observed') {
    const info = infoIn(entry)
    const known = voter.ledgers.get(info.ledger)
    if (known?.office === 'observer') known.info = info
    if (known !== undefined) return
    const index = entry.type === 'opened' ? voterIndex(info, voter.peer) : -1
    const held = createLedger(info, index, voter.pageTasks, lsn)
    if (entry.type === 'opened') held.openedAt = wasAt(voter, entry.openedWallMs, now)
    else held.since = now
    voter.ledgers.set(info.ledger, held)
    voter.moved.delete(info.ledger)
    voter.ends.delete(info.ledger)
    return
  }
  if (entry.type === 'moved') rememberMoved(voter, infoIn(entry))
  if (entry.type === 'retired') return replayRetired(voter, entry, now)
  if (entry.type === 'blocked') return replayBlock(voter, entry, now)
  if (!('ledger' in entry)) return
  const ledger = voter.ledgers.get(entry.ledger)
  if (entry.type === 'closed') return replayEnd(voter, ledger, entry)
  if (ledger === undefined) return
  switch (entry.type) {
    case 'stored':
      holdRecords(voter, ledger, chunkFrom(voter, entry, now), lsn, now)
      break
    case 'granted':
      replayGrant(voter, ledger, entry.claimId, entry, now)
      break
    case 'released':
      replayRelease(voter, ledger, entry, now)
      break
    case 'accepted':
      for (const values of entry.values) {
        // A wall clock that was set back must not make a wait longer than it was.
        const dueAt = Math.min(entry.dueWallMs - voter.wallOffsetMs, now) + values.delayMs
        replayAccept(voter, ledger, entry.ballot, values, dueAt, now)
      }
      break
    case 'settled':
      for (const outcome of entry.outcomes) {
        replaySettled(voter, ledger, outcome, wasAt(voter, entry.settledWallMs, now), now)
      }
      break
    case 'reserved':
      ledger.mark = Math.max(ledger.mark, entry.mark)
      break
    case 'grants':
      replayGrants(ledger, entry.seqs, entry.grants)
      break
    case 'succession':
    case 'sealed':
    case 'installed':
    case 'moved':
      replayChange(voter, ledger, entry, lsn, now)
      break
    case 'forked':
      addRuns(ledger.forked, entry.seqs)
      break
    case 'collected':
      replayCollected(voter, ledger, entry)
      break
    case 'submitted':
    case 'keyed':
      break
    default:
      entry satisfies never
  }
}

function infoIn({ ledger, epoch, producer, voters }: LedgerInfo): LedgerInfo {
  return { ledger, epoch, producer, voters }
}

function chunkFrom(voter: VoterState, entry: StoredEntry, now: Millis): StoredEntry['chunk'] {
  const { chunk, publishedWallMs } = entry
  // A wall clock that was set back must not make a wait longer than it was.
  const ageMs = Math.max(0, now + voter.wallOffsetMs - publishedWallMs)
  return { ...chunk, ...timingAfter(chunk, Math.max(0, ageMs - chunk.ageMs)), ageMs }
}

function count(ledger: Ledger, seqs: Ranges, by: 1 | -1): void {
  eachSeq(seqs, seq => {
    const page = findPage(ledger, seq)
    const slot = seq % ledger.pageTasks
    if (page?.state[slot] !== OPEN) return
    page.grants[slot] = Math.max(0, (page.grants[slot] as number) + by)
  })
}

function replayGrants(ledger: Ledger, seqs: Ranges, grants: readonly number[]): void {
  let run = 0
  let left = grants[0] ?? 0
  for (const seq of seqsOf(seqs)) {
    while (left === 0 && run + 2 < grants.length) {
      run += 2
      left = grants[run] ?? 0
    }
    left -= 1
    const page = findPage(ledger, seq)
    if (page !== undefined) page.grants[seq % ledger.pageTasks] = grants[run + 1] ?? 0
  }
}

/** A grant counts no more. Its lease ends; that of another claim, which was granted since, goes on. */
function replayRelease(
  voter: VoterState,
  ledger: Ledger,
  { ballot, seqs }: ReleasedEntry,
  now: Millis,
): void {
  count(ledger, seqs, -1)
  const freed: number[] = []
  eachSeq(seqs, seq => {
    const id = findPage(ledger, seq)?.lease[seq % ledger.pageTasks] ?? 0
    const lease = leaseAt(voter.leases, id)
    if (lease !== undefined && sameBallot(lease.ballot, ballot)) pushRun(freed, seq, 1)
  })
  clearLease(voter.leases, ledger, freed)
  offer(ledger, freed, now)
}

/** The holder may live: its lease is armed again, at full length once the replay is over. */
function replayGrant(
  voter: VoterState,
  ledger: Ledger,
  claimId: number,
  { ballot, seqs }: { ballot: DecidedRange['ballot']; seqs: Ranges },
  now: Millis,
): void {
  const open: number[] = []
  eachSeq(seqs, seq => {
    if (findPage(ledger, seq)?.state[seq % ledger.pageTasks] === OPEN) pushRun(open, seq, 1)
  })
  if (open.length === 0) return
  count(ledger, open, 1)
  clearLease(voter.leases, ledger, open)
  const until = now + voter.leaseMs
  const grant = { holder: ballot.proposer, claimId, ballot, until, tentative: false }
  grantLease(voter.leases, ledger, grant, open)
}

function replayAccept(
  voter: VoterState,
  ledger: Ledger,
  ballot: DecidedRange['ballot'],
  values: Values,
  dueAt: Millis,
  now: Millis,
): void {
  const by = proposerAt(ledger, ballot.proposer)
  removeRuns(ledger.inherited, values.seqs)
  const index = keepValues(ledger, values)
  voter.bytes += values.body.length
  const open: number[] = []
  eachSeq(values.seqs, seq => {
    if (collectedState(ledger.collected, seq) !== undefined) return
    const page = pageOf(ledger, seq)
    const slot = seq % ledger.pageTasks
    page.accepted[slot] = ballot.counter
    page.acceptedBy[slot] = by
    voter.bytes -= setValue(ledger, page, slot, index)
    if (page.state[slot] === OPEN) pushRun(open, seq, 1)
  })
  clearLease(voter.leases, ledger, open)
  ledger.counter = Math.max(ledger.counter, ballot.counter)
  eachSpecRun(ledger, open, (spec, first, run) => {
    makeUnready(ledger, spec, first, run)
    if (!isTerminal(values)) makeReadyAgain(ledger, spec, first, run, dueAt, now)
  })
  if (!isTerminal(values) || open.length === 0) return
  const at = now + finishMs * (1 + ledger.index)
  awaitDecision(voter, { at, ledger: ledger.info.ledger, ballot, seqs: open })
}

function replaySettled(
  voter: VoterState,
  ledger: Ledger,
  outcome: DecidedRange,
  settledAt: Millis,
  now: Millis,
): void {
  for (const values of outcome.values) {
    replayAccept(voter, ledger, outcome.ballot, values, now, now)
  }
  clearLease(voter.leases, ledger, outcome.seqs)
  eachSpecRun(ledger, outcome.seqs, (spec, first, run) => {
    makeUnready(ledger, spec, first, run)
  })
  const news: number[] = []
  const bare: number[] = []
  eachSeq(outcome.seqs, seq => {
    if (stateAt(ledger, seq) > OPEN) return
    const page = pageOf(ledger, seq)
    const slot = seq % ledger.pageTasks
    page.state[slot] = stateOf(outcome.kind)
    closeRecord(voter, ledger, seq)
    pushRun(page.value[slot] === 0 ? bare : news, seq, 1)
  })
  keepOutcomes(voter, ledger, news, outcome.kind, settledAt)
  for (let i = 0; i < outcome.seqs.length; i += 2) {
    addRun(ledger.settled, outcome.seqs[i] as number, outcome.seqs[i + 1] as number)
    addRun(ledger.stored, outcome.seqs[i] as number, outcome.seqs[i + 1] as number)
  }
  // Versions before this one did not write all values that others had accepted.
  if (bare.length > 0) collect(voter, ledger, { ...noneCollected(), [outcome.kind]: bare })
}

/**
 * Ends the replay. Promises were not written down one by one: every open register counts as
 * promised at its ledger's mark. Leases that a lost write may have held block new holders.
 */
export function recoverVoter(voter: VoterState, self: NodeId, intact: boolean, now: Millis): void {
  const blockedUntil = intact ? voter.blockedUntil : now + voter.leaseMs
  for (const ledger of voter.ledgers.values()) {
    ledger.counter = Math.max(ledger.counter, ledger.mark)
    for (const page of ledger.pages.values()) promiseMark(ledger, page)
    ledger.blockedUntil = blockedUntil > now ? blockedUntil : 0
    // Where nothing is open, others may have nothing left of it: nobody needs to be told to vote.
    ledger.isWhole ||= !hasOpenTasks(ledger)
  }
  for (const lease of [...voter.leases.byId.values()]) {
    if (lease.until === Infinity) continue
    lease.until = now + voter.leaseMs
    const ours = peerOf(lease.holder) === peerOf(self)
    if (ours) endLease(voter.leases, voter.ledgers, lease, now)
  }
  voter.leases.lapseAt = voter.leases.byId.size === 0 ? Infinity : now + voter.leaseMs
}

/** A wall clock that was set back must not make a block longer than it was. */
function replayBlock(voter: VoterState, { untilWallMs }: BlockedEntry, now: Millis): void {
  const until = Math.min(untilWallMs - voter.wallOffsetMs, now + voter.leaseMs)
  voter.blockedUntil = Math.max(voter.blockedUntil, until)
}

/** Writes down until when nothing is granted: a restart must not make an end of it. */
export function writeBlock(voter: VoterState, outbox: Outbox, until: Millis, now: Millis): void {
  if (until <= Math.max(now, voter.blockedUntil)) return
  voter.blockedUntil = until
  persist(outbox, { type: 'blocked', untilWallMs: Math.ceil(until + voter.wallOffsetMs) })
}

function promiseMark(ledger: Ledger, page: Page): void {
  for (let slot = 0; slot < ledger.pageTasks; slot++) {
    if (page.state[slot] !== OPEN) continue
    const accepted = page.accepted[slot] as number
    if (accepted > ledger.mark) {
      page.promised[slot] = accepted
      page.promisedBy[slot] = page.acceptedBy[slot] as number
    } else {
      page.promised[slot] = ledger.mark
      page.promisedBy[slot] = 0
    }
  }
}

/** Ends the block of a restart, once it is over. */
export function unblock(voter: VoterState, now: Millis): void {
  for (const ledger of voter.ledgers.values()) {
    if (ledger.blockedUntil <= now) ledger.blockedUntil = 0
  }
}
