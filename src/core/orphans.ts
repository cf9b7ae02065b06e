import { forkedFrom } from './forks.ts'
import type { Millis, PeerId } from './ids.ts'
import { addRuns } from './intervals.ts'
import type { Ledger } from './ledger.ts'
import { recordLsn, recordsOf } from './ledger-records.ts'
import { isHere, type Membership } from './membership.ts'
import type { Chunk, Voter } from './messages.ts'
import { hasOpenTasks, latestInfo, votedLedger } from './office.ts'
import { persist, send } from './outbox.ts'
import { openLedger, publish } from './producer.ts'
import { majorityOf, voterIndex } from './quorum.ts'
import { contains, countOf, subtract, take } from './ranges.ts'
import type { Machine } from './state.ts'
import { maxRepairTasks } from './voter-compare.ts'
import type { VoterState } from './voter.ts'

/**
 * How long a majority of a ledger's voters must be out of reach before a survivor gives it up, in
 * milliseconds: long enough for a machine to be repaired, and for everybody to wait that long.
 */
export const orphanMs = 600_000

/** The same where a majority has come back on other storages: it cannot come back any more. */
export const forsakenMs = 10_000

/** Tasks that are published anew in one turn. */
const maxForked = 4_096

/** The number of requests of the node itself, for which nobody waits; those of guests count from −1. */
export const forkRequest = Number.MIN_SAFE_INTEGER

/**
 * Notes which ledgers have lost their majority, and publishes their open tasks anew where that is
 * wanted and no other survivor comes first.
 */
export function tickOrphans(machine: Machine, now: Millis): void {
  const { voter, watch, init, leaving, isHandingOver } = machine
  let left = maxForked
  for (const ledger of [...voter.ledgers.values()]) {
    const { ledger: id } = ledger.info
    if (!hasOpenTasks(ledger) || hasMajority(machine, ledger, now)) {
      voter.lonely.delete(id)
      continue
    }
    const since = voter.lonely.get(id) ?? now
    if (!voter.lonely.has(id) && watch.application.has(id)) {
      watch.rewatchAt = Math.min(watch.rewatchAt, now)
    }
    voter.lonely.set(id, since)
    if (init.orphans !== 'fork' || leaving || isHandingOver) continue
    const isOver = isForsaken(machine, ledger, now) && isGathered(machine, ledger, now)
    const waitMs = isOver ? forsakenMs : orphanMs
    if (now < since + waitMs) continue
    const first = firstOf(machine, ledger, now)
    if (first === undefined || first === voter.peer) {
      if (left > 0) left -= forkOpen(machine, ledger, left, now)
      continue
    }
    const copy = voter.copies.get(id)
    if (copy === undefined || now < copy.givenAt + orphanMs) continue
    copy.givenAt = now
    giveOpen(machine, ledger, first, now)
  }
}

function hasMajority(machine: Machine, ledger: Ledger, now: Millis): boolean {
  const needed = neededFor(machine.voter, ledger)
  return keepersOf(machine, ledger, needed, now).length >= majorityOf(needed.length)
}

/** Voters that are here and have what they had. */
function keepersOf(
  { members, voter }: Machine,
  ledger: Ledger,
  voters: readonly Voter[],
  now: Millis,
): Voter[] {
  return voters.filter(one => {
    return isHere(members, voter, one) && !hasForgotten(voter, ledger, one, now)
  })
}

/**
 * Whether a voter does not know a ledger that is too young to be forgotten in due time: an old copy of
 * its disk answers under the same name.
 */
function hasForgotten(
  { retention }: VoterState,
  { info, unknownTo, openedAt }: Ledger,
  { peer, storageId }: Voter,
  now: Millis,
): boolean {
  const index = voterIndex(info, peer)
  const saysSo = index >= 0 && (unknownTo & (1 << index)) !== 0
  const isMeant = saysSo && info.voters[index]?.storageId === storageId
  return isMeant && now < openedAt + retention.keepMs
}

/**
 * The voters without a majority of whom a ledger cannot go on: the latest ones, as far as one of them
 * can have begun. This node asks all of those that are here, and begins when one has: until then it
 * needs those before.
 */
function neededFor(voter: VoterState, ledger: Ledger): readonly Voter[] {
  const before = voter.joins.get(ledger.info.ledger)?.before ?? []
  return before.length > 0 ? before : votersToBe(voter, ledger)
}

/** The voters of the latest epoch, whether one of them has begun or not. */
function votersToBe({ joins }: VoterState, ledger: Ledger): readonly Voter[] {
  return (joins.get(ledger.info.ledger)?.info ?? latestInfo(ledger)).voters
}

/** Whether so many voters have lost their storage that the others are no majority. */
function isForsaken({ voter, members }: Machine, ledger: Ledger, now: Millis): boolean {
  const isLeft = (one: Voter): boolean => {
    const { peer, storageId } = one
    const has = peer === voter.peer ? voter.storageId : storageOf(members, peer, storageId)
    return storageId === has && !hasForgotten(voter, ledger, one, now)
  }
  const needed = neededFor(voter, ledger)
  if (needed.filter(isLeft).length >= majorityOf(needed.length)) return false
  // One of those who are to follow may have begun, and not be here to say so.
  const voters = votersToBe(voter, ledger)
  return voters === needed || voters.every(one => !isLeft(one) || isHere(members, voter, one))
}

/** The storage that a peer has now; where that is not known, the one that it had. */
function storageOf(members: Membership, peer: string, before: string): string {
  const known = members.peers.get(peer)
  const hello = known?.up === true ? known.hello : undefined
  return hello === undefined || hello.guest ? before : hello.storageId
}

/** Whether this node, if it is to follow others, has been told all that those of them hold who are here. */
function isGathered(machine: Machine, ledger: Ledger, now: Millis): boolean {
  const { voter } = machine
  const join = voter.joins.get(ledger.info.ledger)
  if (join === undefined) return true
  return keepersOf(machine, ledger, join.before, now).every(({ peer }) => {
    return peer === voter.peer || join.sealed.has(peer)
  })
}

/**
 * Who is to publish open tasks anew: the first voter that is left, and before those whom they follow the
 * voters that are to follow, who gather what these hold. Undefined where a copy is all that is left.
 */
function firstOf(machine: Machine, ledger: Ledger, now: Millis): PeerId | undefined {
  const { voter } = machine
  const all = [...votersToBe(voter, ledger), ...neededFor(voter, ledger)]
  return keepersOf(machine, ledger, all, now)[0]?.peer
}

/** A copy may have tasks that the voter which is left has never been given. It need not answer. */
function giveOpen({ outbox }: Machine, ledger: Ledger, to: PeerId, now: Millis): void {
  const { ledger: id, epoch } = ledger.info
  const open = take(subtract(ledger.stored, ledger.settled), maxRepairTasks)
  const after = recordLsn(ledger, open)
  for (const chunk of recordsOf(ledger, open, now)) {
    send(outbox, to, { type: 'store', ledger: id, epoch, fresh: false, chunks: [chunk] }, after)
  }
}

/** Publishes open tasks as their next generation. Returns how many. */
function forkOpen(machine: Machine, ledger: Ledger, limit: number, now: Millis): number {
  const { voter, producer, outbox, members } = machine
  const { ledger: id } = ledger.info
  let open = subtract(subtract(ledger.stored, ledger.settled), ledger.forked)
  for (const known of forkedFrom(voter, id)) open = subtract(open, known)
  if (open.length === 0) return 0
  const own = producer.current && votedLedger(voter, producer.current.info.ledger)
  if (own === undefined || !hasMajority(machine, own, now)) {
    if (producer.next === undefined) openLedger(producer, voter, outbox, members, now)
    return 0
  }
  let count = 0
  let generation = 0
  for (const chunk of recordsOf(ledger, open, now)) {
    if (count >= limit) break
    const first = machine.producer.current?.next ?? 0
    publish(producer, voter, outbox, waitingOf(chunk, id, now), now)
    // Without room for it, it is tried again.
    if (!contains(own.stored, first)) break
    const seqs = [chunk.first, chunk.count]
    addRuns(ledger.forked, seqs)
    persist(outbox, { type: 'forked', ledger: id, seqs })
    count += countOf(seqs)
    generation = generationAfter(chunk)
  }
  if (count > 0) {
    outbox.effects.push({
      type: 'report',
      event: { type: 'forked', ledger: id, count, generation },
    })
  }
  return count
}

function waitingOf(chunk: Chunk, ledger: string, now: Millis): Parameters<typeof publish>[3] {
  const { spec, lengths, payload, ageMs, delayMs, startWithinMs, endWithinMs, first, fork } = chunk
  const generation = generationAfter(chunk)
  const before = fork ?? { ledger, shift: 0 }
  return {
    ...{ request: forkRequest, since: now, spec, lengths, payload },
    ...{ ageMs, delayMs, startWithinMs, endWithinMs },
    fork: { ledger: before.ledger, shift: before.shift + first, generation },
  }
}

function generationAfter({ fork }: Chunk): number {
  return (fork?.generation ?? 1) + 1
}
