import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { claimMs } from '../../src/core/claim.ts'
import { maxBackoffMs, maxRepairs, maxTries, nextBallot } from '../../src/core/proposer.ts'
import { sawCounter } from '../../src/core/proposer.ts'
import { onUnknownLedger, onVoterDown } from '../../src/core/renew.ts'
import { ballot, bytes, chunkOf, grantOf, ledgerId } from './fixtures.ts'
import { recordsOf, TestProposer } from './test-proposer.ts'
import { onClaimed } from '../../src/core/ask.ts'

const task = [0, 1]

function claimsSent(proposer: TestProposer): string[] {
  return proposer.sentOf('claim').map(({ to }) => to)
}

describe('a ballot', () => {
  it('is above every counter that was seen in its ledger, and never given twice', () => {
    const { proposer } = new TestProposer()
    assert.deepEqual(nextBallot(proposer, ledgerId), ballot(1))
    sawCounter(proposer, ledgerId, 40)
    sawCounter(proposer, ledgerId, 7)
    assert.deepEqual(nextBallot(proposer, ledgerId), ballot(41))
    assert.deepEqual(nextBallot(proposer, ledgerId), ballot(42))
    assert.deepEqual(nextBallot(proposer, 'c'.repeat(32)), ballot(1))
  })

  it('rises with the counters in answers', () => {
    const worker = new TestProposer()
    const claiming = worker.claim(task)
    worker.answer('v0', claiming, { granted: [], leaseMs: 0, counter: 90 })
    assert.deepEqual(worker.claim(task).ballot, ballot(91))
  })
})

describe('a claim', () => {
  it('asks every voter at once, and wants the records of the first', () => {
    const worker = new TestProposer()
    worker.claim(task)
    const sent = worker.sentOf('claim')
    assert.deepEqual(
      sent.map(({ to, message }) => [to, message.records]),
      [
        ['v0', true],
        ['v1', false],
        ['v2', false],
      ],
    )
  })

  it('is lost at once where no majority is up, and gives back what it got', () => {
    const worker = new TestProposer()
    worker.proposer.up.delete('v1')
    worker.proposer.up.delete('v2')
    const claiming = worker.claim(task)
    worker.take()
    worker.answer('v0', claiming)
    assert.deepEqual(worker.proposer.news.lost, [{ ledger: ledgerId, seqs: task }])
    const [release] = worker.sentOf('release')
    assert.equal(release?.to, 'v0')
    assert.deepEqual(release.message.seqs, task)
    assert.equal(worker.proposer.claims.size, 0)
  })

  it('counts each task for itself', () => {
    const worker = new TestProposer()
    const claiming = worker.claim([0, 3])
    worker.answer('v0', claiming, { granted: [0, 2], grants: [2, 1], chunks: recordsOf([0, 3]) })
    worker.answer('v1', claiming, { granted: [1, 2], grants: [2, 1] })
    worker.take()
    const refused = [{ reason: 'held' as const, seqs: [0, 1], ms: 9, counter: 0 }]
    worker.answer('v2', claiming, { granted: [2, 1], grants: [1, 1], refused })
    const runs = worker.take().filter(effect => effect.type === 'run')
    assert.deepEqual(
      runs.map(({ seqs }) => seqs),
      [[2, 1]],
    )
    assert.deepEqual(worker.proposer.news.lost, [{ ledger: ledgerId, seqs: [0, 1] }])
  })

  it('that a majority does not answer in time is given up, and its grants given back', () => {
    const worker = new TestProposer()
    const claiming = worker.claim(task)
    worker.answer('v1', claiming)
    worker.tick(claimMs - 1)
    assert.deepEqual(worker.sentOf('release'), [])
    worker.tick(1)
    assert.deepEqual(
      worker.sentOf('release').map(({ to }) => to),
      ['v0', 'v1', 'v2'],
      'and so are those that may be on their way',
    )
    assert.equal(worker.proposer.claims.size, 0)
  })

  it('that is over gives a late grant back', () => {
    const worker = new TestProposer()
    const claiming = worker.claim(task)
    worker.tick(claimMs)
    worker.take()
    worker.answer('v2', claiming)
    const [release] = worker.sentOf('release')
    assert.equal(release?.to, 'v2')
    assert.deepEqual(release.message.ballot, claiming.ballot)
  })

  it('does not wait for a voter that went down', () => {
    const worker = new TestProposer()
    const claiming = worker.claim(task)
    worker.refuse('v0', claiming, 'held')
    onVoterDown(worker.proposer, worker.outbox, 'v1', worker.now)
    assert.deepEqual(worker.proposer.news.lost, [{ ledger: ledgerId, seqs: task }])
  })

  it('is over when one voter says that the task is settled', () => {
    const worker = new TestProposer()
    const claiming = worker.claim(task)
    worker.answer('v0', claiming)
    worker.take()
    worker.refuse('v1', claiming, 'settled')
    assert.deepEqual(
      worker.sentOf('release').map(({ to }) => to),
      ['v0', 'v2'],
    )
    assert.equal(worker.proposer.claims.size, 0)
    assert.deepEqual(worker.proposer.news.refused[0]?.refusal.reason, 'settled')
  })

  it("takes no answer to an earlier process start's ballot", () => {
    const worker = new TestProposer()
    const claiming = worker.claim(task)
    const foreign = { ...claiming.ballot, proposer: 'w.0' }
    for (const peer of ['v0', 'v1', 'v2']) worker.answer(peer, claiming, { ballot: foreign })
    assert.deepEqual(worker.proposer.news.won, [])
    assert.ok(!worker.take().some(effect => effect.type === 'run'))
  })
})

describe('one after the other', () => {
  it('the next voter is asked when the one before has granted', () => {
    const worker = new TestProposer()
    const claiming = worker.claim(task, { sequential: true })
    assert.deepEqual(claimsSent(worker), ['v0'])
    worker.answer('v0', claiming)
    assert.deepEqual(claimsSent(worker), ['v1'])
  })

  it('the first refusal is the last, so that a loser holds nothing', () => {
    const worker = new TestProposer()
    const claiming = worker.claim(task, { sequential: true })
    worker.take()
    worker.refuse('v0', claiming, 'held')
    assert.deepEqual(claimsSent(worker), [])
    assert.equal(worker.proposer.claims.size, 0)
  })

  it('the next voter is not asked for what the first one has refused, or calls settled', () => {
    const worker = new TestProposer()
    const claiming = worker.claim([0, 3], { sequential: true })
    worker.take()
    const refused = [
      { reason: 'held', seqs: [0, 1], ms: 0, counter: 0 },
      { reason: 'settled', seqs: [2, 1], ms: 0, counter: 0 },
    ] as const
    worker.answer('v0', claiming, { granted: [1, 1], grants: [1, 1], refused })
    const [next] = worker.sentOf('claim')
    assert.deepEqual([next?.to, next?.message.seqs], ['v1', [1, 1]])
  })

  it('a voter that is down is passed over', () => {
    const worker = new TestProposer()
    worker.proposer.up.delete('v0')
    worker.claim(task, { sequential: true })
    assert.deepEqual(claimsSent(worker), ['v1'])
  })

  it('a voter that has lost the ledger is passed over, and the next one asked', () => {
    const worker = new TestProposer()
    worker.claim(task, { sequential: true })
    worker.take()
    onUnknownLedger(
      worker.proposer,
      worker.outbox,
      'v0',
      { type: 'unknown-ledger', ledger: ledgerId, epoch: 0 },
      worker.now,
    )
    assert.deepEqual(claimsSent(worker), ['v1'])
    onUnknownLedger(
      worker.proposer,
      worker.outbox,
      'v1',
      { type: 'unknown-ledger', ledger: ledgerId, epoch: 0 },
      worker.now,
    )
    assert.deepEqual(claimsSent(worker), [])
    assert.deepEqual(worker.proposer.news.lost, [{ ledger: ledgerId, seqs: task }])
  })

  it('any task: where the first voter has lost the ledger, the next one picks', () => {
    const worker = new TestProposer()
    const any = [{ queue: 'hash', priority: 0, requires: '' }]
    const claiming = worker.claim([], { any, anyCount: 3, sequential: true })
    worker.take()
    onUnknownLedger(
      worker.proposer,
      worker.outbox,
      'v0',
      { type: 'unknown-ledger', ledger: ledgerId, epoch: 0 },
      worker.now,
    )
    const [next] = worker.sentOf('claim')
    assert.deepEqual([next?.to, next?.message.any], ['v1', any])
    worker.answer('v1', claiming, { granted: [4, 2], grants: [2, 1] })
    const [last] = worker.sentOf('claim')
    assert.deepEqual([last?.to, last?.message.seqs, last?.message.any], ['v2', [4, 2], []])
  })

  it('any task: the first voter picks, the others are asked for the same', () => {
    const worker = new TestProposer()
    const any = [{ queue: 'hash', priority: 0, requires: '' }]
    const claiming = worker.claim([], { any, anyCount: 3 })
    const [first, ...more] = worker.sentOf('claim')
    assert.deepEqual([first?.message.any, first?.message.anyCount, more], [any, 3, []])
    worker.answer('v0', claiming, { granted: [4, 2], grants: [2, 1] })
    const rest = worker.sentOf('claim')
    assert.deepEqual(
      rest.map(({ to, message }) => [to, message.seqs, message.any]),
      [
        ['v1', [4, 2], []],
        ['v2', [4, 2], []],
      ],
    )
  })

  it('any task, where the first voter grants nothing after a restart: the next one picks', () => {
    const worker = new TestProposer()
    const any = [{ queue: 'hash', priority: 0, requires: '' }]
    const claiming = worker.claim([], { any, anyCount: 3 })
    worker.take()
    const refused = [{ reason: 'blocked', seqs: [4, 2], ms: 30_000, counter: 0 }] as const
    worker.answer('v0', claiming, { granted: [], grants: [], leaseMs: 0, refused })
    const [next, ...more] = worker.sentOf('claim')
    assert.deepEqual([next?.to, next?.message.any, more], ['v1', any, []])
    assert.deepEqual(worker.proposer.news.exhausted, [])
  })

  it('any task where there is none ends the claim', () => {
    const worker = new TestProposer()
    const claiming = worker.claim([], {
      any: [{ queue: 'hash', priority: 0, requires: '' }],
      anyCount: 3,
    })
    worker.answer('v0', claiming, { granted: [], grants: [], leaseMs: 0 })
    assert.equal(worker.proposer.claims.size, 0)
    assert.deepEqual(worker.proposer.news.exhausted, [
      { info: worker.info, classes: claiming.any, silent: false },
    ])
  })
})

describe('MISSING', () => {
  it('is repaired with the record that came with a grant, and asked again', () => {
    const worker = new TestProposer()
    const claiming = worker.claim(task)
    worker.answer('v0', claiming, { chunks: [chunkOf(0, ['payload'])] })
    worker.take()
    worker.refuse('v1', claiming, 'missing')
    const [store, again] = worker.sent()
    assert.ok(store?.message.type === 'store' && again?.message.type === 'claim')
    assert.deepEqual([store.to, store.message.fresh], ['v1', false])
    assert.deepEqual(again.message.ballot, claiming.ballot)
    worker.answer('v1', claiming)
    assert.equal(worker.proposer.news.won.length, 1)
  })

  it('is asked again, and told when the claim is given up before it has answered', () => {
    const worker = new TestProposer()
    const claiming = worker.claim(task)
    worker.answer('v0', claiming, { chunks: [chunkOf(0, ['payload'])] })
    worker.refuse('v1', claiming, 'missing')
    worker.take()
    worker.refuse('v2', claiming, 'behind')
    assert.deepEqual(
      worker.sentOf('release').map(({ to }) => to),
      ['v0', 'v1'],
    )
  })

  it('is a refusal where the record is not at hand', () => {
    const worker = new TestProposer()
    const claiming = worker.claim(task)
    worker.refuse('v0', claiming, 'missing')
    worker.refuse('v1', claiming, 'missing')
    assert.deepEqual(worker.proposer.news.lost, [{ ledger: ledgerId, seqs: task }])
  })

  it('of a voter that takes no record is not repaired for ever', () => {
    const worker = new TestProposer()
    const claiming = worker.claim(task)
    worker.answer('v0', claiming, { chunks: [chunkOf(0, ['payload'])] })
    worker.take()
    for (let i = 0; i < maxRepairs + 5; i++) worker.refuse('v1', claiming, 'missing')
    assert.ok(worker.sentOf('store').length <= maxRepairs)
  })
})

describe('a claim that passes through leases', () => {
  it('is tried again under a new ballot, later each time, one voter after the other', () => {
    const worker = new TestProposer()
    let claiming = worker.claim(task, {
      intent: 'cancel',
      cancel: { request: 5, reason: bytes('') },
    })
    const waits: number[] = []
    const ballots = new Set([claiming.ballot.counter])
    for (let tries = 1; tries < maxTries; tries++) {
      const before = worker.now
      for (const peer of ['v0', 'v1', 'v2']) {
        if (worker.proposer.claims.has(claiming.id)) worker.refuse(peer, claiming, 'behind')
      }
      worker.take()
      claiming = worker.retry()
      waits.push(worker.now - before)
      ballots.add(claiming.ballot.counter)
      assert.equal(claiming.tries, tries)
      assert.equal(claiming.sequential, tries > 1)
    }
    assert.equal(ballots.size, maxTries)
    assert.ok((waits.at(-1) ?? 0) > (waits[0] ?? Infinity) * 4)
    assert.ok(waits.every(ms => ms <= maxBackoffMs * 1.5 + 10))
    for (const peer of ['v0', 'v1', 'v2']) {
      if (worker.proposer.claims.has(claiming.id)) worker.refuse(peer, claiming, 'behind')
    }
    const [ended] = worker.proposer.news.cancelEnded
    assert.deepEqual(ended, { request: 5, cancelled: [], tooLate: [] })
    assert.deepEqual(worker.proposer.retries, [])
  })
})

describe('an answer', () => {
  const noVotes = [
    { what: 'from a peer that does not vote', from: 'stranger', more: {} },
    {
      what: 'that names the ballot of another start',
      from: 'v0',
      more: { ballot: { ...ballot(1), proposer: 'w.0' } },
    },
    { what: 'of another epoch', from: 'v0', more: { epoch: 1 } },
  ]
  for (const { what, from, more } of noVotes) {
    it(`${what} is no vote`, () => {
      const worker = new TestProposer()
      const claiming = worker.claim(task)
      assert.deepEqual(claiming.ballot, ballot(1))
      worker.answer(from, claiming, more)
      worker.answer('v1', claiming, { chunks: recordsOf(task) })
      assert.deepEqual(worker.proposer.news.won, [])
      worker.answer('v2', claiming)
      assert.equal(worker.proposer.news.won.length, 1)
    })
  }

  it('to a claim of another ledger under the same number is given back', () => {
    const worker = new TestProposer()
    const claiming = worker.claim(task)
    worker.take()
    const [asked] = [{ ...claiming, type: 'claim' as const, claimId: claiming.id, epoch: 0 }]
    const claimed = grantOf({ ...asked, ledger: 'c'.repeat(32), records: false, idle: false })
    onClaimed(worker.proposer, worker.outbox, 'v0', claimed, worker.now)
    assert.equal(worker.sentOf('release')[0]?.message.ledger, 'c'.repeat(32))
  })
})
