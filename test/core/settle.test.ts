import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Settle } from '../../src/core/messages.ts'
import { maxTries } from '../../src/core/proposer.ts'
import { randomFrom } from '../../src/core/random.ts'
import { onUnknownLedger, onVoterDown, onVoterUp } from '../../src/core/renew.ts'
import { retryDelayMs } from '../../src/core/retry.ts'
import { onFinished, resettleMs } from '../../src/core/settle.ts'
import { onClaimed, openClaim } from '../../src/core/ask.ts'
import { bodyOf, bytes, chunkOf, grantOf, ledgerId, plainSpec } from './fixtures.ts'
import { ballot, TestVoter, valuesOf, votingProposer } from './fixtures.ts'
import { recordsOf, TestProposer } from './test-proposer.ts'

const task = [0, 1]
const unknown = { type: 'unknown-ledger', ledger: ledgerId, epoch: 0 } as const

/** A worker that has won a task and finished its run; with the SETTLE that it sent. */
function settling(kind: 'done' | 'error' = 'done'): { worker: TestProposer; settle: Settle } {
  const worker = new TestProposer()
  const claiming = worker.win(task)
  worker.take()
  worker.finish(claiming, task, 'ok', kind)
  const [sent] = worker.sentOf('settle')
  assert.ok(sent !== undefined)
  return { worker, settle: sent.message }
}

describe('the end of a run', () => {
  it('is proposed to every voter under the ballot that was granted, by a peer that votes not', () => {
    const worker = new TestProposer()
    const claiming = worker.win([0, 2])
    worker.take()
    worker.finish(claiming, [0, 2])
    const sent = worker.sentOf('settle')
    assert.deepEqual(
      sent.map(({ to }) => to),
      ['v0', 'v1', 'v2'],
    )
    const settle = sent[0]?.message
    assert.deepEqual(settle?.ballot, claiming.ballot)
    assert.equal(settle?.acceptLsn, 0)
    assert.deepEqual(settle?.values[0]?.kind, 'done')
    assert.deepEqual(worker.proposer.news.freed, [{ ledger: ledgerId, count: 2 }])
  })

  it('counts once: a second one of the same run is ignored', () => {
    const { worker } = settling()
    const [claiming] = worker.proposer.claims.values()
    if (claiming !== undefined) worker.finish(claiming, task, 'again')
    assert.deepEqual(worker.take(), [])
  })

  const ends = [
    { kind: 'done', before: 0, gives: ['done', '', 0] },
    { kind: 'error', before: 0, gives: ['pending', '', 1] },
    { kind: 'error', before: 2, gives: ['failed', 'attempts', 3] },
    { kind: 'error', before: 300, gives: ['failed', 'attempts', 301] },
    { kind: 'timeout', before: 1, gives: ['pending', '', 2] },
    { kind: 'timeout', before: 2, gives: ['failed', 'timeout', 3] },
    { kind: 'unrecoverable', before: 0, gives: ['failed', 'unrecoverable', 1] },
    { kind: 'result', before: 0, gives: ['failed', 'result', 1] },
  ] as const
  for (const { kind, before, gives } of ends) {
    it(`by ${kind} after ${before} failures of 3 attempts is ${gives.join(' ')}`, () => {
      const worker = new TestProposer()
      const failed = { ballot: ballot(1, 'x.1'), values: valuesOf(task, 'pending') }
      const values = { ...failed.values, failures: before }
      const claiming = worker.win(task, before === 0 ? {} : { accepted: [{ ...failed, values }] })
      worker.take()
      worker.finish(claiming, task, 'why', kind)
      const value = worker.sentOf('settle')[0]?.message.values[0]
      assert.ok(value !== undefined)
      assert.deepEqual([value.kind, value.reason, value.failures], gives)
      assert.equal(bodyOf(value), 'why')
      assert.equal(value.by, 'w')
      assert.equal(value.delayMs > 0, gives[0] === 'pending')
    })
  }

  it('that was never started gives the leases back', () => {
    const worker = new TestProposer()
    const claiming = worker.win([0, 2])
    worker.take()
    worker.finish(claiming, [1, 1], '', 'released')
    const sent = worker.sentOf('release')
    assert.deepEqual(
      sent.map(({ to, message }) => [to, message.seqs]),
      [
        ['v0', [1, 1]],
        ['v1', [1, 1]],
        ['v2', [1, 1]],
      ],
    )
  })

  it('with more than one SETTLE can carry is split, task by task', () => {
    const worker = new TestProposer()
    const claiming = worker.win([0, 4])
    worker.take()
    worker.finish(claiming, [0, 4], 'x'.repeat(100_000))
    const parts = worker.sentOf('settle').filter(({ to }) => to === 'v2')
    assert.deepEqual(
      parts.flatMap(({ message }) => message.values.map(({ seqs }) => seqs)),
      [
        [0, 1],
        [1, 1],
        [2, 1],
        [3, 1],
      ],
    )
  })
})

describe('a decision', () => {
  it('takes a majority that accepted, and is told to every voter', () => {
    const { worker, settle } = settling()
    worker.accept('v2', settle)
    assert.deepEqual(worker.take(), [])
    worker.accept('v0', settle)
    const sent = worker.sentOf('decided')
    assert.deepEqual(
      sent.map(({ to }) => to),
      ['v0', 'v1', 'v2'],
    )
    assert.deepEqual(sent[0]?.message.outcomes, [
      { ballot: settle.ballot, kind: 'done', seqs: task, values: [] },
    ])
    assert.equal(worker.proposer.claims.size, 0)
  })

  it('is not made by one voter twice', () => {
    const { worker, settle } = settling()
    worker.accept('v0', settle)
    worker.accept('v0', settle)
    assert.deepEqual(worker.sentOf('decided'), [])
  })

  it('for a retry is told to nobody', () => {
    const { worker, settle } = settling('error')
    for (const peer of ['v0', 'v1']) worker.accept(peer, settle)
    assert.deepEqual(worker.take(), [])
    assert.equal(worker.proposer.claims.size, 0)
  })

  it('that somebody else made first is counted as a duplicate', () => {
    const { worker, settle } = settling()
    worker.accept('v0', settle, { accepted: [], settled: task })
    assert.equal(worker.proposer.duplicates, 1)
    assert.equal(worker.proposer.claims.size, 0)
  })

  it('of a value that was sent twice may be its own: no duplicate is counted', () => {
    const { worker, settle } = settling()
    worker.tick(resettleMs)
    worker.accept('v0', settle, { accepted: [], settled: task })
    assert.equal(worker.proposer.duplicates, 0)
    assert.equal(worker.proposer.claims.size, 0)
  })
})

describe('an accept', () => {
  it('of the ballot of another start is no vote', () => {
    const { worker, settle } = settling()
    const ofAnother = { ...settle.ballot, proposer: 'w.0' }
    for (const peer of ['v0', 'v1']) worker.accept(peer, settle, { ballot: ofAnother })
    assert.deepEqual(worker.sentOf('decided'), [])
    for (const peer of ['v0', 'v1']) worker.accept(peer, settle)
    assert.equal(worker.sentOf('decided').length, 3)
  })
})

describe('a SETTLE without an answer', () => {
  it('is sent again to those who did not answer, the same bytes', () => {
    const { worker, settle } = settling()
    worker.accept('v1', settle)
    worker.tick(resettleMs - 1)
    assert.deepEqual(worker.sentOf('settle'), [])
    worker.tick(1)
    const again = worker.sentOf('settle')
    assert.deepEqual(
      again.map(({ to }) => to),
      ['v0', 'v2'],
    )
    assert.equal(again[0]?.message, settle)
  })

  it('is sent again at once to a voter that is back', () => {
    const { worker, settle } = settling()
    worker.proposer.up.delete('v2')
    onVoterUp(worker.proposer, worker.outbox, 'v2', worker.now)
    const again = worker.sentOf('settle')
    assert.deepEqual(
      again.map(({ to, message }) => [to, message === settle]),
      [['v2', true]],
    )
  })

  it('follows the record to a voter that misses it', () => {
    const { worker, settle } = settling()
    worker.accept('v2', settle, { accepted: [], missing: task })
    const sent = worker.sent()
    assert.deepEqual(
      sent.map(({ to, message }) => `${message.type} ${to}`),
      ['store v2', 'settle v2'],
    )
  })

  it('follows a record that says what is left of its limits by then', () => {
    const worker = new TestProposer()
    const chunks = recordsOf(task).map(chunk => ({ ...chunk, endWithinMs: 60_000 }))
    const claiming = worker.win(task, { chunks })
    worker.now += 45_000
    worker.finish(claiming, task)
    const [settle] = worker.sentOf('settle')
    assert.ok(settle !== undefined)
    worker.accept('v2', settle.message, { accepted: [], missing: task })
    const [store] = worker.sentOf('store')
    assert.equal(store?.message.chunks[0]?.endWithinMs, 15_000)
  })
})

describe('a SETTLE that is behind at a majority', () => {
  it('is raised under a higher ballot with the result in hand', () => {
    const { worker, settle } = settling()
    worker.accept('v0', settle, { accepted: [], behind: task, counter: 40 })
    worker.accept('v1', settle, { accepted: [], behind: task, counter: 40 })
    assert.equal(worker.proposer.claims.size, 0)
    const raise = worker.retry()
    assert.equal(raise.intent, 'raise')
    assert.ok(raise.ballot.counter > 40)
    assert.deepEqual(raise.hand?.own, [settle.ballot.counter])
    assert.equal(bodyOf(raise.hand.values), 'ok')
    worker.answer('v0', raise)
    worker.answer('v1', raise)
    assert.equal(worker.sentOf('settle')[0]?.message.ballot.counter, raise.ballot.counter)
  })

  it('is raised, too, where one is behind and another one is down', () => {
    const { worker, settle } = settling()
    worker.accept('v0', settle)
    worker.accept('v1', settle, { accepted: [], behind: task, counter: 40 })
    assert.deepEqual(worker.proposer.retries, [])
    onVoterDown(worker.proposer, worker.outbox, 'v2', worker.now)
    assert.equal(worker.retry().intent, 'raise')
  })

  it('is raised, too, where one is behind and another one has lost the ledger', () => {
    const { worker, settle } = settling()
    worker.accept('v0', settle)
    onUnknownLedger(worker.proposer, worker.outbox, 'v2', unknown, worker.now)
    assert.deepEqual(worker.proposer.retries, [])
    worker.accept('v1', settle, { accepted: [], behind: task, counter: 40 })
    assert.equal(worker.retry().intent, 'raise')
  })

  it('waits for who is down where no majority is up to raise it', () => {
    const { worker, settle } = settling()
    for (const peer of ['v0', 'v2']) {
      onVoterDown(worker.proposer, worker.outbox, peer, worker.now)
    }
    worker.accept('v1', settle, { accepted: [], behind: task, counter: 40 })
    assert.deepEqual(worker.proposer.retries, [])
  })

  // Seed 9910254: the third voter never came back, and a cancel was not answered.
  it('is raised once a majority is up again, though none of it has anything to answer any more', () => {
    const { worker, settle } = settling()
    worker.accept('v0', settle)
    for (const peer of ['v0', 'v2']) {
      onVoterDown(worker.proposer, worker.outbox, peer, worker.now)
    }
    worker.accept('v1', settle, { accepted: [], behind: task, counter: 40 })
    assert.deepEqual(worker.proposer.retries, [])
    onVoterUp(worker.proposer, worker.outbox, 'v0', worker.now)
    assert.equal(worker.retry().intent, 'raise')
  })

  it('is not sent for ever to voters that have lost the ledger, which end a cancel unanswered', () => {
    const worker = new TestProposer()
    const cancel = { request: 7, reason: bytes('enough') }
    let claiming = worker.claim(task, { intent: 'cancel', cancel })
    const lose = (peer: string): void =>
      onUnknownLedger(worker.proposer, worker.outbox, peer, unknown, worker.now)
    worker.answer('v0', claiming)
    worker.answer('v1', claiming)
    lose('v0')
    assert.equal(worker.proposer.claims.size, 1)
    lose('v1')
    for (let tries = 1; tries < maxTries; tries++) {
      assert.deepEqual(worker.proposer.news.cancelEnded, [])
      claiming = worker.retry()
      assert.equal(claiming.intent, 'cancel')
      lose('v0')
      lose('v1')
    }
    const ended = { request: 7, cancelled: [], tooLate: [] }
    assert.deepEqual(worker.proposer.news.cancelEnded, [ended])
    assert.equal(worker.proposer.claims.size, 0)
    assert.deepEqual(worker.proposer.retries, [])
  })

  it('of voters that had accepted it before they lost the ledger is decided by one more', () => {
    const { worker, settle } = settling()
    worker.accept('v0', settle)
    for (const peer of ['v0', 'v1']) {
      onUnknownLedger(worker.proposer, worker.outbox, peer, unknown, worker.now)
    }
    assert.deepEqual(worker.proposer.retries, [])
    worker.accept('v2', settle)
    assert.equal(worker.sentOf('decided').length, 3)
  })

  it('stays with the majority that accepted it if only one is behind', () => {
    const { worker, settle } = settling()
    worker.accept('v0', settle, { accepted: [], behind: task })
    worker.accept('v1', settle)
    assert.deepEqual(worker.proposer.retries, [])
    worker.accept('v2', settle)
    assert.equal(worker.sentOf('decided').length, 3)
  })
})

describe('the wait before a retry', () => {
  const random = () => randomFrom([9, 9, 9, 9])
  const cases = [
    { name: 'doubles', spec: plainSpec, waits: [1_000, 2_000, 4_000] },
    {
      name: 'ends at its longest',
      spec: { ...plainSpec, backoffMaxMs: 1_500 },
      waits: [1_000, 1_500],
    },
    {
      name: 'is the same if fixed',
      spec: { ...plainSpec, backoff: 'fixed' as const },
      waits: [1_000, 1_000],
    },
    { name: 'is none if it is to be none', spec: { ...plainSpec, backoffMs: 0 }, waits: [0, 0] },
  ]
  for (const { name, spec, waits } of cases) {
    it(`${name}, within a tenth`, () => {
      for (const [i, ms] of waits.entries()) {
        const waitMs = retryDelayMs(spec, i + 1, random())
        assert.ok(waitMs >= ms * 0.9 && waitMs <= ms * 1.1, `${waitMs} for ${ms}`)
      }
    })
  }

  it('stays a number after very many failures', () => {
    assert.ok(retryDelayMs(plainSpec, 100_000, random()) <= 66_000)
  })
})

describe('a worker that votes', () => {
  /** A proposer with a voter of its own that has granted it both tasks. */
  function voting() {
    const own = TestVoter.holding(2)
    const proposer = votingProposer(own)
    const want = { info: own.info, intent: 'run', seqs: [0, 2], any: [], anyCount: 0 } as const
    const rest = { sequential: false, queue: 'hash', cancel: undefined, hand: undefined, tries: 0 }
    const claiming = openClaim(proposer, own.outbox, { ...want, ...rest }, own.now)
    for (const { to, message } of own.take()) {
      if (message.type !== 'claim') continue
      if (to === 'v0') {
        const granted = own.claim(message.ballot, message.seqs, { claimId: message.claimId })
        onClaimed(proposer, own.outbox, 'v0', granted, own.now)
      } else if (to === 'v1') onClaimed(proposer, own.outbox, 'v1', grantOf(message), own.now)
    }
    own.take()
    const finish = () => {
      const token = claiming.ballot.counter
      const columns = { lengths: Uint32Array.of(1, 1), body: bytes('ab') }
      const finished = { type: 'finished', ledger: ledgerId, token, seqs: [0, 2] } as const
      onFinished(proposer, own.outbox, { ...finished, kind: 'done', ...columns }, own.now)
      return own.take().filter(({ message }) => message.type === 'settle')
    }
    return { own, claiming, finish }
  }

  it('accepts first, and names the entry of its accept', () => {
    const { own, finish } = voting()
    const before = own.outbox.lsn
    const sent = finish()
    assert.deepEqual(
      sent.map(({ to }) => to),
      ['v1', 'v2'],
    )
    const [first] = sent
    assert.ok(first?.message.type === 'settle')
    assert.equal(first.message.acceptLsn, before + 1)
    assert.equal(own.entries[before]?.type, 'accepted')
  })

  it('names no entry that does not hold for every task of the message', () => {
    const { own, claiming, finish } = voting()
    own.claim(ballot(claiming.ballot.counter + 1, 'x.1'), [0, 1], { intent: 'cancel' })
    for (const { message } of finish()) {
      assert.ok(message.type === 'settle')
      const tasks = message.values.flatMap(({ seqs }) => seqs)
      if (message.acceptLsn > 0) assert.deepEqual(tasks, [1, 1])
    }
    assert.equal(own.register(0).accepted.counter, 0)
    assert.equal(own.register(1).accepted.counter, claiming.ballot.counter)
  })
})

describe('the records that a proposer holds', () => {
  it('are those that came with grants', () => {
    const worker = new TestProposer()
    const claiming = worker.claim([0, 3])
    worker.answer('v0', claiming, { chunks: [chunkOf(0, ['a']), ...recordsOf([2, 1])] })
    worker.take()
    worker.answer('v1', claiming)
    const runs = worker.take().filter(effect => effect.type === 'run')
    assert.deepEqual(
      runs.map(({ seqs }) => seqs),
      [
        [0, 1],
        [2, 1],
      ],
    )
  })
})
