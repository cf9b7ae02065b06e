import { type Ballot, noBallot, sameBallot } from './ballot.ts'
import { collectedIn, type CollectedTasks } from './collected.ts'
import type { Elected, Installed, Invited } from './change-messages.ts'
import type { LedgerId, Millis, NodeId, PeerId } from './ids.ts'
import type { Ledger } from './ledger.ts'
import type { LedgerInfo, Voter } from './messages.ts'
import { forgetLedger, isAmong } from './office.ts'
import { type Outbox, send } from './outbox.ts'
import { majorityOf } from './quorum.ts'
import { nextFraction, type Random } from './random.ts'
import type { VoterState } from './voter.ts'

/** How long an answer is waited for before a message is sent again, in milliseconds. */
export const resendMs = 2_000

/** How long a stage may take before the change is given up, unless it is decided. */
export const giveUpMs = 60_000

/** How often a vote on the next voters is tried again before it is left to others. */
const maxTries = 12

/** Longest wait before it is tried again, in milliseconds. */
const maxWaitMs = 5_000

/**
 * One attempt to have other voters keep a ledger. Newcomers first copy it; then a majority of the
 * present voters promises, accepts the next voters and so decides them; then every one of those
 * takes up its office.
 */
export interface Change {
  /** The epoch that is to end. */
  readonly info: LedgerInfo
  /** Who is to keep the ledger next: as wanted, then as decided. */
  voters: readonly Voter[]
  stage: 'copying' | 'asking' | 'choosing' | 'installing'
  ballot: Ballot
  /** Who has answered in this stage. */
  readonly answered: Set<PeerId>
  /** What has been accepted at the highest ballot that is known of. */
  accepted: Ballot
  found: readonly Voter[]
  tries: number
  /** The number that the ledger ends at, or −1 while it is open. */
  end: number
  /** When this stage began. */
  since: Millis
  sentAt: Millis
  /** When it is tried again; Infinity while it is under way. */
  againAt: Millis
}

/** Who has been asked to keep a standing copy of a ledger. */
export interface Standing {
  readonly peer: PeerId
  /** Its connection then, by when that began. */
  readonly upSince: Millis
  readonly askedAt: Millis
  readonly epoch: number
}

/** Everything a node knows of changes that it drives. */
export interface ChangerState {
  readonly self: PeerId
  readonly node: NodeId
  readonly random: Random
  readonly changes: Map<LedgerId, Change>
  /** No ballot of this node has a higher counter. */
  counter: number
  /** Newcomers that have not copied in time. */
  silent: PeerId[]
  /** When it was first seen that a ledger's next voters have been voted for. */
  readonly noticed: Map<LedgerId, Millis>
  /** Who keeps copies of the ledgers in which this node votes alone. */
  readonly observers: Map<LedgerId, Standing>
  /** Ledgers that are not handed over when this node stops. */
  readonly stay: Set<LedgerId>
  /** Since when ledgers should have other voters. */
  readonly wanted: Map<LedgerId, Millis>
  /** When it is looked again for ledgers that should. */
  lookAt: Millis
  /** When this node has begun to see who is there. */
  startedAt: Millis
}

/** No changes. */
export function createChanger(init: Pick<ChangerState, 'self' | 'node' | 'random'>): ChangerState {
  return {
    ...init,
    changes: new Map(),
    counter: 0,
    silent: [],
    noticed: new Map(),
    observers: new Map(),
    stay: new Set(),
    wanted: new Map(),
    lookAt: 0,
    startedAt: 0,
  }
}

/** Begins to have other voters keep a ledger; from a later stage if that far is decided. */
export function openChange(
  changer: ChangerState,
  outbox: Outbox,
  { info, end }: Pick<Ledger, 'info' | 'end'>,
  voters: readonly Voter[],
  stage: Change['stage'],
  now: Millis,
): Change {
  const change: Change = {
    info,
    voters,
    stage,
    ballot: noBallot,
    answered: new Set(),
    accepted: noBallot,
    found: [],
    tries: 0,
    end,
    since: now,
    sentAt: now,
    againAt: Infinity,
  }
  changer.changes.set(info.ledger, change)
  if (stage === 'copying' && newcomers(change).length === 0) change.stage = 'asking'
  if (change.stage === 'asking') draw(changer, change)
  say(outbox, change, now)
  return change
}

/** Members of the next epoch that do not vote in this one. */
function newcomers({ info, voters }: Change): Voter[] {
  return voters.filter(voter => !isAmong(info.voters, voter))
}

function draw(changer: ChangerState, change: Change): void {
  changer.counter += 1
  change.ballot = { counter: changer.counter, proposer: changer.node }
  change.accepted = noBallot
  change.found = []
  change.againAt = Infinity
  change.answered.clear()
}

function enter(outbox: Outbox, change: Change, stage: Change['stage'], now: Millis): void {
  change.stage = stage
  change.since = now
  change.answered.clear()
  say(outbox, change, now)
}

/** Says what this stage has to say to those who have not answered it. */
function say(outbox: Outbox, change: Change, now: Millis, up?: ReadonlySet<PeerId>): void {
  const { info, stage, ballot, voters, answered } = change
  const { ledger, epoch } = info
  change.sentAt = now
  const to = stage === 'copying' ? newcomers(change) : stage === 'installing' ? voters : info.voters
  for (const { peer } of to) {
    if (answered.has(peer) || up?.has(peer) === false) continue
    if (stage === 'copying') send(outbox, peer, { type: 'invite', ...info, standing: false })
    else if (stage === 'installing') send(outbox, peer, installOf(change))
    else {
      const chosen = stage === 'choosing' ? voters : []
      send(outbox, peer, { type: 'elect', ledger, epoch, ballot, voters: chosen })
    }
  }
}

function installOf({ info, voters, end }: Change) {
  const { ledger, epoch, producer } = info
  const next = { ledger, epoch: epoch + 1, producer, voters }
  return { type: 'install', ...next, before: info.voters, end } as const
}

/** A newcomer has a copy. */
export function onInvited(
  changer: ChangerState,
  outbox: Outbox,
  from: PeerId,
  { ledger, epoch }: Invited,
  now: Millis,
): void {
  const change = changer.changes.get(ledger)
  if (change?.stage !== 'copying' || change.info.epoch !== epoch) return
  change.answered.add(from)
  if (newcomers(change).some(({ peer }) => !change.answered.has(peer))) return
  draw(changer, change)
  enter(outbox, change, 'asking', now)
}

/** A newcomer that is back on another storage is not voted for: its copy is gone. */
export function dropLost(changer: ChangerState, { peer, storageId }: Voter): void {
  for (const [id, change] of changer.changes) {
    if (change.stage !== 'copying' && change.stage !== 'asking') continue
    const came = newcomers(change).find(newcomer => newcomer.peer === peer)
    if (came !== undefined && came.storageId !== storageId) changer.changes.delete(id)
  }
}

/** A voter has promised or accepted, or has promised somebody else. */
export function onElected(
  changer: ChangerState,
  outbox: Outbox,
  from: PeerId,
  elected: Elected,
  now: Millis,
): void {
  if (elected.counter > changer.counter) changer.counter = elected.counter
  const change = changer.changes.get(elected.ledger)
  if (change === undefined || change.info.epoch !== elected.epoch) return
  const { info, stage, ballot } = change
  if (stage !== 'asking' && stage !== 'choosing') return
  if (!sameBallot(ballot, elected.ballot) || !info.voters.some(({ peer }) => peer === from)) return
  if (!elected.granted) return overtaken(changer, change, now)
  const isAccept = sameBallot(elected.accepted, ballot)
  if (stage === 'choosing' && !isAccept) return
  change.answered.add(from)
  if (stage === 'asking' && elected.accepted.counter > change.accepted.counter) {
    change.accepted = elected.accepted
    change.found = elected.voters
  }
  if (change.answered.size < majorityOf(info.voters.length)) return
  if (stage === 'choosing') return enter(outbox, change, 'installing', now)
  // What may have been decided already is what is decided.
  if (change.accepted.counter > 0) change.voters = change.found
  enter(outbox, change, 'choosing', now)
}

/** Somebody else is ahead: it is tried again later, under a higher ballot. */
function overtaken(changer: ChangerState, change: Change, now: Millis): void {
  if (change.againAt !== Infinity) return
  change.tries += 1
  const waitMs = Math.min(maxWaitMs, 100 * 2 ** change.tries)
  change.againAt = now + waitMs * (0.5 + nextFraction(changer.random))
}

/** The next voters are known to be decided: they are told to take up their office. */
export function sawSuccessor(
  changer: ChangerState,
  outbox: Outbox,
  successor: LedgerInfo,
  now: Millis,
): void {
  const change = changer.changes.get(successor.ledger)
  if (change === undefined || successor.epoch <= change.info.epoch) return
  if (successor.epoch > change.info.epoch + 1) changer.changes.delete(successor.ledger)
  else if (change.stage !== 'installing') {
    change.voters = successor.voters
    enter(outbox, change, 'installing', now)
  }
}

/** A member of the next epoch has taken up its office; with the last of them the change is over. */
export function onInstalled(
  changer: ChangerState,
  voter: VoterState,
  outbox: Outbox,
  from: PeerId,
  { ledger: id, epoch }: Installed,
): void {
  const change = changer.changes.get(id)
  if (change?.stage !== 'installing' || change.info.epoch + 1 !== epoch) return
  change.answered.add(from)
  if (change.voters.some(({ peer }) => !change.answered.has(peer))) return
  changer.changes.delete(id)
  const ledger = voter.ledgers.get(id)
  if (ledger?.info.epoch === epoch) ledger.isWhole = true
  const over = ledger?.office === 'sealed' && ledger.info.epoch < epoch
  if (ledger !== undefined && over && !isAmong(change.voters, voter)) {
    forgetLedger(voter, outbox, ledger)
  }
}

/** A member of the next epoch that has nothing left of the ledger need not take up its office. */
export function onNothingLeft(
  changer: ChangerState,
  voter: VoterState,
  outbox: Outbox,
  from: PeerId,
  collected: CollectedTasks,
): void {
  const { ledger, end } = collected
  const change = changer.changes.get(ledger)
  if (change === undefined || end < 0 || collectedIn(collected, 0, end) < end) return
  const epoch = change.info.epoch + 1
  onInstalled(changer, voter, outbox, from, { type: 'installed', ledger, epoch })
}

/** Says again what was not answered, and gives up what leads nowhere. */
export function tickChanges(
  changer: ChangerState,
  voter: VoterState,
  outbox: Outbox,
  up: ReadonlySet<PeerId>,
  now: Millis,
): void {
  for (const [id, change] of changer.changes) {
    const { stage, since, tries } = change
    change.end = voter.ledgers.get(id)?.end ?? change.end
    if (isPointless(change, voter, up)) changer.changes.delete(id)
    else if (stage !== 'installing' && (now >= since + giveUpMs || tries > maxTries)) {
      const silent = stage === 'copying' ? newcomers(change) : []
      for (const { peer } of silent) if (!change.answered.has(peer)) changer.silent.push(peer)
      changer.changes.delete(id)
    } else if (now >= change.againAt) {
      draw(changer, change)
      enter(outbox, change, 'asking', now)
    } else if (change.againAt === Infinity && now >= change.sentAt + resendMs) {
      say(outbox, change, now, up)
    }
  }
}

/** Whether a change need not go on: somebody else may take the place, or nothing is left. */
function isPointless(change: Change, voter: VoterState, up: ReadonlySet<PeerId>): boolean {
  const { info, stage } = change
  if (stage === 'copying') return newcomers(change).some(({ peer }) => !up.has(peer))
  return voter.retention.retired.has(info.ledger)
}

/** When `tickChanges` has something to do. */
export function changesWakeAt(changer: ChangerState): Millis {
  let at = Infinity
  for (const { againAt, sentAt } of changer.changes.values()) {
    at = Math.min(at, againAt === Infinity ? sentAt + resendMs : againAt)
  }
  return at
}
