import { allCollected } from './collected.ts'
import { type LedgerId, type Millis, type PeerId, peerOf } from './ids.ts'
import { addRuns, removeRuns } from './intervals.ts'
import { laterCollected, laterOutcomes } from './later-outcomes.ts'
import { fullPeers, type Membership } from './membership.ts'
import type { Fork } from './forks.ts'
import type { Outcomes, Progress, Values, Watch } from './messages.ts'
import { votedLedger } from './office.ts'
import { type Outbox, send } from './outbox.ts'
import { intersect, type Ranges, subtract } from './ranges.ts'
import { noteTold } from './retention.ts'
import { tellCollected, tellLater, tellRetired } from './tell-collected.ts'
import { pickValues } from './values.ts'
import { valuesOf, type VoterState } from './voter.ts'
import { collectedHere, type HeardCollected, hearCollected } from './watch-collected.ts'

/** How often a watch that is not answered is told again, in milliseconds. */
export const rewatchMs = 5_000

/** Peers that may wait for tasks of one ledger here. */
const maxWatchers = 4_096

/** What others and the application want to be told. */
export interface WatchState {
  /** Per ledger, who waits for which of its tasks. */
  readonly peers: Map<LedgerId, Map<PeerId, { seqs: number[]; progress: boolean }>>
  readonly application: Map<LedgerId, { seqs: number[]; progress: boolean }>
  rewatchAt: Millis
  /** What the application waits for and somebody has said to be collected, and since when. */
  readonly collected: Map<string, HeardCollected>
}

/** Nobody waits. */
export function createWatch(): WatchState {
  return { peers: new Map(), application: new Map(), rewatchAt: Infinity, collected: new Map() }
}

/** A peer waits for outcomes: those that are known go at once. */
export function onWatch(
  watch: WatchState,
  voter: VoterState,
  outbox: Outbox,
  from: PeerId,
  { ledger: id, seqs, progress }: Watch,
): void {
  const ledger = voter.ledgers.get(id)
  if (ledger === undefined && !voter.forks.has(id)) {
    tellRetired(voter, outbox, from, id, seqs)
    return
  }
  let watchers = watch.peers.get(id)
  if (watchers === undefined) watch.peers.set(id, (watchers = new Map()))
  const known = intersect(seqs, ledger?.settled ?? [])
  const waiting = watchers.get(from) ?? { seqs: [], progress }
  if (watchers.size > maxWatchers) return
  addRuns(waiting.seqs, subtract(seqs, known))
  for (const { values, fork } of laterOutcomes(voter, id, subtract(seqs, known))) {
    removeRuns(waiting.seqs, values.seqs)
    send(outbox, from, { type: 'outcomes', ledger: id, values: [values], fork })
  }
  if (voter.forks.has(id)) {
    const later = laterCollected(voter, id, waiting.seqs)
    tellLater(outbox, from, id, later, waiting.seqs)
    removeRuns(waiting.seqs, allCollected(later))
  }
  waiting.progress ||= progress
  if (waiting.seqs.length > 0) watchers.set(from, waiting)
  if (watchers.size === 0) watch.peers.delete(id)
  if (ledger === undefined) return
  for (const values of valuesOf(ledger, known)) {
    send(outbox, from, { type: 'outcomes', ledger: id, values: [values] })
  }
  tellCollected(outbox, from, ledger, known)
  if (known.length > 0) noteTold(voter, id, known)
}

/** A peer does not wait any more. */
export function onUnwatch(watch: WatchState, from: PeerId, ledger: LedgerId, seqs: Ranges): void {
  const waiting = watch.peers.get(ledger)?.get(from)
  if (waiting === undefined) return
  removeRuns(waiting.seqs, seqs)
  if (waiting.seqs.length === 0) watch.peers.get(ledger)?.delete(from)
}

/** A peer that has gone waits for nothing; it asks again when it is back. */
export function forgetWatcher(watch: WatchState, peer: PeerId): void {
  for (const [ledger, watchers] of watch.peers) {
    watchers.delete(peer)
    if (watchers.size === 0) watch.peers.delete(ledger)
  }
}

/** Tells everybody who waits that outcomes are decided. Returns whether somebody did. */
export function tellOutcome(
  watch: WatchState,
  outbox: Outbox,
  ledger: LedgerId,
  values: Values,
  own: boolean,
  fork?: Fork,
): boolean {
  let told = false
  for (const [peer, waiting] of watch.peers.get(ledger) ?? []) {
    const part = pickValues(values, waiting.seqs)
    if (part === undefined) continue
    send(outbox, peer, { type: 'outcomes', ledger, values: [part], fork })
    onUnwatch(watch, peer, ledger, part.seqs)
    told = true
  }
  const waiting = watch.application.get(ledger)
  if (waiting !== undefined) {
    told = removeRuns(waiting.seqs, values.seqs) > 0 || told
    if (waiting.seqs.length === 0) watch.application.delete(ledger)
  }
  if (own || waiting !== undefined) {
    outbox.effects.push({ type: 'outcomes', ledger, values: [values], fork })
  }
  return told
}

/** The application waits for outcomes: of a ledger voted in, or by asking those who vote. */
export function watchTasks(
  watch: WatchState,
  voter: VoterState,
  outbox: Outbox,
  members: Membership,
  { ledger: id, seqs, progress }: { ledger: LedgerId; seqs: Ranges; progress: boolean },
  now: Millis,
): void {
  const ledger = voter.ledgers.get(id)
  const collected = collectedHere(voter, id, seqs)
  const lost = allCollected(collected)
  const known = ledger === undefined ? [] : subtract(intersect(seqs, ledger.settled), lost)
  const rest = subtract(seqs, known)
  if (rest.length > 0) {
    const waiting = watch.application.get(id) ?? { seqs: [], progress }
    addRuns(waiting.seqs, rest)
    waiting.progress ||= progress
    for (const { values, fork } of laterOutcomes(voter, id, rest)) {
      removeRuns(waiting.seqs, values.seqs)
      outbox.effects.push({ type: 'outcomes', ledger: id, values: [values], fork })
    }
    if (waiting.seqs.length > 0) watch.application.set(id, waiting)
  }
  if (ledger !== undefined) {
    for (const values of valuesOf(ledger, known)) {
      outbox.effects.push({ type: 'outcomes', ledger: id, values: [values] })
    }
    if (known.length > 0) noteTold(voter, id, known)
  }
  // Without its fellows a voter learns nothing; another survivor may have published it anew.
  if (ledger?.office === 'voter' && !voter.lonely.has(id)) {
    // What runs tells its progress to the producer, which hands it on to those who watch.
    const producer = peerOf(ledger.info.producer)
    if (progress && rest.length > 0 && members.peers.get(producer)?.up === true) {
      send(outbox, producer, { type: 'watch', ledger: id, seqs: rest, progress })
    }
  } else {
    askEverybody(outbox, members, id, rest, progress)
    watch.rewatchAt = Math.min(watch.rewatchAt, now + rewatchMs)
  }
  if (voter.forks.has(id)) hearCollected(watch, id, laterCollected(voter, id, rest), now, true)
  if (lost.length === 0) return
  // Another voter may have had more room.
  if (ledger !== undefined) askEverybody(outbox, members, id, lost, false)
  hearCollected(watch, id, collected, now)
}

function askEverybody(
  outbox: Outbox,
  members: Membership,
  ledger: LedgerId,
  seqs: Ranges,
  progress: boolean,
): void {
  if (seqs.length === 0) return
  for (const { peer } of fullPeers(members)) {
    send(outbox, peer, { type: 'watch', ledger, seqs, progress })
  }
}

/** The application does not wait any more. */
export function unwatchTasks(
  watch: WatchState,
  outbox: Outbox,
  members: Membership,
  ledger: LedgerId,
  seqs: Ranges,
): void {
  const waiting = watch.application.get(ledger)
  if (waiting === undefined) return
  removeRuns(waiting.seqs, seqs)
  if (waiting.seqs.length === 0) watch.application.delete(ledger)
  for (const { peer } of fullPeers(members)) send(outbox, peer, { type: 'unwatch', ledger, seqs })
}

/** Outcomes that a voter has told. */
export function onOutcomes(
  watch: WatchState,
  outbox: Outbox,
  { ledger, values, fork }: Outcomes,
): void {
  const waiting = watch.application.get(ledger)
  if (waiting === undefined) return
  for (const all of values) {
    const part = all.kind === 'pending' ? undefined : pickValues(all, waiting.seqs)
    if (part === undefined) continue
    removeRuns(waiting.seqs, part.seqs)
    outbox.effects.push({ type: 'outcomes', ledger, values: [part], fork })
  }
  if (waiting.seqs.length === 0) watch.application.delete(ledger)
}

/** Asks again for what is still waited for: everybody, or one peer that has just come. */
export function rewatch(
  watch: WatchState,
  voter: VoterState,
  outbox: Outbox,
  members: Membership,
  now: Millis,
  only?: PeerId,
): void {
  if (only === undefined && now < watch.rewatchAt) return
  let waiting = false
  for (const [ledger, { seqs: live, progress }] of watch.application) {
    if (votedLedger(voter, ledger) !== undefined && !voter.lonely.has(ledger)) continue
    waiting = true
    // A message stays what it was when it was asked for.
    const seqs = [...live]
    if (only === undefined) askEverybody(outbox, members, ledger, seqs, progress)
    else send(outbox, only, { type: 'watch', ledger, seqs, progress })
  }
  if (only === undefined) watch.rewatchAt = waiting ? now + rewatchMs : Infinity
}

/** Hands on what a running task says. */
export function onProgress(
  watch: WatchState,
  outbox: Outbox,
  { ledger, seq, token, kind, body }: Omit<Progress, 'type'>,
  relay: boolean,
): void {
  const one = [seq, 1]
  const waiting = watch.application.get(ledger)
  if (waiting !== undefined && waiting.progress && intersect(waiting.seqs, one).length > 0) {
    outbox.effects.push({ type: 'progress-seen', ledger, seq, kind, body })
  }
  if (!relay) return
  for (const [peer, { seqs, progress }] of watch.peers.get(ledger) ?? []) {
    if (!progress || intersect(seqs, one).length === 0) continue
    send(outbox, peer, { type: 'progress', ledger, seq, token, kind, body })
  }
}
