import type { Incarnation, Lsn, Millis, NodeId, PeerId, StorageId } from './ids.ts'
import { nodeId } from './ids.ts'
import type { EchoEntry } from './entries.ts'
import type { Hello, KnownPeer, Voter } from './messages.ts'
import type { Rivals } from './rivals.ts'
import { majorityOf } from './quorum.ts'
import { hashText, mix } from './random.ts'

/** The wire versions that this node speaks. */
export const minVersion = 1
export const maxVersion = 1

/** A peer that has stayed so long is preferred as a voter, in milliseconds. */
export const settledMs = 5_000

/** How long a voter that did not answer OPEN is not asked again, in milliseconds. */
const silentMs = 30_000

/** What is known of a peer. */
export interface Peer {
  readonly peer: PeerId
  readonly hash: number
  up: boolean
  /** Its last HELLO; undefined before the first. */
  hello: Hello | undefined
  node: NodeId
  upSince: Millis
  /** The highest durable lsn seen of its storage. */
  lsn: Lsn
  lsnStorageId: StorageId
  /** The process start that was the last one to tell an lsn, and the highest lsn that those before it told. */
  lsnIncarnation: Incarnation
  lsnBefore: Lsn
  /** Free slots by its last presence. */
  free: number
  freeAt: Millis
  silentUntil: Millis
  /** Connections since this process start. */
  greetings: number
  /** The version of the membership that it was last told of. */
  told: number
  /** The echo as last written to the journal. */
  writtenLsn: Lsn
}

/** Full nodes of a mesh, this one among them, that is not large. */
const smallMesh = 50

/** The peers of a node. */
export interface Membership {
  /** Full nodes of a mesh, this one among them, that is not large. */
  readonly smallMesh: number
  readonly peers: Map<PeerId, Peer>
  /** Guests with a live control stream that have said HELLO. */
  readonly guests: Set<PeerId>
  /** Changes whenever somebody joins, leaves or offers other queues. */
  version: number
  /** Peers that serve a queue, by its name. */
  readonly serving: Map<string, Serving>
}

/** Live peers that work for a queue, as of one version of the membership. */
export interface Serving {
  readonly version: number
  readonly peers: readonly Peer[]
  /** All of them as rivals, once that was asked for. */
  rivals: Rivals | undefined
}

/** Nobody is known. */
export function createMembership(most = smallMesh): Membership {
  return { smallMesh: most, peers: new Map(), guests: new Set(), version: 0, serving: new Map() }
}

/** What is known of a peer, made if it is new. */
export function peerAt(members: Membership, peer: PeerId): Peer {
  let found = members.peers.get(peer)
  if (found === undefined) {
    found = {
      peer,
      hash: hashText(peer),
      up: false,
      hello: undefined,
      node: nodeId(peer, ''),
      upSince: 0,
      lsn: 0,
      lsnStorageId: '',
      lsnIncarnation: '',
      lsnBefore: 0,
      free: 1,
      freeAt: 0,
      silentUntil: 0,
      greetings: 0,
      told: 0,
      writtenLsn: 0,
    }
    members.peers.set(peer, found)
  }
  return found
}

/** Peers with a live control stream that have said HELLO. */
export function* livePeers(members: Membership): Generator<Peer & { hello: Hello }> {
  for (const peer of members.peers.values()) {
    if (peer.up && peer.hello !== undefined) yield peer as Peer & { hello: Hello }
  }
}

/** Live peers that are guests. */
export function* liveGuests(members: Membership): Generator<Peer & { hello: Hello }> {
  for (const guest of members.guests) {
    const peer = members.peers.get(guest)
    if (peer?.up === true && peer.hello !== undefined) yield peer as Peer & { hello: Hello }
  }
}

/** Live peers that are no guests. */
export function* fullPeers(members: Membership): Generator<Peer & { hello: Hello }> {
  for (const peer of livePeers(members)) if (!peer.hello.guest) yield peer
}

/** Live peers that work for a queue. Listed once as long as nobody comes or goes. */
export function peersServing(members: Membership, queue: string): Serving {
  const { serving, version } = members
  const known = serving.get(queue)
  if (known?.version === version) return known
  const peers: Peer[] = []
  for (const peer of fullPeers(members)) {
    if (peer.hello.concurrency > 0 && peer.hello.queues.includes(queue)) peers.push(peer)
  }
  const listed: Serving = { version, peers, rivals: undefined }
  serving.set(queue, listed)
  return listed
}

/** Learns how much of a peer's journal is durable. */
export function sawLsn(peer: Peer, lsn: Lsn): boolean {
  if (peer.hello === undefined) return false
  const { storageId, incarnation } = peer.hello
  if (storageId !== peer.lsnStorageId) {
    peer.lsnStorageId = storageId
    peer.lsnIncarnation = incarnation
    peer.lsnBefore = 0
    peer.lsn = 0
    peer.writtenLsn = 0
  }
  if (peer.lsnIncarnation !== incarnation) {
    // Where it is not known which start told it, it may have been this one.
    if (peer.lsnIncarnation !== '') peer.lsnBefore = peer.lsn
    peer.lsnIncarnation = incarnation
  }
  if (lsn <= peer.lsn) return false
  peer.lsn = lsn
  return true
}

/** What is known of how far a peer's storage is durable, to be written down. */
export function echoOf({ peer, lsnStorageId, lsn, lsnIncarnation }: Peer): EchoEntry {
  return { type: 'echo', peer, storageId: lsnStorageId, lsn, incarnation: lsnIncarnation }
}

/** A voter did not answer: others are asked first for a while. */
export function markSilent(members: Membership, peer: PeerId, now: Millis): void {
  peerAt(members, peer).silentUntil = now + silentMs
}

/** Full nodes that live peers speak of, and those peers. */
export function listedPeers(members: Membership): Set<PeerId> {
  const listed = new Set<PeerId>()
  for (const { peer, hello } of fullPeers(members)) {
    listed.add(peer)
    for (const known of hello.peers) listed.add(known.peer)
  }
  return listed
}

/** Peers that may be asked to vote: connected, dialable, and not silent when they last were. */
export function* ableVoters(members: Membership, now: Millis): Generator<Peer & { hello: Hello }> {
  for (const peer of fullPeers(members)) {
    if (peer.hello.addresses.length > 0 && peer.silentUntil <= now) yield peer
  }
}

/**
 * The best voters for new tasks: the producer itself and, by rendezvous hashing, connected and
 * dialable peers; those that have stayed a while first. Always an odd number.
 */
export function chooseVoters(
  members: Membership,
  self: Voter,
  wanted: number,
  now: Millis,
): readonly Voter[] {
  const salt = hashText(self.peer)
  const candidates = [...ableVoters(members, now)]
    .map(peer => ({
      voter: { peer: peer.peer, storageId: peer.hello.storageId },
      settled: now - peer.upSince >= settledMs ? 1 : 0,
      weight: mix(salt, peer.hash),
    }))
    .sort((a, b) => b.settled - a.settled || b.weight - a.weight)
  let count = Math.min(wanted, candidates.length + 1)
  if (count % 2 === 0) count -= 1
  return [self, ...candidates.slice(0, count - 1).map(({ voter }) => voter)]
}

/** Whether a voter is connected, or this node, on the very storage that votes. */
export function isHere(members: Membership, self: Voter, { peer, storageId }: Voter): boolean {
  if (peer === self.peer) return storageId === self.storageId
  const known = members.peers.get(peer)
  return known?.up === true && known.hello?.storageId === storageId
}

/** Whether so many voters are that they are a majority. */
export function majorityIsHere(
  members: Membership,
  self: Voter,
  voters: readonly Voter[],
): boolean {
  return voters.filter(one => isHere(members, self, one)).length >= majorityOf(voters.length)
}

/** Full nodes to tell others about. */
export function knownPeers(members: Membership, limit: number): KnownPeer[] {
  const known: KnownPeer[] = []
  for (const { peer, hello } of fullPeers(members)) {
    if (known.length >= limit) break
    if (hello.addresses.length > 0) known.push({ peer, addresses: hello.addresses })
  }
  return known
}
