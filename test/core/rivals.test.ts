import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Membership } from '../../src/core/membership.ts'
import { hashText, mix } from '../../src/core/random.ts'
import { fullMs, rankIn, rivalsFor } from '../../src/core/rivals.ts'
import { join, noMembers } from './peers.ts'

const self = hashText('self')
const blocks = Array.from({ length: 40 }, (_, i) => mix(7, i))
const now = 100_000

function ranksOf(members: Membership, at = now): number[] {
  return blocks.map(block => rankIn(self, rivalsFor(members, 'hash', at), block))
}

/** The same, from the names alone. */
function expected(peers: readonly string[]): number[] {
  return blocks.map(block => {
    const before = (peer: string): boolean => mix(hashText(peer), block) > mix(self, block)
    return peers.filter(before).length
  })
}

test('a worker has its place among those that serve a queue, also when they come and go', () => {
  const members = noMembers()
  for (const peer of ['a', 'b', 'c']) join(members, peer, 0)
  join(members, 'other', 0, { queues: ['other'] })
  for (let round = 0; round < 2; round++)
    assert.deepEqual(ranksOf(members), expected(['a', 'b', 'c']))
  join(members, 'd', 0)
  assert.deepEqual(ranksOf(members), expected(['a', 'b', 'c', 'd']))
})

test('who has said that it is full has no place for a while', () => {
  const members = noMembers()
  for (const peer of ['a', 'b', 'c']) join(members, peer, 0)
  assert.deepEqual(ranksOf(members), expected(['a', 'b', 'c']))
  Object.assign(members.peers.get('b') ?? {}, { free: 0, freeAt: now })
  assert.deepEqual(ranksOf(members), expected(['a', 'c']))
  assert.deepEqual(ranksOf(members, now + fullMs), expected(['a', 'b', 'c']))
})
