import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  announceFresh,
  createAnnounce,
  onBacklogs,
  onSync,
  presence,
  pull,
  reannounce,
  reannounceMs,
} from '../../src/core/announce.ts'
import { createMembership } from '../../src/core/membership.ts'
import type { Hint } from '../../src/core/messages.ts'
import { isLarge, waitingRoom } from '../../src/core/waiting.ts'
import { chunkOf, infoOf, ledgerId, plainSpec, TestVoter } from './fixtures.ts'
import { join, noMembers } from './peers.ts'

const queues = ['hash']

/** A voter with ten open tasks among so many peers, which all serve their queue. */
function setup(peers: number) {
  const own = TestVoter.holding(10)
  const members = noMembers()
  for (let i = 0; i < peers; i++) join(members, `w${i}`, 0)
  const announce = createAnnounce()
  const wait = (from: string, slots: number, queue = 'hash'): void => {
    const asked = { type: 'sync', queues: [queue], slots } as const
    onSync(announce, own.voter, own.outbox, members, from, asked, own.now)
    own.take()
  }
  const offers = () =>
    own.take().flatMap(({ to, message }) => {
      if (message.type !== 'backlogs') return []
      assert.ok(message.offered)
      return [[to, ...message.ledgers.flatMap(it => it.classes.map(({ seqs }) => seqs))]]
    })
  const fresh = (): Hint[] =>
    announceFresh(announce, own.voter, own.outbox, members, new Set([ledgerId]), own.now)
  return { own, members, announce, wait, offers, fresh }
}

describe('a large mesh', () => {
  it('has more than fifty full nodes', () => {
    assert.equal(isLarge(setup(49).members), false)
    assert.equal(isLarge(setup(50).members), true)
    const { members } = setup(49)
    join(members, 'guest', 0, { guest: true })
    assert.equal(isLarge(members), false)
  })

  it('has fewer where few are to behave like many', () => {
    const members = createMembership(2)
    for (const peer of ['w0', 'w1']) {
      assert.equal(isLarge(members), false)
      join(members, peer, 0)
    }
    assert.equal(isLarge(members), true)
  })

  it('knows no presence', () => {
    for (const [peers, told] of [
      [49, 1],
      [50, 0],
    ] as const) {
      const { announce, members } = setup(peers)
      assert.equal(presence(announce, members, queues, 4, 4, 0).length, told)
    }
  })

  it('has its idle workers wait where they ask', () => {
    for (const [peers, slots] of [
      [49, 0],
      [50, 3],
    ] as const) {
      const { own, announce, members } = setup(peers)
      pull(announce, own.outbox, members, queues, 3, own.now)
      const [{ message } = assert.fail('nobody is asked')] = own.take()
      assert.deepEqual(message, { type: 'sync', queues, slots })
    }
  })

  it('has them ask all others in turn, and each time one that has had tasks besides', () => {
    const { own, announce, members } = setup(60)
    const ledgers = [
      {
        info: { ...infoOf(['w7', 'w8', 'far']), ledger: 'c'.repeat(32) },
        counter: 0,
        classes: [{ queue: 'hash', priority: 0, requires: '', ageMs: 0, backlog: 1, seqs: [0, 1] }],
      },
    ]
    onBacklogs(announce, own.voter, { type: 'backlogs', ledgers, offered: false }, own.now)
    const asked: string[] = []
    for (let i = 0; i < 60; i++) {
      own.now += 10_000
      pull(announce, own.outbox, members, queues, 3, own.now)
      asked.push(...own.take().map(({ to }) => to))
    }
    const asks = (peer: string): number => asked.filter(it => it === peer).length
    assert.deepEqual([asks('w7'), asks('w8')], [31, 31])
    assert.equal(new Set(asked).size, 60)
    assert.equal(asked.length, 120)
  })
})

describe('workers that wait', () => {
  it('are each offered others of the tasks, and all hear of the rest', () => {
    const { wait, offers, fresh } = setup(60)
    wait('w1', 2)
    wait('w2', 3)
    const [hint] = fresh()
    assert.deepEqual(offers(), [
      ['w1', [0, 2]],
      ['w2', [2, 3]],
    ])
    assert.deepEqual(hint?.type === 'announce' && hint.classes.map(it => it.seqs), [[5, 5]])
  })

  it('spare the others an announcement if they have room for all', () => {
    const { wait, offers, fresh, announce, own } = setup(60)
    wait('w1', 30)
    assert.deepEqual(fresh(), [])
    assert.deepEqual(offers(), [['w1', [0, 10]]])
    assert.equal(waitingRoom(announce.waiters, 'w1', 'hash', own.now), 20)
    assert.deepEqual(fresh(), [], 'they are offered once')
    assert.deepEqual(offers(), [])
  })

  it('are offered the urgent tasks first, and none of another queue or with labels', () => {
    const { own, wait, offers, fresh } = setup(60)
    own.store(chunkOf(10, ['urgent'], { spec: { ...plainSpec, priority: 9 } }))
    own.store(chunkOf(11, ['picky'], { spec: { ...plainSpec, requires: 'gpu' } }))
    wait('w1', 2)
    wait('w2', 9, 'mail')
    fresh()
    assert.deepEqual(offers(), [['w1', [10, 1], [0, 1]]])
  })

  it('do so for half a minute, while they are there', () => {
    const { own, members, wait, offers, fresh } = setup(60)
    wait('w1', 1)
    wait('w2', 1)
    const gone = members.peers.get('w1')
    assert.ok(gone)
    gone.up = false
    own.now += 29_999
    wait('w3', 1)
    fresh()
    assert.deepEqual(offers(), [
      ['w2', [0, 1]],
      ['w3', [1, 1]],
    ])
    wait('w4', 1)
    own.now += 30_000
    fresh()
    assert.deepEqual(offers(), [])
  })

  it('are bounded in number: who has asked longest ago is forgotten', () => {
    const { own, announce, wait } = setup(300)
    for (let i = 0; i < 257; i++) wait(`w${i}`, 1)
    assert.equal(announce.waiters.size, 256)
    assert.equal(waitingRoom(announce.waiters, 'w0', 'hash', own.now), 0)
    assert.equal(waitingRoom(announce.waiters, 'w1', 'hash', own.now), 1)
    wait('w1', 0)
    assert.equal(waitingRoom(announce.waiters, 'w1', 'hash', own.now), 0)
  })

  it('are others in the next round if those before have not come', () => {
    const { own, members, announce, wait, offers, fresh } = setup(60)
    wait('w1', 10)
    fresh()
    assert.deepEqual(offers(), [['w1', [0, 10]]])
    wait('w2', 10)
    own.now += reannounceMs
    reannounce(announce, own.voter, own.outbox, members, own.now)
    assert.deepEqual(offers(), [['w2', [0, 10]]])
  })

  it('do not vote in the ledger: who votes sees its tasks', () => {
    const { own, members, wait, offers, fresh } = setup(60)
    join(members, 'v1', own.now)
    wait('v1', 10)
    fresh()
    assert.deepEqual(offers(), [])
  })
})

describe('what is offered', () => {
  it('may be claimed at once, what is announced in turn', () => {
    for (const [offered, seenAt] of [
      [true, -Infinity],
      [false, 7],
    ] as const) {
      const { own, announce } = setup(60)
      const other = { ...infoOf(['x', 'y', 'z']), ledger: 'c'.repeat(32) }
      const classes = [
        { queue: 'hash', priority: 0, requires: '', ageMs: 0, backlog: 2, seqs: [4, 2] },
      ]
      const ledgers = [{ info: other, counter: 0, classes }]
      onBacklogs(announce, own.voter, { type: 'backlogs', ledgers, offered }, 7)
      const [known] = announce.hints.get(other.ledger)?.classes.values() ?? []
      assert.equal(known?.seenAt, seenAt)
    }
  })
})
