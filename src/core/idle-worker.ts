import type { DispatchState } from './dispatch.ts'
import type { Millis, NodeId, PeerId } from './ids.ts'
import { fullPeers, type Peer } from './membership.ts'
import type { Hello, TaskSpec } from './messages.ts'
import type { ProposerState } from './proposer.ts'
import { mix } from './random.ts'
import { countOf } from './ranges.ts'
import type { Machine } from './state.ts'
import { fullMs } from './rivals.ts'
import { voterIndex } from './quorum.ts'
import type { Leases } from './lease.ts'
import { use, usePerQueue } from './usage.ts'
import { tentativeMs } from './voter.ts'
import { isLarge, useRoom, waitingRoom } from './waiting.ts'

/** Tasks of one publish that are granted to a worker at once, at the most. */
export const maxDirectTasks = 8

/**
 * The worker that some new tasks are granted to in their STORE, where nothing waits before them: the
 * one with the most room. Room of those that keep them counts double, and this node is asked first.
 */
export function idleWorker(
  machine: Machine,
  spec: TaskSpec,
  count: number,
  now: Millis,
): NodeId | undefined {
  const { producer, dispatch, proposer, members, voter, announce } = machine
  const { current } = producer
  // What labels others have is not known here.
  if (count > maxDirectTasks || spec.requires !== '' || current === undefined) return undefined
  // Such a worker trusts its lease for a second at first, which is too short where answers are slow.
  if (voter.tentativeMs > tentativeMs) return undefined
  if (hasBacklog(machine, spec.queue)) return undefined
  const { info, next } = current
  const { waiters } = announce
  const large = isLarge(members)
  const votes = (peer: PeerId): boolean => voterIndex(info, peer) >= 0
  const roomOf = ({ peer, node, hello, free, freeAt }: Peer & { hello: Hello }): number => {
    if (large && !votes(peer)) return waitingRoom(waiters, peer, spec.queue, now)
    if (!hello.queues.includes(spec.queue) || (free === 0 && now - freeAt < fullMs)) return 0
    return hello.concurrency - heldBy(voter.leases, node)
  }
  const own = slotsFor(dispatch, proposer, spec.queue)
  let best = {
    node: machine.node,
    peer: producer.self.peer,
    worth: own < count ? 0 : 2 * own,
    weight: Infinity,
  }
  for (const peer of fullPeers(members)) {
    const room = roomOf(peer)
    if (room < count) continue
    const worth = votes(peer.peer) ? 2 * room : room
    const weight = mix(next, peer.hash)
    if (worth < best.worth || (worth === best.worth && weight <= best.weight)) continue
    best = { node: peer.node, peer: peer.peer, worth, weight }
  }
  if (best.worth === 0) return undefined
  if (large) useRoom(waiters, best.peer, count)
  return best.node
}

function hasBacklog({ producer, voter }: Machine, queue: string): boolean {
  const ledger = voter.ledgers.get(producer.current?.info.ledger ?? '')
  if (ledger === undefined) return true
  return ledger.readySpecs.some(index => ledger.specs[index]?.queue === queue)
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
  return !leaving && labelled && slotsFor(dispatch, proposer, queue) >= count
}

/** How many more tasks of a queue would run here at once. */
function slotsFor(dispatch: DispatchState, proposer: ProposerState, queue: string): number {
  const slots = dispatch.draining ? undefined : dispatch.queues.get(queue)
  if (slots === undefined) return 0
  const used = usePerQueue(proposer).get(queue) ?? 0
  return Math.min(dispatch.concurrency - use(proposer).live, slots - used)
}
