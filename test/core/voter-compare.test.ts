import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Compare, Message } from '../../src/core/messages.ts'
import { counterLeap } from '../../src/core/ballot.ts'
import { compareLedger, onCompare, onFetch } from '../../src/core/voter-compare.ts'
import { ballot, bodyOf, ledgerId, text, TestVoter, valuesOf } from './fixtures.ts'

function compare(voter: TestVoter, theirs: Partial<Compare>, from = 'v1'): Message[] {
  const base = { type: 'compare', ledger: ledgerId, epoch: 0, counter: 0, end: -1 } as const
  const message = { ...base, stored: [], settled: [], ...theirs }
  onCompare(voter.voter, voter.outbox, from, message, voter.now)
  return voter.take().map(sent => sent.message)
}

function fetch(voter: TestVoter, what: 'records' | 'outcomes', seqs: number[]): Message[] {
  const message = { type: 'fetch', ledger: ledgerId, epoch: 0, what, seqs } as const
  onFetch(voter.voter, voter.outbox, 'w', message, voter.now)
  return voter.take().map(sent => sent.message)
}

function settledVoter(): TestVoter {
  const voter = TestVoter.holding(4)
  voter.settle(ballot(1), [valuesOf([0, 1], 'done', 'one'), valuesOf([1, 1], 'failed', 'two')])
  voter.decide(ballot(1), valuesOf([0, 1], 'done'), 'v1', false)
  voter.decide(ballot(1), valuesOf([1, 1], 'failed'), 'v1', false)
  voter.take()
  return voter
}

describe('COMPARE', () => {
  it('goes to every fellow voter and tells what is held', () => {
    const voter = settledVoter()
    compareLedger(voter.voter, voter.outbox, voter.ledger)
    const sent = voter.take()
    assert.deepEqual(
      sent.map(({ to }) => to),
      ['v1', 'v2'],
    )
    assert.deepEqual(sent[0]?.message, {
      type: 'compare',
      ledger: ledgerId,
      epoch: 0,
      counter: 1,
      end: -1,
      stored: [0, 4],
      settled: [0, 2],
    })
  })

  it('is sent again in the next round by who hears that another holds more', () => {
    for (const [theirs, again] of [
      [{ stored: [0, 4], settled: [0, 2] }, false],
      [{ stored: [0, 5], settled: [0, 2] }, true],
      [{ stored: [0, 4], settled: [0, 3] }, true],
    ] as const) {
      const voter = settledVoter()
      voter.ledger.changed = false
      assert.ok(
        compare(voter, theirs).every(({ type }) => type !== 'compare'),
        'not at once',
      )
      assert.equal(voter.ledger.changed, again)
    }
  })

  it('is answered by the records and outcomes that the other lacks', () => {
    const voter = settledVoter()
    const [decided, store, ...more] = compare(voter, { stored: [3, 1], settled: [0, 1] })
    assert.deepEqual(more, [])
    assert.ok(decided?.type === 'decided')
    assert.deepEqual(decided.outcomes, [
      { ballot: ballot(1), kind: 'failed', seqs: [1, 1], values: [] },
    ])
    assert.ok(store?.type === 'store')
    assert.equal(store.fresh, false)
    const [chunk] = store.chunks
    assert.deepEqual([chunk?.first, chunk?.count], [2, 1])
    assert.equal(text(chunk?.payload ?? new Uint8Array(0)), 'payload 2')
  })

  it('is answered by nothing where nothing is missing', () => {
    assert.deepEqual(compare(settledVoter(), { stored: [0, 9], settled: [0, 9] }), [])
  })

  it('teaches the counter and the end of the ledger, durably', () => {
    const voter = TestVoter.holding(2)
    compare(voter, { counter: 99, end: 2, stored: [0, 2] })
    assert.equal(voter.ledger.counter, 99)
    assert.equal(voter.ledger.end, 2)
    assert.deepEqual(voter.entries.at(-1), { type: 'closed', ledger: ledgerId, end: 2 })
  })

  it('teaches that a ledger does not end below what a fellow holds', () => {
    const closed = TestVoter.holding(2)
    compare(closed, { end: 2, stored: [0, 2] })
    compare(closed, { end: -1, stored: [0, 5] })
    assert.equal(closed.ledger.end, 5)
    const open = TestVoter.holding(2)
    compare(open, { end: -1, stored: [0, 5] })
    assert.equal(open.ledger.end, -1)
  })

  it('of a fellow that is far behind is answered by the own counter, so that it may leap', () => {
    const voter = TestVoter.holding(0)
    voter.ledger.counter = counterLeap
    const [answer] = compare(voter, { counter: 3 })
    assert.equal(answer?.type === 'compare' ? answer.counter : 0, counterLeap)
    assert.deepEqual(compare(voter, { counter: counterLeap - 3 }), [])
  })

  it('of a later epoch changes nothing, and makes the voter ask who has followed', () => {
    const voter = TestVoter.holding(2)
    const [asked] = compare(voter, { epoch: 1, counter: 99 })
    assert.deepEqual([asked?.type, asked?.type === 'observe' && asked.epoch], ['observe', 0])
    assert.equal(voter.ledger.counter, 0)
  })

  it('of a peer that is no voter is ignored', () => {
    const voter = TestVoter.holding(2)
    assert.deepEqual(compare(voter, { counter: 99, end: 0 }, 'stranger'), [])
    assert.deepEqual([voter.ledger.counter, voter.ledger.end], [0, -1])
  })
})

describe('FETCH', () => {
  it('gives outcomes with their values and ballots', () => {
    const [first, second] = fetch(settledVoter(), 'outcomes', [0, 4])
    assert.ok(first?.type === 'decided' && second?.type === 'decided')
    const [one] = first.outcomes
    assert.deepEqual(one?.ballot, ballot(1))
    assert.deepEqual(
      one?.values.map(values => bodyOf(values)),
      ['one'],
    )
    assert.deepEqual(second.outcomes[0]?.seqs, [1, 1])
  })

  it('gives records of what is held, also to a node that does not vote', () => {
    const [records] = fetch(settledVoter(), 'records', [2, 9])
    assert.ok(records?.type === 'records')
    assert.deepEqual([records.chunks[0]?.first, records.chunks[0]?.count], [2, 2])
  })
})

describe('DECIDED', () => {
  it('settles what was accepted at the deciding ballot', () => {
    const voter = TestVoter.holding(1)
    voter.settle(ballot(3), [valuesOf([0, 1], 'done', 'x')])
    voter.decide(ballot(3), valuesOf([0, 1], 'done'), 'w', false)
    assert.deepEqual(voter.take(), [])
    assert.equal(voter.register(0).state, 2)
    const [decision] = voter.voter.decisions
    assert.ok(decision !== undefined)
    assert.equal(bodyOf(decision.values), 'x')
  })

  it('settles what was accepted at a higher ballot, which can carry nothing else', () => {
    const voter = TestVoter.holding(1)
    voter.settle(ballot(5), [valuesOf([0, 1], 'done', 'x')])
    voter.decide(ballot(3), valuesOf([0, 1], 'done'), 'w', false)
    assert.equal(voter.register(0).state, 2)
  })

  const lacking = [
    { name: 'nothing was accepted', given: () => undefined },
    {
      name: 'only a lower ballot was accepted',
      given: (voter: TestVoter) => voter.settle(ballot(1), [valuesOf([0, 1], 'done', 'other')]),
    },
    {
      name: 'another kind was accepted',
      given: (voter: TestVoter) => voter.settle(ballot(3), [valuesOf([0, 1], 'cancelled')]),
    },
  ]
  for (const { name, given } of lacking) {
    it(`is followed by a FETCH where ${name}`, () => {
      const voter = TestVoter.holding(1)
      given(voter)
      voter.decide(ballot(3, 'x.1'), valuesOf([0, 1], 'done'), 'v1', false)
      const [sent] = voter.take()
      assert.equal(sent?.to, 'v1')
      assert.deepEqual(sent.message, {
        type: 'fetch',
        ledger: ledgerId,
        epoch: 0,
        what: 'outcomes',
        seqs: [0, 1],
      })
      assert.equal(voter.register(0).state, 1)
    })
  }

  it('with its values settles a task whose record never came', () => {
    const voter = TestVoter.holding(0)
    voter.decide(ballot(3, 'x.1'), valuesOf([2, 1], 'failed', 'no'))
    assert.equal(voter.register(2).state, 3)
    assert.deepEqual(voter.register(2).accepted, ballot(3, 'x.1'))
    assert.deepEqual(voter.ledger.settled, [2, 1])
    assert.deepEqual(voter.ledger.stored, [2, 1])
  })

  it('a second time changes nothing', () => {
    const voter = settledVoter()
    const entries = voter.entries.length
    voter.decide(ballot(9, 'x.1'), valuesOf([0, 1], 'cancelled'))
    voter.take()
    assert.equal(voter.entries.length, entries)
    assert.equal(voter.register(0).state, 2)
  })

  it('tells the holder that its lease is over', () => {
    const voter = TestVoter.holding(1)
    voter.claim(ballot(1), [0, 1])
    voter.decide(ballot(2, 'x.1'), valuesOf([0, 1], 'done'))
    const lost = voter.take().find(({ message }) => message.type === 'lost')
    assert.equal(lost?.to, 'w')
  })

  it('from a peer that neither votes nor proposed it is ignored', () => {
    const voter = TestVoter.holding(1)
    voter.decide(ballot(2, 'x.1'), valuesOf([0, 1], 'done'), 'stranger')
    assert.equal(voter.register(0).state, 1)
  })
})
