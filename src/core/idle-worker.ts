import { type DispatchState, use } from './dispatch.ts'
import type { Millis, NodeId } from './ids.ts'
import { fullPeers, type Membership, type Peer } from './membership.ts'
import type { Hello, TaskSpec } from './messages.ts'
import type { ProposerState } from './proposer.ts'
import { mix } from './random.ts'
import { countOf } from './ranges.ts'
import type { Machine } from './state.ts'
import type { Leases } from './lease.ts'
import { tentativeMs } from './voter.ts'
import { isLarge, useRoom, waitingRoom } from './waiting.ts'

/** Tasks of one publish that are granted to a worker at once, at the most. */
export const maxDirectTasks = 8

/** How long a worker is left alone that has said it is full, in milliseconds. */
const fullMs = 4_000

/**
 * The worker that some new tasks are granted to in their STORE: the one with the most room, where
 * nothing waits before them and this node cannot run them itself, which it does as soon.
 */
export function idleWorker(
  machine: Machine,
  spec: TaskSpec,
  count: number,
  now: Millis,
): NodeId | undefined {
  const { producer, proposer, dispatch, members, voter, announce } = machine
  const { current } = producer
  // What labels others have is not known here.
  if (count > maxDirectTasks || spec.requires !== '' || current === undefined) return undefined
  // Such a worker trusts its lease for a second at first, which is too short where answers are slow.
  if (voter.tentativeMs > tentativeMs) return undefined
  if (hasBacklog(machine, spec.queue)) return undefined
  if (hasSlots(dispatch, proposer, spec.queue, count)) return undefined
  const { waiters } = announce
  const large = isLarge(members)
  const roomOf = ({ peer, node, hello, free, freeAt }: Peer & { hello: Hello }): number => {
    if (large) return waitingRoom(waiters, peer, spec.queue, now)
    if (!hello.queues.includes(spec.queue) || (free === 0 && now - freeAt < fullMs)) return 0
    return hello.concurrency - heldBy(voter.leases, node)
  }
  const best = roomiest(members, roomOf, count, current.next)
  if (large && best !== undefined) useRoom(waiters, best.peer, count)
  return best?.node
}

function hasBacklog({ producer, voter }: Machine, queue: string): boolean {
  const ledger = voter.ledgers.get(producer.current?.info.ledger ?? '')
  if (ledger === undefined) return true
  return ledger.readySpecs.some(index => ledger.specs[index]?.queue === queue)
}

/** Of the peers with enough room one with most of it. */
function roomiest(
  members: Membership,
  roomOf: (peer: Peer & { hello: Hello }) => number,
  count: number,
  salt: number,
): Peer | undefined {
  let best: { peer: Peer; room: number; weight: number } | undefined
  for (const peer of fullPeers(members)) {
    const room = roomOf(peer)
    const weight = mix(salt, peer.hash)
    const better = room > (best?.room ?? 0) || (room === best?.room && weight > best.weight)
    if (room >= count && better) best = { peer, room, weight }
  }
  return best?.peer
}

/** Tasks that a worker holds, as far as this voter knows. */
function heldBy(leases: Leases, node: NodeId): number {
  let held = 0
  for (const { seqs } of leases.sessions.get(node)?.leases.values() ?? []) held += countOf(seqs)
  return held
}

/** Whether this node takes tasks on that a producer has claimed for it. */
export function takesOn(
  { dispatch, proposer, leaving }: Machine,
  { queue, requires }: TaskSpec,
  count: number,
): boolean {
  const labelled = requires === '' || requires.split(',').every(it => dispatch.labels.has(it))
  return !leaving && labelled && hasSlots(dispatch, proposer, queue, count)
}

/** Whether so many more tasks of a queue would run at once. */
function hasSlots(
  dispatch: DispatchState,
  proposer: ProposerState,
  queue: string,
  count: number,
): boolean {
  const slots = dispatch.draining ? undefined : dispatch.queues.get(queue)
  if (slots === undefined) return false
  const { live, perQueue } = use(proposer)
  return live + count <= dispatch.concurrency && (perQueue.get(queue) ?? 0) + count <= slots
}
