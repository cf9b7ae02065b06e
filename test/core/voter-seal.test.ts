import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { State } from '../../src/core/change-messages.ts'
import type { Entry } from '../../src/core/entries.ts'
import type { Message, Voter } from '../../src/core/messages.ts'
import { noBallot } from '../../src/core/ballot.ts'
import { noneCollected } from '../../src/core/collected.ts'
import { checkpointVoter } from '../../src/core/checkpoint.ts'
import { recoverVoter, replayVoter } from '../../src/core/recovery.ts'
import { sessionDigest } from '../../src/core/lease.ts'
import { forgetLedger } from '../../src/core/office.ts'
import { takeCollected } from '../../src/core/retire.ts'
import { onCompare, onDecided } from '../../src/core/voter-compare.ts'
import type { Asked } from '../../src/core/state-part.ts'
import { onObserve, onSeal } from '../../src/core/voter-seal.ts'
import { onSettle } from '../../src/core/voter-settle.ts'
import { onClose, onOpen, onStore } from '../../src/core/voter-store.ts'
import { ballot, chunkOf, leaseMs, ledgerId, TestVoter, valuesOf } from './fixtures.ts'

const next: readonly Voter[] = ['v0', 'v1', 'v3'].map(peer => ({ peer, storageId: `s-${peer}` }))
const all = { from: 0, to: 2 ** 31, stored: [], settled: [] }

function seal(voter: TestVoter, from = 'v3', more: Partial<Asked> = {}): State {
  const asked = { ...all, ...more }
  onSeal(
    voter.voter,
    voter.outbox,
    from,
    { type: 'seal', ledger: ledgerId, epoch: 0, voters: next, ...asked },
    voter.now,
  )
  return voter.reply('state')
}

function sealed(tasks: number): TestVoter {
  const voter = TestVoter.holding(tasks)
  seal(voter)
  return voter
}

/** The voter that a journal makes. */
function restarted(entries: Iterable<Entry>): TestVoter {
  const voter = new TestVoter()
  for (const entry of entries) replayVoter(voter.voter, entry, 0, voter.now)
  recoverVoter(voter.voter, 'v0.2', true, voter.now)
  return voter
}

describe('a sealed voter', () => {
  const of = { ledger: ledgerId, epoch: 0 } as const
  const settle = {
    type: 'settle',
    ...of,
    ballot: ballot(1),
    values: [valuesOf([0, 1], 'done')],
  } as const
  const refused: {
    name: string
    send: (voter: TestVoter) => void
    answer: Message['type'] | ''
  }[] = [
    {
      name: 'a STORE',
      send: ({ voter, outbox, now }) =>
        onStore(
          voter,
          outbox,
          'p',
          { type: 'store', ...of, fresh: true, chunks: [chunkOf(5, ['x'])] },
          now,
        ),
      answer: 'moved',
    },
    { name: 'a CLAIM', send: voter => voter.ask(ballot(9), [0, 1]), answer: 'moved' },
    {
      name: 'a SETTLE',
      send: ({ voter, outbox, now }) =>
        onSettle(voter, outbox, 'w', { ...settle, acceptLsn: 0 }, now),
      answer: 'moved',
    },
    {
      name: 'a CLOSE',
      send: ({ voter, outbox }) => onClose(voter, outbox, 'p', { type: 'close', ...of, end: 9 }),
      answer: 'moved',
    },
    {
      name: 'a COMPARE',
      send: ({ voter, outbox, now }) =>
        onCompare(
          voter,
          outbox,
          'v1',
          { type: 'compare', ...of, counter: 7, end: 3, stored: [], settled: [] },
          now,
        ),
      answer: 'moved',
    },
    {
      name: 'a DECIDED',
      send: ({ voter, outbox, now }) =>
        onDecided(
          voter,
          outbox,
          'v1',
          {
            type: 'decided',
            ...of,
            outcomes: [
              { ballot: ballot(1), kind: 'done', seqs: [0, 1], values: [valuesOf([0, 1], 'done')] },
            ],
          },
          now,
        ),
      answer: '',
    },
  ]

  for (const { name, send, answer } of refused) {
    it(`refuses ${name} and says who has followed`, () => {
      const voter = sealed(2)
      const before = voter.entries.length
      send(voter)
      const answers = voter.take().map(({ message }) => message)
      assert.deepEqual(
        answers.map(({ type }) => type),
        answer === '' ? [] : [answer],
      )
      assert.equal(voter.entries.length, before, 'nothing is written')
      const [moved] = answers
      if (moved?.type === 'moved')
        assert.deepEqual([moved.info.epoch, moved.info.voters], [1, next])
    })
  }

  it('keeps what it holds through a restart and a checkpoint', () => {
    const voter = sealed(2)
    for (const again of [
      restarted(voter.entries),
      restarted(checkpointVoter(voter.voter, voter.now)),
    ]) {
      assert.equal(again.ledger.office, 'sealed')
      again.ask(ballot(9), [0, 1])
      assert.equal(again.reply('moved').info.epoch, 1)
      assert.deepEqual(seal(again).registers[0]?.seqs, [0, 2])
    }
  })

  it('does not begin the first epoch again when a late OPEN arrives, nor once it has forgotten', () => {
    const voter = sealed(1)
    const open = () => {
      onOpen(voter.voter, voter.outbox, 'p', { type: 'open', ...voter.info }, voter.now)
      return voter.take().map(({ message }) => message.type)
    }
    assert.deepEqual(open(), ['unknown-ledger'])
    forgetLedger(voter.voter, voter.outbox, voter.ledger)
    assert.deepEqual(open(), ['unknown-ledger'])
    assert.equal(voter.voter.ledgers.size, 0)
  })

  it('leaves the leases of its ledger to those who follow', () => {
    const voter = TestVoter.holding(1)
    voter.claim(ballot(1), [0, 1])
    voter.renew('w.1', { confirmed: [1], ...sessionDigest([{ claimId: 1, count: 1 }]) })
    seal(voter)
    assert.equal(voter.renew('w.1', sessionDigest([{ claimId: 1, count: 1 }])).sendList, true)
    const lease = { ledger: ledgerId, claimId: 1, ballot: ballot(1), seqs: [0, 1] }
    const digest = sessionDigest([{ claimId: 1, count: 1 }])
    const { lost, elsewhere } = voter.renew('w.1', { ...digest, list: [lease] })
    assert.deepEqual([lost, elsewhere.map(({ claimId }) => claimId)], [[], [1]])
    voter.wait(10 * leaseMs)
    assert.deepEqual(seal(voter).registers[0]?.lease, ballot(1), 'no time ends it')
  })
})

describe('what a sealed voter tells', () => {
  it('leaves only once the seal is durable', () => {
    const voter = TestVoter.holding(1)
    const message = { type: 'seal', ledger: ledgerId, epoch: 0, voters: next, ...all } as const
    onSeal(voter.voter, voter.outbox, 'v3', message, voter.now)
    const lsn = voter.outbox.lsn
    const [reply] = voter.take()
    assert.equal(voter.entries.at(-1)?.type, 'sealed')
    assert.equal(reply?.after, lsn)
  })

  it('is every open register as it stands, and every outcome', () => {
    const voter = TestVoter.holding(4)
    voter.claim(ballot(1), [0, 1])
    voter.settle(ballot(1), [valuesOf([0, 1], 'pending', 'no', { failures: 1, delayMs: 500 })])
    voter.claim(ballot(2), [1, 1])
    voter.decide(ballot(3), valuesOf([2, 1], 'done', 'yes'))
    voter.take()
    const { registers, outcomes, chunks, counter } = seal(voter)
    assert.equal(counter, 3)
    assert.deepEqual(
      registers.map(({ seqs, promised, accepted, grants, lease, dueMs, tentative }) => {
        return { seqs, promised, accepted, grants, lease: lease.counter, dueMs, tentative }
      }),
      [
        {
          seqs: [0, 1],
          promised: ballot(1),
          accepted: ballot(1),
          grants: 1,
          lease: 0,
          dueMs: 500,
          tentative: false,
        },
        {
          seqs: [1, 1],
          promised: ballot(2),
          accepted: noBallot,
          grants: 1,
          lease: 2,
          dueMs: 0,
          tentative: true,
        },
        {
          seqs: [3, 1],
          promised: noBallot,
          accepted: noBallot,
          grants: 0,
          lease: 0,
          dueMs: 0,
          tentative: false,
        },
      ],
    )
    assert.deepEqual(
      outcomes.map(({ kind, seqs }) => [kind, seqs]),
      [['done', [2, 1]]],
    )
    assert.deepEqual(
      chunks.map(({ first, count }) => [first, count]),
      [[0, 4]],
    )
  })

  it('says of what is collected how it has ended, and not at which ballot', () => {
    const voter = TestVoter.holding(1)
    voter.settle(ballot(1), [valuesOf([0, 1], 'done', 'undecided')])
    takeCollected(voter.voter, voter.outbox, voter.ledger, { ...noneCollected(), done: [0, 1] })
    voter.take()
    const { outcomes, done } = seal(voter)
    assert.deepEqual([outcomes, done], [[], [0, 1]])
  })

  it('leaves out records and outcomes that the asker has', () => {
    const voter = TestVoter.holding(3)
    voter.decide(ballot(3), valuesOf([1, 1], 'done', 'yes'))
    voter.take()
    const { registers, outcomes, chunks } = seal(voter, 'v3', { stored: [0, 2], settled: [1, 1] })
    assert.deepEqual(
      registers.map(({ seqs }) => seqs),
      [[0, 1, 2, 1]],
    )
    assert.deepEqual([outcomes, chunks.map(({ first }) => first)], [[], [2]])
  })

  it('comes in parts that fit a message, and misses nothing', () => {
    const voter = new TestVoter({ maxBytes: 10_000_000 })
    voter.open()
    for (let first = 0; first < 12; first++) voter.store(chunkOf(first, ['x'.repeat(60_000)]))
    const seen: number[] = []
    let from = 0
    for (let parts = 0; parts < 20; parts++) {
      const part = seal(voter, 'v3', { from })
      let bytes = 0
      for (const { payload } of part.chunks) bytes += payload.length
      assert.ok(bytes <= 256 * 1024, `${bytes} bytes`)
      for (const { seqs } of part.registers) seen.push(...seqs)
      from = part.next
      if (from === 0) break
    }
    assert.equal(from, 0)
    assert.equal(
      seen.filter((_, i) => i % 2 === 1).reduce((sum, count) => sum + count, 0),
      12,
    )
  })

  it('is nothing to count on where no epoch was sealed', () => {
    const voter = TestVoter.holding(2)
    onObserve(
      voter.voter,
      voter.outbox,
      'x',
      { type: 'observe', ledger: ledgerId, epoch: 0, ...all },
      voter.now,
    )
    const { sealed: isSealed, registers, chunks } = voter.reply('state')
    assert.deepEqual([isSealed, registers, chunks.length], [false, [], 1])
    assert.equal(voter.ledger.office, 'voter')
  })
})
