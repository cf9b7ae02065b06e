import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import {
  chooseVoters,
  knownPeers,
  listedPeers,
  livePeers,
  fullPeers,
  markSilent,
  type Membership,
  peerAt,
  peersServing,
  sawLsn,
} from '../../src/core/membership.ts'
import type { Hello } from '../../src/core/messages.ts'
import { join, noMembers } from './peers.ts'

const self = { peer: 'p', storageId: 's-p' }
const now = 100_000

function members(peers: Readonly<Record<string, Partial<Hello>>>, upSince = 0): Membership {
  const all = noMembers()
  for (const [peer, more] of Object.entries(peers)) join(all, peer, upSince, more)
  return all
}

function chosen(all: Membership, wanted = 3, at = now): string[] {
  return chooseVoters(all, self, wanted, at).map(({ peer }) => peer)
}

describe('the peers that serve a queue', () => {
  it('are listed anew whenever somebody comes, goes or offers something else', () => {
    const all = members({
      a: {},
      b: { queues: ['other'] },
      c: { concurrency: 0 },
      d: { guest: true },
    })
    const serving = (queue: string): string[] =>
      peersServing(all, queue).peers.map(({ peer }) => peer)
    assert.deepEqual(serving('hash'), ['a'])
    assert.equal(peersServing(all, 'hash'), peersServing(all, 'hash'))
    join(all, 'b', now)
    assert.deepEqual(serving('hash'), ['a', 'b'])
    assert.deepEqual(serving('nobody'), [])
  })
})

describe('the voters of a new ledger', () => {
  const counts = [
    { peers: 0, wanted: 3, voters: 1 },
    { peers: 1, wanted: 3, voters: 1 },
    { peers: 2, wanted: 3, voters: 3 },
    { peers: 9, wanted: 3, voters: 3 },
    { peers: 3, wanted: 5, voters: 3 },
    { peers: 4, wanted: 5, voters: 5 },
    { peers: 4, wanted: 1, voters: 1 },
  ]
  for (const { peers, wanted, voters } of counts) {
    it(`are ${voters} of ${peers} peers where ${wanted} are wanted`, () => {
      const all = noMembers()
      for (let i = 0; i < peers; i++) join(all, `n${i}`, 0)
      const found = chosen(all, wanted)
      assert.equal(found.length, voters)
      assert.equal(found[0], 'p', 'the producer is the first')
      assert.equal(new Set(found).size, voters)
    })
  }

  it('name the storage of each, so that a wiped one does not vote', () => {
    assert.deepEqual(
      chooseVoters(members({ a: {}, b: {} }), self, 3, now).at(-1)?.storageId[0],
      's',
    )
  })

  const unfit: readonly { name: string; make: (all: Membership) => void }[] = [
    { name: 'guests', make: all => void join(all, 'c', 0, { guest: true }) },
    {
      name: 'peers that cannot be dialled',
      make: all => void join(all, 'c', 0, { addresses: [] }),
    },
    { name: 'peers that are gone', make: all => (join(all, 'c', 0).up = false) },
    {
      name: 'peers that have not said who they are',
      make: all => (join(all, 'c', 0).hello = undefined),
    },
    { name: 'peers that were silent', make: all => (join(all, 'c', 0), markSilent(all, 'c', now)) },
  ]
  for (const { name, make } of unfit) {
    it(`are no ${name}`, () => {
      const all = members({ a: {} })
      make(all)
      assert.deepEqual(chosen(all), ['p'])
    })
  }

  it('may be a silent one again after a while', () => {
    const all = members({ a: {}, b: {} })
    markSilent(all, 'b', now)
    assert.equal(chosen(all).length, 1)
    assert.equal(chosen(all, 3, now + 30_000).length, 3)
  })

  it('are rather those that have stayed a while', () => {
    for (const fresh of ['a', 'b', 'c']) {
      const all = members({ a: {}, b: {}, c: {} })
      join(all, fresh, now - 10)
      assert.ok(!chosen(all).includes(fresh))
    }
  })

  it('do not depend on the order in which the peers came', () => {
    const names = ['a', 'b', 'c', 'd', 'e', 'f']
    fc.assert(
      fc.property(fc.shuffledSubarray(names, { minLength: 6 }), order => {
        const all = noMembers()
        for (const peer of order) join(all, peer, 0)
        assert.deepEqual(chosen(all), chosen(members({ a: {}, b: {}, c: {}, d: {}, e: {}, f: {} })))
      }),
    )
  })

  it('are mostly the same when one more peer comes', () => {
    const names = Array.from({ length: 20 }, (_, i) => `n${i}`)
    const before = noMembers()
    for (const peer of names) join(before, peer, 0)
    const first = chosen(before)
    join(before, 'newcomer', 0)
    assert.ok(chosen(before).filter(peer => first.includes(peer)).length >= 2)
  })
})

describe('the peers', () => {
  it('that are live have a stream and a HELLO; full ones are no guests', () => {
    const all = members({ a: {}, b: { guest: true }, c: {} })
    peerAt(all, 'c').up = false
    peerAt(all, 'd')
    assert.deepEqual(
      [...livePeers(all)].map(({ peer }) => peer),
      ['a', 'b'],
    )
    assert.deepEqual(
      [...fullPeers(all)].map(({ peer }) => peer),
      ['a'],
    )
  })

  it('that are listed are the live ones and those they speak of', () => {
    const peers = [{ peer: 'x', addresses: ['/memory/x'] }]
    const all = members({ a: { peers }, b: { guest: true, peers: [{ peer: 'y', addresses: [] }] } })
    assert.deepEqual([...listedPeers(all)], ['a', 'x'])
  })

  it('that others are told of are so many at the most, and can be dialled', () => {
    const all = members({ a: { addresses: [] }, b: {}, c: {}, d: {} })
    assert.deepEqual(
      knownPeers(all, 2).map(({ peer }) => peer),
      ['b', 'c'],
    )
  })
})

describe('the durable lsn of a peer', () => {
  it('only rises, per storage', () => {
    const all = members({ a: {} })
    const peer = peerAt(all, 'a')
    assert.equal(sawLsn(peer, 5), true)
    assert.equal(sawLsn(peer, 4), false)
    assert.equal(peer.lsn, 5)
    join(all, 'a', 0, { storageId: 'another' })
    assert.equal(sawLsn(peer, 2), true)
    assert.deepEqual([peer.lsn, peer.lsnStorageId], [2, 'another'])
  })

  it('is told apart by the process start that told it', () => {
    const all = members({ a: {} })
    const peer = peerAt(all, 'a')
    sawLsn(peer, 5)
    for (const [incarnation, lsn, before] of [
      ['2', 3, 5],
      ['2', 9, 5],
      ['3', 4, 9],
    ] as const) {
      join(all, 'a', 0, { incarnation })
      sawLsn(peer, lsn)
      assert.deepEqual([peer.lsnIncarnation, peer.lsnBefore], [incarnation, before])
    }
  })

  it('that an older version has written down may be of the present start', () => {
    const all = members({ a: {} })
    const peer = peerAt(all, 'a')
    Object.assign(peer, { lsnStorageId: 's-a', lsn: 5 })
    sawLsn(peer, 6)
    assert.deepEqual([peer.lsnIncarnation, peer.lsnBefore, peer.lsn], ['1', 0, 6])
  })

  it('of a peer that has not said who it is is not known', () => {
    assert.equal(sawLsn(peerAt(noMembers(), 'a'), 5), false)
  })
})
