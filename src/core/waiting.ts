import type { Millis, PeerId } from './ids.ts'
import { chunkOfSeq, type Ledger } from './ledger.ts'
import type { Membership } from './membership.ts'
import type { Backlog, Sync, TaskSpec } from './messages.ts'
import { type Outbox, send } from './outbox.ts'
import { votesWith } from './quorum.ts'
import { countOf, type Ranges, subtract, take, union } from './ranges.ts'

/*
 * In a large mesh nobody tells everybody how much room it has. A worker with room waits at a few
 * nodes instead, by a SYNC that says so; who has tasks then offers each worker some of its own.
 */

/** Workers that may wait at one node. */
const maxWaiters = 256

/** How long one waits without asking again, in milliseconds. */
const waitMs = 30_000

/** A worker that waits to be offered tasks. */
export interface Waiter {
  readonly queues: readonly string[]
  slots: number
  readonly until: Millis
}

/** Workers that wait at this node; who has asked longest ago comes first. */
export type Waiters = Map<PeerId, Waiter>

/** Whether there are too many nodes for all to tell all: more than `most`. */
export function isLarge(members: Membership, most = members.smallMesh): boolean {
  let count = 1
  for (const { up, hello } of members.peers.values()) {
    if (up && hello?.guest === false) count += 1
    if (count > most) return true
  }
  return false
}

/** A worker has asked: while there is nothing for it, it waits. */
export function keepWaiting(
  waiters: Waiters,
  from: PeerId,
  { queues, slots }: Sync,
  now: Millis,
): void {
  waiters.delete(from)
  if (slots === 0) return
  const [oldest] = waiters.keys()
  if (oldest !== undefined && waiters.size >= maxWaiters) waiters.delete(oldest)
  waiters.set(from, { queues, slots, until: now + waitMs })
}

/** Room that a worker which waits here has for a queue. */
export function waitingRoom(waiters: Waiters, peer: PeerId, queue: string, now: Millis): number {
  const waiter = waiters.get(peer)
  if (waiter === undefined || waiter.until <= now || !waiter.queues.includes(queue)) return 0
  return waiter.slots
}

/** Some of the room of a worker is used up. */
export function useRoom(waiters: Waiters, peer: PeerId, count: number): void {
  const waiter = waiters.get(peer)
  if (waiter === undefined) return
  waiter.slots -= count
  if (waiter.slots <= 0) waiters.delete(peer)
}

/**
 * Offers open tasks of a ledger to those that wait, to each others, the urgent ones first. Returns
 * which are offered now, along with those that have been.
 */
export function offerTasks(
  waiters: Waiters,
  members: Membership,
  outbox: Outbox,
  ledger: Ledger,
  before: Ranges,
  now: Millis,
): Ranges {
  const { info, counter, unknownTo } = ledger
  let offered = before
  for (const [peer, waiter] of waiters) {
    const known = members.peers.get(peer)
    if (waiter.until <= now || known?.up !== true) {
      waiters.delete(peer)
      continue
    }
    if (votesWith(info, unknownTo, peer, known.hello?.storageId ?? '')) continue
    const classes = shareOf(ledger, waiter, offered, now)
    if (classes.length === 0) continue
    for (const { seqs } of classes) offered = union(offered, seqs)
    useRoom(waiters, peer, countOf(classes.flatMap(({ seqs }) => seqs)))
    send(outbox, peer, {
      type: 'backlogs',
      ledgers: [{ info, counter, classes }],
      offered: true,
    })
  }
  return offered
}

/** Tasks for one worker. What labels it has is not known here. */
function shareOf(ledger: Ledger, waiter: Waiter, offered: Ranges, now: Millis): Backlog[] {
  const share: Backlog[] = []
  let left = waiter.slots
  const order = ledger.readySpecs
    .map(index => ({ spec: ledger.specs[index] as TaskSpec, ready: ledger.ready[index] ?? [] }))
    .sort((a, b) => b.spec.priority - a.spec.priority)
  for (const { spec, ready } of order) {
    if (left === 0) break
    const { queue, priority, requires } = spec
    if (requires !== '' || !waiter.queues.includes(queue)) continue
    const seqs = take(subtract(ready, offered), left)
    if (seqs.length === 0) continue
    const publishedAt = chunkOfSeq(ledger, seqs[0] as number)?.publishedAt ?? now
    const ageMs = Math.max(0, Math.round(now - publishedAt))
    const backlog = countOf(seqs)
    share.push({ queue, priority, requires, ageMs, backlog, seqs })
    left -= backlog
  }
  return share
}
