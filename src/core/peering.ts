import { announceAgain } from './announce.ts'
import { dropLost } from './change.ts'
import { resubmit } from './guest.ts'
import type { Lsn, Millis, PeerId } from './ids.ts'
import { nodeId } from './ids.ts'
import { endSession } from './lease.ts'
import type { Machine } from './state.ts'
import {
  liveGuests,
  livePeers,
  knownPeers,
  maxVersion,
  minVersion,
  type Peer,
  peerAt,
} from './membership.ts'
import type { Hello } from './messages.ts'
import { send } from './outbox.ts'
import { tickProducer } from './producer.ts'
import { restore } from './storing.ts'
import { voterIndex } from './quorum.ts'
import { onVoterDown, onVoterUp } from './renew.ts'
import { compareWith } from './voter-compare.ts'
import { isLarge } from './waiting.ts'
import { forgetWatcher, rewatch } from './watch.ts'

/** Peers that a HELLO names at the most. */
const toldPeers = 64
const toldPeersLarge = 8

/**
 * Peers that have come so short a time ago hear of the next one, in milliseconds; so many, and only
 * as long as there are few nodes. Of more, some have told one of the two before the other came.
 */
const introduceMs = 10_000
const introduced = 8
const introducingNodes = 16

/** A control stream is open: each side first says who it is. */
export function onPeerUp(machine: Machine, peer: PeerId, now: Millis): void {
  const known = peerAt(machine.members, peer)
  known.up = true
  known.greetings += 1
  known.upSince = now
  machine.members.version += 1
  sayHello(machine, peer, true)
}

/** Tells a peer who this node is, and whom it knows. */
function sayHello(machine: Machine, peer: PeerId, echo: boolean): void {
  const { init, members, outbox } = machine
  const known = peerAt(members, peer)
  known.told = members.version
  send(outbox, peer, {
    type: 'hello',
    minVersion,
    maxVersion,
    incarnation: init.incarnation,
    storageId: init.storageId,
    guest: init.guest,
    addresses: machine.addresses,
    peers: knownPeers(members, isLarge(members) ? toldPeersLarge : toldPeers),
    queues: init.queues.map(({ queue }) => queue),
    concurrency: init.concurrency,
    echoStorageId: known.lsnStorageId,
    // Only the first one echoes: a later one may speak of what this start has written.
    echoLsn: echo ? known.lsn : 0,
    echoIncarnation: known.lsnIncarnation,
    echoBeforeLsn: known.lsnBefore,
    changes: true,
  })
}

/** A peer has said who it is: now it counts as joined. */
export function onHello(machine: Machine, from: PeerId, hello: Hello, now: Millis): void {
  const { members, outbox, init, proposer } = machine
  if (hello.minVersion > maxVersion || hello.maxVersion < minVersion) {
    const theirs = `${hello.minVersion}–${hello.maxVersion}`
    const reason = `it speaks wire versions ${theirs}, this node ${minVersion}–${maxVersion}`
    outbox.effects.push({ type: 'hangup', peer: from, reason })
    return
  }
  const known = peerAt(members, from)
  const seenLsn = seenBefore(machine, known, hello)
  if (seenLsn > machine.replayLsn) {
    const reason =
      `the journal ends at entry ${machine.replayLsn}, but peer ${from} has seen entry ` +
      `${seenLsn} of it durable: votes were lost`
    outbox.effects.push({ type: 'quarantine', reason })
    return
  }
  const joined = known.hello?.incarnation !== hello.incarnation
  const isOther = known.lsnStorageId !== '' && known.lsnStorageId !== hello.storageId
  if (joined && isOther && !hello.guest) {
    outbox.effects.push({ type: 'report', event: { type: 'storage-changed', peer: from } })
  }
  if (joined) dropLost(machine.changer, { peer: from, storageId: hello.storageId })
  const large = isLarge(members)
  // Whom each of a thousand peers knows is not worth its memory.
  known.hello = large ? { ...hello, peers: [] } : hello
  known.node = nodeId(from, hello.incarnation)
  const missed = known.told !== members.version
  if (hello.guest) members.guests.add(from)
  else members.guests.delete(from)
  members.version += 1
  if (hello.changes) machine.voter.plain.delete(from)
  else machine.voter.plain.add(from)
  endIncarnation(machine, from, hello.incarnation, now)
  if (joined) {
    const event = { type: 'peer-joined', peer: from, guest: hello.guest } as const
    outbox.effects.push({ type: 'report', event })
  }
  for (const { peer, addresses } of hello.peers) {
    if (peer === init.peer || members.peers.get(peer)?.up === true) continue
    outbox.effects.push({ type: 'dial', peer, addresses })
  }
  if (!joined) return
  onVoterUp(proposer, outbox, from, now)
  catchUp(machine, from, hello, now)
  if (init.guest) return
  if (!hello.guest) introduce(machine, from, now)
  // Who came meanwhile could not tell that this one is a guest.
  else if (missed) sayHello(machine, from, false)
}

/** The highest entry that a peer has seen durable of what earlier starts of this node wrote. */
function seenBefore({ init, outbox, replayLsn }: Machine, known: Peer, hello: Hello): Lsn {
  const { echoStorageId, echoLsn, echoIncarnation, echoBeforeLsn } = hello
  if (echoStorageId !== init.storageId) return 0
  if (echoIncarnation === init.incarnation) return echoBeforeLsn
  // What this start has written may be told by a peer that does not know of whom it is, but not at first.
  const first = known.greetings === 1 && known.hello === undefined
  const own = echoIncarnation === '' && !first && echoLsn > replayLsn && echoLsn <= outbox.lsn
  return own ? 0 : echoLsn
}

/** Peers that have come just before this one were not told of it: they are now. */
function introduce(machine: Machine, from: PeerId, now: Millis): void {
  const { members } = machine
  // Of many nodes there is always somebody else who tells them.
  const many = isLarge(members, introducingNodes)
  let left = many ? 0 : introduced
  for (const { peer, hello, upSince } of many ? liveGuests(members) : livePeers(members)) {
    if (peer === from) continue
    // A guest is told of everybody: who keeps what it waits for may be anybody.
    if (!hello.guest && (now - upSince > introduceMs || left === 0)) continue
    sayHello(machine, peer, false)
    if (!hello.guest) left -= 1
  }
}

/** Repeats to a peer what it may have missed, and asks for what this node may have. */
function catchUp(machine: Machine, from: PeerId, hello: Hello, now: Millis): void {
  const { voter, outbox, producer, proposer, watch, members, announce, init } = machine
  if (hello.guest) return
  if (init.guest) {
    resubmit(machine.guest, outbox, members, now)
    rewatch(watch, voter, outbox, members, now, from)
    return
  }
  for (const ledger of voter.ledgers.values()) {
    if (ledger.office === 'observer' || voterIndex(ledger.info, from) < 0) continue
    compareWith(outbox, ledger, from)
    // What comes before HELLO is not heard: in the next round it is told again.
    ledger.changed = true
  }
  restore(producer, voter, outbox, proposer.up, now, from)
  rewatch(watch, voter, outbox, members, now, from)
  tickProducer(producer, voter, outbox, members, now)
  const queues = init.queues.map(({ queue }) => queue)
  // In a large mesh a worker asks one after the other, when it has room.
  if (queues.length > 0 && !isLarge(members)) {
    send(outbox, from, { type: 'sync', queues, slots: 0 })
  }
  announce.syncAt = Math.max(announce.syncAt, now + announce.syncWaitMs)
}

/** A control stream has closed. Whether the process is gone, a redial will tell. */
export function onPeerDown(machine: Machine, peer: PeerId, now: Millis): void {
  const { members, outbox, proposer, producer, voter, watch, init } = machine
  const known = peerAt(members, peer)
  if (!known.up) return
  const joined = known.hello !== undefined
  known.up = false
  known.upSince = now
  known.hello = undefined
  members.guests.delete(peer)
  members.version += 1
  onVoterDown(proposer, outbox, peer, now)
  forgetWatcher(watch, peer)
  if (joined) outbox.effects.push({ type: 'report', event: { type: 'peer-left', peer } })
  if (!init.guest && producer.next !== undefined)
    tickProducer(producer, voter, outbox, members, now)
  if (!machine.leaving) outbox.effects.push({ type: 'dial', peer, addresses: [] })
}

/** Nobody listens where a peer was: its process is gone, and so are its leases. */
export function onUnreachable(machine: Machine, peer: PeerId, refused: boolean, now: Millis): void {
  if (refused && machine.members.peers.get(peer)?.up !== true)
    endIncarnation(machine, peer, '', now)
}

/** A peer leaves on purpose. */
export function onGoodbye(machine: Machine, peer: PeerId, now: Millis): void {
  endIncarnation(machine, peer, '', now)
  onPeerDown(machine, peer, now)
}

/** Ends what an earlier process start of a peer held. */
export function endIncarnation(machine: Machine, peer: PeerId, keep: string, now: Millis): void {
  const { leases, ledgers } = machine.voter
  for (const [holder, session] of [...leases.sessions]) {
    if (!holder.startsWith(`${peer}.`) || holder === nodeId(peer, keep)) continue
    const freed = new Set([...session.leases.values()].map(({ ledger }) => ledger))
    endSession(leases, ledgers, holder, now)
    for (const id of freed) {
      const ledger = ledgers.get(id)
      if (ledger !== undefined) announceAgain(machine.announce, ledger, now)
    }
  }
}
