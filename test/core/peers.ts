import { createMembership, type Membership, type Peer, peerAt } from '../../src/core/membership.ts'
import type { Hello } from '../../src/core/messages.ts'

/** What a full node says of itself. */
export function helloOf(peer: string, more: Partial<Hello> = {}): Hello {
  return {
    type: 'hello',
    minVersion: 1,
    maxVersion: 1,
    incarnation: '1',
    storageId: `s-${peer}`,
    guest: false,
    addresses: [`/memory/${peer}`],
    peers: [],
    queues: ['hash'],
    concurrency: 4,
    echoStorageId: '',
    echoLsn: 0,
    echoIncarnation: '',
    echoBeforeLsn: 0,
    changes: true,
    ...more,
  }
}

/** No peers. */
export function noMembers(): Membership {
  return createMembership()
}

/** A peer that is connected and has said who it is. */
export function join(
  members: Membership,
  peer: string,
  upSince: number,
  more: Partial<Hello> = {},
): Peer {
  const known = peerAt(members, peer)
  known.up = true
  known.upSince = upSince
  known.hello = helloOf(peer, more)
  known.node = `${peer}.1`
  members.version += 1
  return known
}
