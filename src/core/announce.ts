import { addHint, dropHint, type Hints } from './hints.ts'
import type { LedgerId, Millis, PeerId } from './ids.ts'
import { chunkOfSeq, type Ledger } from './ledger.ts'
import { fullPeers, type Membership, peerAt } from './membership.ts'
import type {
  LedgerInfo,
  Backlog,
  Backlogs,
  Hint,
  LedgerBacklog,
  Sync,
  TaskSpec,
} from './messages.ts'
import { votedLedger } from './office.ts'
import { type Outbox, send } from './outbox.ts'
import { voterIndex, votesWith } from './quorum.ts'
import { countOf, type Ranges, subtract } from './ranges.ts'
import type { VoterState } from './voter.ts'
import { isLarge, keepWaiting, offerTasks, type Waiters } from './waiting.ts'

/** First wait before what stays unclaimed is announced again, and the longest, in milliseconds. */
export const reannounceMs = 2_000
export const maxReannounceMs = 30_000

/** How long each voter leaves it to the one before to announce what was given back. */
const staggerMs = 100

/** How often a node tells how much room it has, in milliseconds. */
export const presenceMs = 3_000

/** First and longest wait between two pulls of an idle worker, in milliseconds. */
export const syncMs = 1_000
export const maxSyncMs = 10_000

/** Runs of tasks that an announcement names per class, to stay within a kilobyte. */
const announcedRuns = 16

/** Ledgers and runs per class that an answer to SYNC names. */
const syncLedgers = 64
const syncRuns = 256

/** When a ledger's open tasks are announced again. */
interface Round {
  round: number
  at: Millis
  waitMs: number
  /** Tasks that were offered to workers which wait, since the round before. */
  offered: Ranges
}

/** What a node has told and asked others. */
export interface AnnounceState {
  readonly rounds: Map<LedgerId, Round>
  readonly hints: Hints
  readonly waiters: Waiters
  presenceAt: Millis
  presenceFree: number
  syncAt: Millis
  syncWaitMs: number
  syncNext: number
}

/** Nothing told, nothing heard. */
export function createAnnounce(): AnnounceState {
  return {
    rounds: new Map(),
    hints: new Map(),
    waiters: new Map(),
    presenceAt: 0,
    presenceFree: -1,
    syncAt: 0,
    syncWaitMs: syncMs,
    syncNext: 0,
  }
}

/** Whether there are workers that do not vote in a ledger, so that hints are of use. */
export function hasAudience(members: Membership, info: LedgerInfo, unknownTo = 0): boolean {
  for (const { peer, hello } of fullPeers(members)) {
    if (hello.concurrency > 0 && !votesWith(info, unknownTo, peer, hello.storageId)) return true
  }
  return false
}

/** Open tasks of a ledger per class, naming some of them, but for those that are left out. */
function backlogsOf(ledger: Ledger, without: Ranges, runs: number, now: Millis): Backlog[] {
  const classes: Backlog[] = []
  for (const index of ledger.readySpecs) {
    const spec = ledger.specs[index] as TaskSpec
    const all = ledger.ready[index] as number[]
    const ready = without.length === 0 ? all : subtract(all, without)
    if (ready.length === 0) continue
    const { queue, priority, requires } = spec
    const publishedAt = chunkOfSeq(ledger, ready[0] as number)?.publishedAt ?? now
    const ageMs = Math.max(0, Math.round(now - publishedAt))
    const seqs = ready.slice(0, runs * 2)
    classes.push({ queue, priority, requires, ageMs, backlog: countOf(ready), seqs })
  }
  return classes
}

/** Announces ledgers with new tasks. */
export function announceFresh(
  announce: AnnounceState,
  voter: VoterState,
  outbox: Outbox,
  members: Membership,
  fresh: Set<LedgerId>,
  now: Millis,
): Hint[] {
  const hints: Hint[] = []
  for (const id of fresh) {
    const ledger = votedLedger(voter, id)
    if (ledger === undefined) continue
    const hint = announcement(announce, outbox, members, ledger, now)
    if (hint !== undefined) hints.push(hint)
  }
  fresh.clear()
  return hints
}

/** What is told to all: that which nobody who waits is there for. */
function announcement(
  announce: AnnounceState,
  outbox: Outbox,
  members: Membership,
  ledger: Ledger,
  now: Millis,
): Hint | undefined {
  const { info, counter, unknownTo } = ledger
  const round = roundOf(announce, ledger, now)
  round.offered = offerTasks(announce.waiters, members, outbox, ledger, round.offered, now)
  const classes = backlogsOf(ledger, round.offered, announcedRuns, now).slice(0, 8)
  if (classes.length === 0 || !hasAudience(members, info, unknownTo)) return undefined
  round.round += 1
  return { type: 'announce', info, round: round.round, counter, classes }
}

function roundOf(announce: AnnounceState, ledger: Ledger, now: Millis): Round {
  const { ledger: id } = ledger.info
  let round = announce.rounds.get(id)
  if (round === undefined) {
    const at = now + reannounceMs * (1 + ledger.index)
    announce.rounds.set(id, (round = { round: 0, at, waitMs: reannounceMs, offered: [] }))
  }
  return round
}

/** Announces again what stays unclaimed: the first voter first, the next ones if it is silent. */
export function reannounce(
  announce: AnnounceState,
  voter: VoterState,
  outbox: Outbox,
  members: Membership,
  now: Millis,
): Hint[] {
  const hints: Hint[] = []
  for (const ledger of voter.ledgers.values()) {
    const { ledger: id } = ledger.info
    if (ledger.office !== 'voter' || ledger.readySpecs.length === 0) {
      announce.rounds.delete(id)
      continue
    }
    const round = roundOf(announce, ledger, now)
    if (round.at > now) continue
    round.offered = []
    const hint = announcement(announce, outbox, members, ledger, now)
    if (hint !== undefined) hints.push(hint)
    round.waitMs = Math.min(maxReannounceMs, round.waitMs * 2)
    round.at = now + round.waitMs + reannounceMs * ledger.index
  }
  for (const id of announce.rounds.keys()) if (!voter.ledgers.has(id)) announce.rounds.delete(id)
  return hints
}

/**
 * A worker has given tasks back: idle ones hear of them at once, from the first voter that lives,
 * and need not wait until it is asked or the next round has come.
 */
export function announceAgain(announce: AnnounceState, ledger: Ledger, now: Millis): void {
  const round = roundOf(announce, ledger, now)
  round.waitMs = reannounceMs
  round.at = Math.min(round.at, now + staggerMs * ledger.index)
}

/** When something is announced next. */
export function announceWakeAt(announce: AnnounceState): Millis {
  let at = Infinity
  for (const round of announce.rounds.values()) at = Math.min(at, round.at)
  return at
}

/** Takes hints in. They may be late, twice or false: nothing is decided by them. */
export function onHints(
  announce: AnnounceState,
  voter: VoterState,
  members: Membership,
  from: PeerId,
  hints: readonly Hint[],
  serves: (queue: string) => boolean,
  now: Millis,
): void {
  for (const hint of hints) {
    switch (hint.type) {
      case 'announce': {
        const own = votedLedger(voter, hint.info.ledger)
        const round = announce.rounds.get(hint.info.ledger)
        const index = own === undefined ? -1 : voterIndex(own.info, from)
        // Another voter has just told everybody: this one need not.
        if (own !== undefined && round !== undefined && index >= 0 && index < own.index) {
          round.at = Math.max(round.at, now + round.waitMs + reannounceMs * own.index)
        }
        const wanted = hint.classes.filter(({ queue }) => serves(queue))
        if (own === undefined && wanted.length > 0) addHint(announce.hints, hint.info, wanted, now)
        break
      }
      case 'taken':
        dropHint(announce.hints, hint.ledger, hint.seqs)
        break
      case 'presence': {
        const peer = peerAt(members, from)
        peer.free = hint.free
        peer.freeAt = now
        break
      }
      default:
        hint satisfies never
    }
  }
}

/** Tells how much room this node has, when that has changed or is long ago; not in a large mesh. */
export function presence(
  announce: AnnounceState,
  members: Membership,
  queues: readonly string[],
  concurrency: number,
  free: number,
  now: Millis,
): Hint[] {
  if (now < announce.presenceAt || isLarge(members)) return []
  const changed = (free === 0) !== (announce.presenceFree === 0)
  announce.presenceAt = now + presenceMs
  if (!changed && announce.presenceFree >= 0) return []
  announce.presenceFree = free
  return [{ type: 'presence', queues, concurrency, free }]
}

/**
 * An idle worker that knows of nothing asks the nodes it is connected with, one after another. In a
 * large mesh it waits there for a while, and asks one of those besides that have had tasks.
 */
export function pull(
  announce: AnnounceState,
  outbox: Outbox,
  members: Membership,
  queues: readonly string[],
  free: number,
  now: Millis,
): void {
  if (now < announce.syncAt) return
  const peers = [...fullPeers(members)]
  announce.syncAt = now + announce.syncWaitMs
  announce.syncWaitMs = Math.min(maxSyncMs, announce.syncWaitMs * 2)
  if (peers.length === 0) return
  announce.syncNext = (announce.syncNext + 1) % peers.length
  const large = isLarge(members)
  // Besides, not instead: what others have must be found without hints, too, before long.
  const busy = large ? busyVoter(announce, members) : undefined
  for (const peer of new Set([peers[announce.syncNext]?.peer, busy])) {
    if (peer !== undefined) send(outbox, peer, { type: 'sync', queues, slots: large ? free : 0 })
  }
}

/** A voter of the ledger that was heard of last; another one each time. */
function busyVoter({ hints, syncNext }: AnnounceState, members: Membership): PeerId | undefined {
  let busy: PeerId | undefined
  let heardAt = -Infinity
  for (const hint of hints.values()) {
    if (hint.heardAt <= heardAt) continue
    const up = hint.info.voters.filter(({ peer }) => members.peers.get(peer)?.up === true)
    const voter = up[syncNext % up.length]
    if (voter === undefined) continue
    busy = voter.peer
    heardAt = hint.heardAt
  }
  return busy
}

/** Answers SYNC with the open tasks of the ledgers that this node votes in. */
export function onSync(
  announce: AnnounceState,
  voter: VoterState,
  outbox: Outbox,
  members: Membership,
  from: PeerId,
  sync: Sync,
  now: Millis,
): void {
  const { queues } = sync
  keepWaiting(announce.waiters, from, sync, now)
  const storageId = members.peers.get(from)?.hello?.storageId ?? ''
  const ledgers: LedgerBacklog[] = []
  for (const ledger of voter.ledgers.values()) {
    if (ledgers.length >= syncLedgers) break
    const { info, counter, unknownTo, office } = ledger
    if (office !== 'voter' || votesWith(info, unknownTo, from, storageId)) continue
    const classes = backlogsOf(ledger, [], syncRuns, now).filter(({ queue }) =>
      queues.includes(queue),
    )
    if (classes.length > 0) ledgers.push({ info, counter, classes: classes.slice(0, 64) })
  }
  send(outbox, from, { type: 'backlogs', ledgers, offered: false })
}

/** Learns open tasks that were asked for or offered. Returns whether there were any. */
export function onBacklogs(
  announce: AnnounceState,
  voter: VoterState,
  { ledgers, offered }: Backlogs,
  now: Millis,
): boolean {
  let some = false
  for (const { info, classes } of ledgers) {
    if (votedLedger(voter, info.ledger) !== undefined) continue
    addHint(announce.hints, info, classes, now, offered)
    some = true
  }
  if (some) announce.syncWaitMs = syncMs
  return some
}
