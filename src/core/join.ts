import type { Install, State } from './change-messages.ts'
import { type Millis, type PeerId, peerOf } from './ids.ts'
import { createLedger, type Ledger } from './ledger.ts'
import type { LedgerInfo, Voter } from './messages.ts'
import { collectLeases, type FoundLease, takeOffice } from './installing.ts'
import { takePart } from './merge.ts'
import { isAmong, latestInfo } from './office.ts'
import { type Outbox, persist, send } from './outbox.ts'
import { majorityOf } from './quorum.ts'
import { heldFrom } from './state-part.ts'
import { tellRetired } from './tell-collected.ts'
import { closeAt } from './voter-compare.ts'
import { sealLedger } from './voter-seal.ts'
import { ledgersOf, maxLedgersPerProducer } from './voter-store.ts'
import type { VoterState } from './voter.ts'

/** How long a node has to give a part before it is asked again, in milliseconds. */
export const partMs = 1_000

/** How long before a member that has told what it had sealed is asked whether it votes, in milliseconds. */
export const againMs = 5_000

/** One node that is asked for what it holds, part by part. */
interface Source {
  /** Where the next part begins, and when it was asked for. */
  from: number
  askedAt: Millis
  /** The lowest epoch that its parts were about. */
  epoch: number
  done: boolean
}

/** A ledger that this storage is about to vote in. */
export interface Join {
  /** The epoch that begins. */
  readonly info: LedgerInfo
  /** The voters of the epoch before; nobody if that is not known. */
  before: readonly Voter[]
  readonly sources: Map<PeerId, Source>
  /** Voters before whose sealed state is here as a whole. */
  readonly sealed: Set<PeerId>
  /** Whether all of what a member of the new epoch holds is here. */
  copied: boolean
  readonly leases: FoundLease[]
  blockedUntil: Millis
  /** Who is told that it is done. */
  readonly tell: Set<PeerId>
}

/** Takes up an office in the next epoch, or says that this storage has it already. */
export function onInstall(
  voter: VoterState,
  outbox: Outbox,
  up: ReadonlySet<PeerId>,
  from: PeerId,
  install: Install,
  now: Millis,
): void {
  const { ledger: id, epoch, producer, voters, before, end } = install
  const info: LedgerInfo = { ledger: id, epoch, producer, voters }
  // Where nothing is left of a ledger there is nothing to vote on: whoever asks learns that.
  if (tellRetired(voter, outbox, from, id)) return
  const known = voter.ledgers.get(id)
  const latest = known === undefined ? voter.moved.get(id) : latestInfo(known)
  if (known?.office === 'voter' && known.info.epoch === epoch) {
    closeAt(outbox, known, end)
    send(outbox, from, { type: 'installed', ledger: id, epoch }, known.openedLsn)
    return
  }
  if (latest !== undefined && latest.epoch > epoch) {
    send(outbox, from, { type: 'moved', ledger: id, epoch, info: latest })
    return
  }
  if (!isAmong(voters, voter)) return
  if (known === undefined && ledgersOf(voter, peerOf(producer)) >= maxLedgersPerProducer) return
  const ledger = known ?? observe(voter, outbox, { ...info, epoch: epoch - 1, voters: before }, now)
  closeAt(outbox, ledger, end)
  const join = joinOf(voter, outbox, ledger, info, before, now)
  join.tell.add(from)
  goOn(voter, outbox, up, join, now)
}

/** Begins to keep a copy of a ledger. */
export function observe(voter: VoterState, outbox: Outbox, info: LedgerInfo, now: Millis): Ledger {
  const { ledger: id, epoch, producer, voters } = info
  const lsn = persist(outbox, { type: 'observed', ledger: id, epoch, producer, voters })
  const ledger = createLedger(info, -1, voter.pageTasks, lsn)
  ledger.since = now
  voter.ledgers.set(id, ledger)
  voter.moved.delete(id)
  // Of a ledger of its own this node may know more than those who keep it.
  closeAt(outbox, ledger, voter.ends.get(id)?.end ?? -1)
  voter.ends.delete(id)
  return ledger
}

/** What is under way towards an epoch; a voter of the epoch before seals its own state first. */
function joinOf(
  voter: VoterState,
  outbox: Outbox,
  ledger: Ledger,
  info: LedgerInfo,
  before: readonly Voter[],
  now: Millis,
): Join {
  const under = voter.joins.get(info.ledger)
  if (under !== undefined && under.info.epoch >= info.epoch) {
    if (under.info.epoch === info.epoch && under.before.length === 0) under.before = before
    return under
  }
  const last = ledger.info.epoch === info.epoch - 1
  // One that has missed epochs in between has nothing to say in its own any more, either.
  if (ledger.office === 'voter') sealLedger(voter, outbox, ledger, info, now)
  const votes = ledger.office === 'sealed' && last
  const join: Join = {
    info,
    before: votes ? ledger.info.voters : before,
    sources: new Map(),
    sealed: new Set(votes ? [voter.peer] : []),
    copied: false,
    leases: votes ? collectLeases(voter, ledger) : [],
    blockedUntil: 0,
    tell: new Set(),
  }
  voter.joins.set(info.ledger, join)
  voter.copies.delete(info.ledger)
  return join
}

/**
 * Whether all is here that a member of the new epoch must know. A voter before that has never begun that
 * epoch, and never will once it has begun this one, has accepted nothing there: of a majority it is
 * one, beside at least one that knows what was decided earlier still.
 */
function isComplete(voter: VoterState, ledger: Ledger, join: Join): boolean {
  const { info, copied, sealed, before } = join
  if (copied) return true
  if (before.length === 0 || sealed.size === 0) return false
  // The first epoch has been begun by all of its voters: one that does not know of it has forgotten.
  const hasNotBegun = info.epoch > 1 && ledger.office === 'observer' && isAmong(before, voter)
  return sealed.size + (hasNotBegun ? 1 : 0) >= majorityOf(before.length)
}

/** Takes up the office if all is here; else asks everybody who may have what is missing. */
function goOn(
  voter: VoterState,
  outbox: Outbox,
  up: ReadonlySet<PeerId>,
  join: Join,
  now: Millis,
): void {
  const { info, before, sources } = join
  const { ledger: id, epoch } = info
  const ledger = voter.ledgers.get(id)
  if (ledger === undefined) return
  if (isComplete(voter, ledger, join)) {
    voter.joins.delete(id)
    takeOffice(voter, outbox, ledger, join, now)
    for (const peer of join.tell) {
      send(outbox, peer, { type: 'installed', ledger: id, epoch }, ledger.openedLsn)
    }
    return
  }
  for (const { peer } of [...before, ...info.voters]) {
    if (peer === voter.peer || !up.has(peer) || sources.has(peer)) continue
    const source = { from: 0, askedAt: now, epoch, done: false }
    sources.set(peer, source)
    ask(outbox, join, ledger, peer, source, now)
  }
}

/** Asks for the next part. */
function ask(
  outbox: Outbox,
  { info }: Join,
  ledger: Ledger,
  peer: PeerId,
  source: Source,
  now: Millis,
): void {
  const { ledger: id, epoch, voters } = info
  source.askedAt = now
  const asked = heldFrom(ledger, source.from)
  send(outbox, peer, { type: 'seal', ledger: id, epoch: epoch - 1, voters, ...asked })
}

/** Takes a part in, and asks for what comes next. */
export function onState(
  voter: VoterState,
  outbox: Outbox,
  up: ReadonlySet<PeerId>,
  from: PeerId,
  part: State,
  now: Millis,
): void {
  const join = voter.joins.get(part.ledger)
  const ledger = voter.ledgers.get(part.ledger)
  const source = join?.sources.get(from)
  if (join === undefined || ledger === undefined || source === undefined) return
  const { epoch } = join.info
  if (source.done || source.from !== part.from) return
  // Who votes in the epoch before answers what it was asked about an earlier one, and may accept more yet.
  const isSealed = part.epoch === epoch - 1 && !part.voting
  if (part.epoch !== epoch && !isSealed) return
  if (!takePart(voter, outbox, ledger, part, now)) return
  closeAt(outbox, ledger, part.end)
  join.blockedUntil = Math.max(join.blockedUntil, now + part.blockedMs)
  for (const { seqs, lease, claimId, tentative } of part.registers) {
    if (lease.counter > 0) join.leases.push({ seqs, ballot: lease, claimId, tentative })
  }
  source.epoch = Math.min(source.epoch, part.epoch)
  if (part.next > source.from) {
    source.from = part.next
    return ask(outbox, join, ledger, from, source, now)
  }
  const counts = source.epoch === epoch || join.before.some(({ peer }) => peer === from)
  if (!counts) {
    // It has sealed an epoch whose voters are not known here: it is asked again, as it may vote by then.
    join.sources.set(from, { from: 0, askedAt: now, epoch, done: false })
    return
  }
  source.done = true
  // What a member of the new epoch holds is more than what a sealed majority has held.
  if (source.epoch === epoch) join.copied = true
  else join.sealed.add(from)
  goOn(voter, outbox, up, join, now)
}

/**
 * When a node is asked again. Who has told what it had sealed may vote by now: where the others have lost
 * their disks, it is all that is left.
 */
function askAgainAt({ info }: Join, peer: PeerId, { done, epoch, askedAt }: Source): Millis {
  if (!done) return askedAt + partMs
  const mayVote = epoch < info.epoch && info.voters.some(voter => voter.peer === peer)
  return mayVote ? askedAt + againMs : Infinity
}

/** Asks again where somebody does not answer or may tell more, and whoever has come. */
export function tickJoins(
  voter: VoterState,
  outbox: Outbox,
  up: ReadonlySet<PeerId>,
  now: Millis,
): void {
  for (const join of voter.joins.values()) {
    const ledger = voter.ledgers.get(join.info.ledger)
    for (const [peer, source] of join.sources) {
      if (now < askAgainAt(join, peer, source)) continue
      if (source.done || !up.has(peer)) join.sources.delete(peer)
      else if (ledger !== undefined) ask(outbox, join, ledger, peer, source, now)
    }
    goOn(voter, outbox, up, join, now)
  }
}

/** When `tickJoins` has something to do. */
export function joinsWakeAt(voter: VoterState): Millis {
  let at = Infinity
  for (const join of voter.joins.values()) {
    for (const [peer, source] of join.sources) at = Math.min(at, askAgainAt(join, peer, source))
  }
  return at
}
