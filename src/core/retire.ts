import {
  type Collected,
  type CollectedKind,
  collectedIn,
  collectedKinds,
  type CollectedTasks,
  isNothing,
  noneCollected,
  pickCollected,
  stateOfKind,
} from './collected.ts'
import { noBallot } from './ballot.ts'
import type { RetiredEntry } from './entries.ts'
import type { LedgerId, Millis, PeerId } from './ids.ts'
import { addRuns } from './intervals.ts'
import { findPage, type Ledger, makeUnready } from './ledger.ts'
import { clearLease, eachSpecRun } from './lease.ts'
import type { UnknownLedger } from './messages.ts'
import { type Outbox, persist, send } from './outbox.ts'
import { dropLedger } from './office.ts'
import { bitsIn, majorityOf, voterIndex } from './quorum.ts'
import { eachSeq, endOf, type Ranges, subtract, union } from './ranges.ts'
import { closeRecord, collect } from './retention.ts'
import { closeAt, isFellow } from './voter-compare.ts'
import { holdersOf, type VoterState } from './voter.ts'

/*
 * How a ledger ends. When it is closed and all of its tasks are collected, a line is left that says
 * so, for a while: a fellow voter that was away learns from it. Who comes later is told by a majority
 * of the voters that they do not know the ledger, and gives it up.
 */

/** Runs that a retired ledger takes at the most. */
const maxRetiredRuns = 16

/** Retires the ledgers of which nothing is left to be kept, and forgets those of long ago. */
export function retireLedgers(voter: VoterState, outbox: Outbox, now: Millis): LedgerId[] {
  const retired: LedgerId[] = []
  for (const ledger of voter.ledgers.values()) {
    const { collected, stored, info } = ledger
    if (isEmptyEverywhere(ledger)) {
      dropLedger(voter, ledger)
      continue
    }
    if (ledger.end < 0) continue
    // What is held was numbered, wherever the ledger is said to end.
    const end = Math.max(ledger.end, endOf(stored))
    if (collectedIn(collected, 0, end) < end) continue
    // Another voter may hold tasks of it that its producer has forgotten with its disk.
    if (end === 0 && now < ledger.openedAt + voter.retention.keepMs) continue
    retire(voter, outbox, ledger, end, now)
    retired.push(info.ledger)
  }
  const { retention } = voter
  for (const [id, { retiredAt }] of retention.retired) {
    if (now >= retiredAt + retention.keepMs) retention.retired.delete(id)
  }
  return retired
}

/**
 * Whether no voter holds anything of a ledger, and none ever will: it has ended, or all but this one
 * do not know it any more.
 */
function isEmptyEverywhere({
  office,
  info,
  index,
  stored,
  end,
  unknownTo,
  emptyAt,
}: Ledger): boolean {
  if (office !== 'voter' || stored.length > 0) return false
  const others = end === 0 ? unknownTo | emptyAt : unknownTo
  if (end < 0 && others === 0) return false
  return bitsIn(others | (1 << index)) === info.voters.length
}

function retire(voter: VoterState, outbox: Outbox, ledger: Ledger, end: number, now: Millis): void {
  const { ledger: id, epoch } = ledger.info
  const { failed, cancelled, forgotten } = short(ledger.collected, end)
  const retiredWallMs = Math.round(now + voter.wallOffsetMs)
  const others = { failed, cancelled, forgotten }
  persist(outbox, { type: 'retired', ledger: id, epoch, end, retiredWallMs, ...others })
  dropLedger(voter, ledger)
  setRetired(voter, { ledger: id, epoch, end, ...others }, now)
}

/** How its tasks have ended is remembered, too, if that can be said in a few words. */
function short(collected: Collected, end: number): Collected {
  const { failed, cancelled, forgotten } = collected
  const runs = failed.length + cancelled.length + forgotten.length
  return runs <= maxRetiredRuns * 2 ? collected : { ...noneCollected(), forgotten: [0, end] }
}

/** Remembers of a ledger that all of its tasks are settled, and which of them are not done. */
export function setRetired(
  { retention }: VoterState,
  {
    ledger,
    epoch,
    end,
    failed,
    cancelled,
    forgotten,
  }: Omit<RetiredEntry, 'type' | 'retiredWallMs'>,
  retiredAt: Millis,
): void {
  const done = subtract([0, end], union(union(failed, cancelled), forgotten))
  const collected = { done, failed, cancelled, forgotten }
  retention.retired.set(ledger, { epoch, end, retiredAt, collected })
}

/** A fellow voter has collected what is open here: it is settled, and nobody may run it any more. */
export function onCollected(
  voter: VoterState,
  outbox: Outbox,
  from: PeerId,
  message: CollectedTasks,
): void {
  const ledger = voter.ledgers.get(message.ledger)
  if (ledger === undefined || !isFellow(ledger, from)) return
  closeAt(outbox, ledger, message.end)
  takeCollected(voter, outbox, ledger, message)
}

/** Takes over that tasks are settled whose outcomes are not told. That is true in every epoch. */
export function takeCollected(
  voter: VoterState,
  outbox: Outbox,
  ledger: Ledger,
  collected: Collected,
): void {
  const news = pickCollected(collected, ledger.settled, 'without')
  if (isNothing(news)) return
  settleCollected(voter, outbox, ledger, news)
  const { done, failed, cancelled, forgotten } = news
  const { ledger: id } = ledger.info
  persist(outbox, { type: 'collected', ledger: id, done, failed, cancelled, forgotten })
  voter.retention.news.push({ info: ledger.info, end: ledger.end, collected: news })
}

function settleCollected(
  voter: VoterState,
  outbox: Outbox,
  ledger: Ledger,
  collected: Collected,
): void {
  for (const kind of collectedKinds) {
    const seqs = collected[kind]
    for (const [peer, lost] of holdersOf(voter, ledger, seqs, noBallot)) {
      send(outbox, peer, { type: 'lost', lost, cancelled: kind === 'cancelled' })
    }
    closeRegisters(voter, ledger, seqs, kind)
  }
  collect(voter, ledger, collected)
}

/** Ends registers without an outcome, as the state of their kind. */
export function closeRegisters(
  voter: VoterState,
  ledger: Ledger,
  seqs: Ranges,
  kind: CollectedKind,
): void {
  clearLease(voter.leases, ledger, seqs)
  eachSpecRun(ledger, seqs, (spec, first, count) => {
    makeUnready(ledger, spec, first, count)
  })
  const state = stateOfKind(kind)
  eachSeq(seqs, seq => {
    const page = findPage(ledger, seq)
    if (page !== undefined) page.state[seq % ledger.pageTasks] = state
    closeRecord(voter, ledger, seq)
  })
  addRuns(ledger.settled, seqs)
  addRuns(ledger.stored, seqs)
  ledger.changed = true
}

/**
 * A fellow voter does not know a ledger. Where a majority of its voters, on the very storages that
 * have voted, say so of one that was opened long ago, they have forgotten it: all is settled.
 */
export function onUnknown(
  voter: VoterState,
  outbox: Outbox,
  from: PeerId,
  storageId: string | undefined,
  { ledger: id, epoch }: UnknownLedger,
  now: Millis,
): void {
  const ledger = voter.ledgers.get(id)
  if (ledger === undefined || ledger.info.epoch !== epoch) return
  const { voters } = ledger.info
  const index = voterIndex(ledger.info, from)
  if (index < 0 || voters[index]?.storageId !== storageId) return
  ledger.unknownTo |= 1 << index
  if (bitsIn(ledger.unknownTo) < majorityOf(voters.length)) return
  // Whoever keeps a copy does not know when it was opened: not after it was copied.
  const since = ledger.office === 'observer' ? ledger.since : ledger.openedAt
  if (now < since + voter.retention.keepMs) return
  const { stored } = ledger
  const open = subtract(stored, ledger.settled)
  if (open.length > 0) {
    const collected = { ...noneCollected(), forgotten: open }
    settleCollected(voter, outbox, ledger, collected)
    voter.retention.news.push({ info: ledger.info, end: ledger.end, collected })
  }
  retire(voter, outbox, ledger, Math.max(ledger.end, endOf(stored)), now)
}
