import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  announceFresh,
  createAnnounce,
  maxReannounceMs,
  maxSyncMs,
  onBacklogs,
  onHints,
  onSync,
  presence,
  presenceMs,
  pull,
  reannounce,
  reannounceMs,
  syncMs,
} from '../../src/core/announce.ts'
import { onUnknown } from '../../src/core/retire.ts'
import { onCompare } from '../../src/core/voter-compare.ts'
import { addHint, dropHint, hintedCount, type Hints, maxHintLedgers } from '../../src/core/hints.ts'
import type { Announce, Backlog } from '../../src/core/messages.ts'
import { ballot, chunkOf, infoOf, ledgerId, plainSpec, TestVoter } from './fixtures.ts'
import { join, noMembers } from './peers.ts'

const info = infoOf(['v0', 'v1', 'v2'])
const backlog: Backlog = {
  queue: 'hash',
  priority: 0,
  requires: '',
  ageMs: 0,
  backlog: 3,
  seqs: [0, 3],
}

function setup(peer = 'v0') {
  const own = TestVoter.holding(3, { peer })
  const members = noMembers()
  join(members, 'worker', 0)
  const announce = createAnnounce()
  const again = (ms: number) => {
    own.now += ms
    return reannounce(announce, own.voter, own.outbox, members, own.now)
  }
  return { own, members, announce, again }
}

describe('an announcement', () => {
  it('tells the open tasks per class, and what is needed to claim them', () => {
    const { own, members, announce } = setup()
    own.store(chunkOf(3, ['urgent'], { spec: { ...plainSpec, priority: 9 } }))
    own.claim(ballot(1), [1, 1])
    own.now += 70
    const [hint, ...more] = announceFresh(
      announce,
      own.voter,
      own.outbox,
      members,
      new Set([ledgerId]),
      own.now,
    )
    assert.deepEqual(more, [])
    assert.deepEqual(hint, {
      type: 'announce',
      info,
      round: 1,
      counter: 1,
      classes: [
        { ...backlog, ageMs: 70, backlog: 2, seqs: [0, 1, 2, 1] },
        { ...backlog, priority: 9, ageMs: 70, backlog: 1, seqs: [3, 1] },
      ],
    })
  })

  it('is not made where every worker votes', () => {
    const own = TestVoter.holding(3)
    const members = noMembers()
    join(members, 'v1', 0)
    join(members, 'idler', 0, { concurrency: 0 })
    const announced = () => {
      return announceFresh(
        createAnnounce(),
        own.voter,
        own.outbox,
        members,
        new Set([ledgerId]),
        own.now,
      )
    }
    assert.deepEqual(announced(), [])
    join(members, 'v1', 0, { storageId: 'another' })
    assert.equal(announced().length, 1, 'without its disk v1 does not vote')
    join(members, 'v1', 0)
    assert.deepEqual(announced(), [])
    own.ledger.unknownTo = 0b10
    assert.equal(announced().length, 1, 'with an old copy of it v1 has nothing to run')
  })

  it('of what stays unclaimed is repeated, later each time, with a new round', () => {
    const { again } = setup()
    assert.deepEqual(again(0), [])
    const rounds: unknown[] = []
    for (const ms of [reannounceMs, 2 * reannounceMs, 4 * reannounceMs]) {
      assert.deepEqual(again(ms - 1), [])
      const [hint] = again(1)
      rounds.push(hint?.type === 'announce' ? hint.round : undefined)
    }
    assert.deepEqual(rounds, [1, 2, 3])
    for (let i = 0; i < 9; i++) again(maxReannounceMs)
    assert.equal(again(maxReannounceMs - 1).length, 0)
    assert.equal(again(1).length, 1)
  })

  it('is repeated by the next voter only if the one before stays silent', () => {
    const { own, members, announce, again } = setup('v1')
    again(0)
    const heard: Announce = { type: 'announce', info, round: 1, counter: 0, classes: [backlog] }
    own.now += 2 * reannounceMs - 1
    onHints(announce, own.voter, members, 'v0', [heard], () => true, own.now)
    assert.deepEqual(again(1), [])
    assert.equal(again(2 * reannounceMs).length, 1)
  })

  it('of a ledger without open tasks is not repeated', () => {
    const { own, again } = setup()
    again(0)
    own.claim(ballot(1), [0, 3])
    assert.deepEqual(again(900), [])
    own.wait(1_000)
    assert.deepEqual(again(reannounceMs - 1), [])
    assert.equal(again(reannounceMs).length, 1)
  })
})

describe('hints', () => {
  it('are remembered for queues that are served, in ledgers not voted in here', () => {
    const { own, members, announce } = setup()
    const other = { ...info, ledger: 'c'.repeat(32) }
    const mail = { ...backlog, queue: 'mail' }
    const heard = [info, other].map((info): Announce => {
      return { type: 'announce', info, round: 1, counter: 0, classes: [backlog, mail] }
    })
    onHints(announce, own.voter, members, 'x', heard, queue => queue === 'hash', own.now)
    assert.deepEqual([...announce.hints.keys()], [other.ledger])
    assert.equal(hintedCount(announce.hints), 3)
    const taken = { type: 'taken', ledger: other.ledger, seqs: [1, 1] } as const
    onHints(announce, own.voter, members, 'x', [taken], () => true, own.now)
    assert.equal(hintedCount(announce.hints), 2)
  })

  it('are bounded: the ledger heard of longest ago is forgotten', () => {
    const hints: Hints = new Map()
    for (let i = 0; i <= maxHintLedgers; i++) {
      addHint(hints, { ...info, ledger: `${i}` }, [backlog], i)
    }
    assert.equal(hints.size, maxHintLedgers)
    assert.ok(!hints.has('0') && hints.has('1'))
  })

  it('keep the age of the oldest task of a class', () => {
    const hints: Hints = new Map()
    addHint(hints, info, [{ ...backlog, ageMs: 500 }], 1_000)
    addHint(hints, info, [{ ...backlog, seqs: [9, 1] }], 2_000)
    const [known] = hints.get(ledgerId)?.classes.values() ?? []
    assert.deepEqual([known?.publishedAt, known?.seqs], [500, [0, 3, 9, 1]])
    dropHint(hints, ledgerId, [0, 10])
    assert.equal(hintedCount(hints), 0)
  })

  it('of presence tell who has room', () => {
    const { own, members, announce } = setup()
    const hint = { type: 'presence', queues: ['hash'], concurrency: 4, free: 0 } as const
    onHints(announce, own.voter, members, 'worker', [hint], () => true, own.now)
    const worker = members.peers.get('worker')
    assert.deepEqual([worker?.free, worker?.freeAt], [0, own.now])
  })
})

describe('presence', () => {
  it('is told when room comes or goes, not at every change', () => {
    const { announce, members } = setup()
    const told = (free: number, at: number) =>
      presence(announce, members, ['hash'], 4, free, at).length
    assert.equal(told(4, 0), 1)
    assert.equal(told(0, presenceMs - 1), 0)
    assert.equal(told(0, presenceMs), 1)
    assert.equal(told(2, 2 * presenceMs), 1)
    assert.equal(told(3, 3 * presenceMs), 0)
  })
})

describe('SYNC', () => {
  it('is answered by the open tasks of the queues asked for', () => {
    const { own, members } = setup()
    const sync = (from: string, queue: string): void => {
      const asked = { type: 'sync', queues: [queue], slots: 0 } as const
      onSync(createAnnounce(), own.voter, own.outbox, members, from, asked, own.now)
    }
    sync('worker', 'hash')
    assert.deepEqual(own.reply('backlogs').ledgers, [{ info, counter: 0, classes: [backlog] }])
    sync('worker', 'mail')
    assert.deepEqual(own.reply('backlogs').ledgers, [])
    join(members, 'v1', 0)
    sync('v1', 'hash')
    assert.deepEqual(own.reply('backlogs').ledgers, [], 'a fellow voter knows them itself')
    join(members, 'v1', 0, { storageId: 'another' })
    sync('v1', 'hash')
    assert.equal(own.reply('backlogs').ledgers.length, 1, 'without its disk it does not')
  })

  // Seed 9662881: a voter on an old copy of its disk was idle beside tasks that nobody told it of.
  it('is answered to a voter that does not know the ledger, until it does', () => {
    const { own, members } = setup()
    join(members, 'v1', 0)
    const open = (): number => {
      const asked = { type: 'sync', queues: ['hash'], slots: 0 } as const
      onSync(createAnnounce(), own.voter, own.outbox, members, 'v1', asked, own.now)
      return own.reply('backlogs').ledgers.length
    }
    const unknown = { type: 'unknown-ledger', ledger: ledgerId, epoch: 0 } as const
    onUnknown(own.voter, own.outbox, 'v1', 's-v1', unknown, own.now)
    assert.equal(open(), 1)
    const none = { counter: 0, end: -1, stored: [], settled: [] }
    const compare = { type: 'compare', ledger: ledgerId, epoch: 0, ...none } as const
    onCompare(own.voter, own.outbox, 'v1', compare, own.now)
    assert.equal(open(), 0)
  })

  it('goes to one peer after another, less and less often, until it helps', () => {
    const { own, members, announce } = setup()
    join(members, 'another', 0)
    const asked: string[] = []
    const waits: number[] = []
    let last = own.now
    for (let i = 0; i < 600 && asked.length < 7; i++) {
      own.now += 100
      pull(announce, own.outbox, members, ['hash'], 4, own.now)
      const [sent] = own.take()
      if (sent === undefined) continue
      asked.push(sent.to)
      waits.push(own.now - last)
      last = own.now
    }
    assert.deepEqual(new Set(asked.slice(0, 2)), new Set(['worker', 'another']))
    assert.deepEqual(waits.slice(1), [1_000, 2_000, 4_000, 8_000, maxSyncMs, maxSyncMs])
    const ledgers = [{ info: { ...info, ledger: 'c'.repeat(32) }, counter: 0, classes: [backlog] }]
    assert.ok(
      onBacklogs(announce, own.voter, { type: 'backlogs', ledgers, offered: false }, own.now),
    )
    assert.equal(announce.syncWaitMs, syncMs)
  })
})
