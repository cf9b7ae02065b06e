import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type Membership, markSilent, peerAt, settledMs } from '../../src/core/membership.ts'
import { nextVoters, type Outlook, replaceMs } from '../../src/core/next-voters.ts'
import { infoOf } from './fixtures.ts'
import { join, noMembers } from './peers.ts'

const now = 200_000

interface Case {
  readonly name: string
  readonly voters: readonly string[]
  /** Peers that are there, besides v0, which looks. */
  readonly peers: readonly string[]
  readonly make?: (members: Membership) => void
  readonly outlook?: Partial<Outlook>
  /** How many there should be, who among them, and who not; nothing if they should stay. */
  readonly size?: number
  readonly among?: readonly string[]
  readonly not?: readonly string[]
}

function down(members: Membership, peer: string, since: number): void {
  const known = peerAt(members, peer)
  known.up = false
  known.hello = undefined
  known.upSince = since
}

const three = ['v0', 'v1', 'v2']

const cases: readonly Case[] = [
  { name: 'stay where all are there', voters: three, peers: ['v1', 'v2', 'x', 'y'] },
  {
    name: 'become three where one voter is alone no more',
    voters: ['v0'],
    peers: ['x', 'y'],
    size: 3,
    among: ['v0', 'x', 'y'],
  },
  { name: 'stay one where there are two', voters: ['v0'], peers: ['x'] },
  {
    name: 'stay one until the others have stayed a while',
    voters: ['v0'],
    peers: ['x', 'y'],
    make: members => void (peerAt(members, 'y').upSince = now - settledMs + 1),
  },
  {
    name: 'stay where a newcomer was silent when it was asked',
    voters: ['v0'],
    peers: ['x', 'y'],
    make: members => markSilent(members, 'x', now),
  },
  {
    name: 'become as many as are wanted here',
    voters: three,
    peers: ['v1', 'v2', 'x', 'y'],
    outlook: { wanted: 5 },
    size: 5,
  },
  {
    name: 'become three again where one has been gone long enough',
    voters: three,
    peers: ['v1', 'x'],
    make: members => down(members, 'v2', now - replaceMs),
    size: 3,
    among: ['v0', 'v1', 'x'],
  },
  {
    name: 'stay where one has been gone for less',
    voters: three,
    peers: ['v1', 'x'],
    make: members => down(members, 'v2', now - replaceMs + 1),
  },
  {
    name: 'stay where one was never seen, and this node has only just begun to look',
    voters: three,
    peers: ['v1', 'x'],
    outlook: { startedAt: now - replaceMs + 1 },
  },
  {
    name: 'become others where one was never seen since this node began to look',
    voters: three,
    peers: ['v1', 'x'],
    size: 3,
    not: ['v2'],
  },
  {
    name: 'take somebody who has only just come for one that is gone',
    voters: three,
    peers: ['v1', 'x'],
    make: members => void (peerAt(members, 'x').upSince = now),
    size: 3,
    not: ['v2'],
  },
  {
    name: 'stay where nobody could take the place',
    voters: three,
    peers: ['v1'],
    make: members => down(members, 'v2', 0),
  },
  {
    name: 'stay where no majority is there to decide it',
    voters: three,
    peers: ['x', 'y'],
  },
  {
    name: 'take a peer that has lost its storage for somebody else, at once',
    voters: three,
    peers: ['v1'],
    make: members => void join(members, 'v2', 0, { storageId: 'another' }),
    size: 3,
    among: ['v0', 'v1', 'v2 another'],
    not: ['v2'],
  },
  {
    name: 'do not include a node that does not know how voters change',
    voters: ['v0'],
    peers: ['x'],
    make: members => void join(members, 'y', 0, { changes: false }),
  },
  {
    name: 'do not include a node that is about to stop',
    voters: three,
    peers: ['v1', 'v2', 'x'],
    outlook: { isLeaving: true },
    size: 3,
    among: ['v1', 'v2', 'x'],
  },
  {
    name: 'become another one where the only one is about to stop',
    voters: ['v0'],
    peers: ['x'],
    outlook: { isLeaving: true },
    size: 1,
    among: ['x'],
  },
  {
    name: 'never become fewer, whoever is about to stop',
    voters: three,
    peers: ['v1', 'v2'],
    outlook: { isLeaving: true },
  },
]

describe('the next voters of a ledger', () => {
  for (const { name, voters, peers, make, outlook, size, among = [], not = [] } of cases) {
    it(name, () => {
      const members = noMembers()
      for (const peer of peers) join(members, peer, 0)
      make?.(members)
      const self = { peer: 'v0', storageId: 's-v0' }
      const all = { members, self, wanted: 3, startedAt: 0, isLeaving: false, ...outlook }
      const next = nextVoters(all, infoOf(voters), now)
      assert.equal(next?.length, size)
      const names = (next ?? []).map(({ peer, storageId }) => {
        return storageId === `s-${peer}` ? peer : `${peer} ${storageId}`
      })
      for (const peer of among) assert.ok(names.includes(peer), `${peer} in ${names.join()}`)
      for (const peer of not) assert.ok(!names.includes(peer), `${peer} not in ${names.join()}`)
    })
  }

  it('keep the places of those who stay', () => {
    const members = noMembers()
    for (const peer of ['v2', 'x']) join(members, peer, 0)
    const self = { peer: 'v0', storageId: 's-v0' }
    const all = { members, self, wanted: 3, startedAt: 0, isLeaving: false }
    const next = nextVoters(all, infoOf(three), now)
    assert.deepEqual(
      next?.map(({ peer }) => peer),
      ['v0', 'v2', 'x'],
    )
  })
})
