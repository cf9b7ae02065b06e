import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { counterLeap } from '../../src/core/ballot.ts'
import { onSettle, terminalCount } from '../../src/core/voter-settle.ts'
import {
  stopFinishing,
  takeUndecided,
  tentativeMs,
  valuesOf as heldValues,
} from '../../src/core/voter.ts'
import { ballot, bodyOf, ledgerId, leaseMs, TestVoter, valuesOf } from './fixtures.ts'

const task = [0, 1]
const done = valuesOf(task, 'done', 'ok')

type Reply = 'accepted' | 'behind' | 'settled' | 'missing'

interface Row {
  readonly name: string
  readonly given?: (voter: TestVoter) => void
  readonly tasks?: number
  readonly counter?: number
  readonly reply: Reply
}

const rows: readonly Row[] = [
  {
    name: 'the promised ballot is accepted',
    given: voter => voter.claim(ballot(1), task),
    reply: 'accepted',
  },
  { name: 'a higher ballot that was never promised is accepted', reply: 'accepted' },
  {
    name: 'a lower ballot than the promised one is behind',
    given: voter => voter.claim(ballot(2, 'x.1'), task),
    reply: 'behind',
  },
  {
    name: 'an equal counter of another proposer is behind',
    given: voter => voter.claim(ballot(1, 'x.1'), task),
    reply: 'behind',
  },
  {
    name: 'a ballot whose lease has lapsed is accepted while nobody else is promised',
    given: voter => {
      voter.claim(ballot(1), task)
      voter.wait(leaseMs)
    },
    reply: 'accepted',
  },
  {
    name: 'a settled task stays as it is',
    given: voter => voter.decide(ballot(1, 'x.1'), valuesOf(task, 'cancelled')),
    reply: 'settled',
  },
  { name: 'a task that is not held here is missing', tasks: 0, reply: 'missing' },
  {
    name: 'a counter far above all seen ones is behind',
    counter: counterLeap + 1,
    reply: 'behind',
  },
]

describe('SETTLE', () => {
  for (const { name, given, tasks = 1, counter = 1, reply } of rows) {
    it(name, () => {
      const voter = TestVoter.holding(tasks)
      given?.(voter)
      voter.take()
      const before = voter.register(0)
      const answer = voter.settle(ballot(counter), [done])
      for (const kind of ['accepted', 'behind', 'settled', 'missing'] as const) {
        assert.deepEqual(answer[kind], kind === reply ? task : [], kind)
      }
      if (reply !== 'accepted') return assert.deepEqual(voter.register(0), before)
      assert.deepEqual(voter.register(0).promised, ballot(counter))
      assert.deepEqual(voter.register(0).accepted, ballot(counter))
      assert.equal(voter.register(0).state, 1, 'accepted is not yet decided')
    })
  }

  it('is durable before it is answered, and again when it is answered again', () => {
    const voter = TestVoter.holding(1)
    voter.claim(ballot(1), task)
    const settle = { type: 'settle', ledger: ledgerId, epoch: 0, values: [done] } as const
    const lsn = voter.outbox.lsn + 1
    for (let i = 0; i < 2; i++) {
      const message = { ...settle, ballot: ballot(1), acceptLsn: 0 }
      onSettle(voter.voter, voter.outbox, 'w', message, voter.now)
      const [sent] = voter.take()
      assert.equal(sent?.message.type, 'accepted')
      assert.equal(sent.after, lsn)
    }
    assert.equal(voter.entries[lsn - 1]?.type, 'accepted')
    assert.equal(voter.outbox.lsn, lsn)
  })

  it('again, byte for byte, is acknowledged without another entry, and arms nothing again', () => {
    const voter = TestVoter.holding(1)
    const retry = valuesOf(task, 'pending', '', { delayMs: 1_000 })
    voter.claim(ballot(1), task)
    voter.settle(ballot(1), [retry])
    voter.wait(600)
    const entries = voter.entries.length
    assert.deepEqual(voter.settle(ballot(1), [retry]).accepted, task)
    assert.equal(voter.entries.length, entries)
    voter.wait(400)
    assert.deepEqual(voter.claim(ballot(2), task).granted, task)
  })

  it('again is acknowledged even when somebody was promised the task since', () => {
    const voter = TestVoter.holding(1)
    voter.claim(ballot(1), task)
    voter.settle(ballot(1), [valuesOf(task, 'pending')])
    voter.claim(ballot(2, 'x.1'), task)
    assert.deepEqual(voter.settle(ballot(1), [valuesOf(task, 'pending')]).accepted, task)
    assert.deepEqual(voter.register(0).promised, ballot(2, 'x.1'))
  })

  it('ends the lease, and offers a task that is to be tried again when it is due', () => {
    const voter = TestVoter.holding(1)
    voter.claim(ballot(1), task)
    voter.settle(ballot(1), [valuesOf(task, 'pending', '', { delayMs: 5_000 })])
    assert.equal(voter.voter.leases.byId.size, 0)
    voter.wait(4_999)
    assert.equal(voter.claim(ballot(2, 'x.1'), task).refused[0]?.reason, 'not-due')
    voter.wait(1)
    assert.deepEqual(voter.claim(ballot(2, 'x.1'), task).granted, task)
  })

  it('with an outcome leaves nothing to claim for a run', () => {
    const voter = TestVoter.holding(1)
    voter.claim(ballot(1), task)
    voter.settle(ballot(1), [done])
    voter.wait(tentativeMs)
    assert.deepEqual(voter.claim(ballot(2, 'x.1'), task).granted, [])
    assert.deepEqual(voter.claim(ballot(2, 'x.1'), task, { intent: 'finish' }).granted, task)
  })

  it('that a majority has left behind may run again, and is not finished any more', () => {
    const voter = TestVoter.holding(2)
    voter.claim(ballot(4), [0, 2])
    voter.settle(ballot(4), [valuesOf([0, 2], 'done', 'ok')])
    voter.wait(tentativeMs)
    // A ballot below the accepted one says nothing about it.
    stopFinishing(voter.voter, { ledger: ledgerId, ballot: ballot(3, 'v0.1'), seqs: task }, 0)
    assert.deepEqual(voter.claim(ballot(5, 'x.1'), task).granted, [])
    stopFinishing(voter.voter, { ledger: ledgerId, ballot: ballot(6, 'v0.1'), seqs: task }, 0)
    const claimed = voter.claim(ballot(7, 'x.1'), [0, 2])
    assert.deepEqual(claimed.granted, task)
    assert.equal(claimed.accepted[0]?.values.kind, 'done')
    assert.deepEqual(
      takeUndecided(voter.voter, voter.now + leaseMs).map(({ seqs }) => seqs),
      [[1, 1]],
    )
  })

  it('judges every task for itself', () => {
    const voter = TestVoter.holding(3)
    voter.claim(ballot(1), [0, 3])
    voter.decide(ballot(9, 'x.1'), valuesOf([1, 1], 'failed'))
    voter.wait(tentativeMs)
    voter.claim(ballot(10, 'x.1'), [2, 1])
    const answer = voter.settle(ballot(1), [valuesOf([0, 4], 'done')])
    assert.deepEqual(answer.accepted, [0, 1])
    assert.deepEqual(answer.settled, [1, 1])
    assert.deepEqual(answer.behind, [2, 1])
    assert.deepEqual(answer.missing, [3, 1])
  })

  it('replaces what was accepted before, and forgets its bytes', () => {
    const voter = TestVoter.holding(1)
    voter.settle(ballot(1), [valuesOf(task, 'pending', 'long error')])
    const before = voter.voter.bytes
    voter.settle(ballot(2), [done])
    assert.equal(voter.voter.bytes, before - 'long error'.length + 'ok'.length)
    assert.equal(
      heldValues(voter.ledger, task)
        .map(value => bodyOf(value))
        .join(),
      'ok',
    )
  })
})

const proposal = fc.record({
  counter: fc.integer({ min: 1, max: 9 }),
  proposer: fc.constantFrom('w.1', 'x.1', 'y.1'),
  settle: fc.boolean(),
})

describe('whatever is proposed', () => {
  it('neither promise nor accept falls, and accepted is never above promised', () => {
    fc.assert(
      fc.property(fc.array(proposal, { maxLength: 30 }), proposals => {
        const voter = TestVoter.holding(1)
        for (const { counter, proposer, settle } of proposals) {
          const before = voter.register(0)
          const asked = ballot(counter, proposer)
          // One ballot carries one value: its name is the value.
          const value = valuesOf(task, 'pending', `${counter} ${proposer}`)
          if (settle) voter.settle(asked, [value])
          else voter.ask(asked, task, { intent: 'raise' })
          voter.take()
          const after = voter.register(0)
          assert.ok(after.promised.counter >= before.promised.counter)
          assert.ok(after.accepted.counter >= before.accepted.counter)
          assert.ok(after.accepted.counter <= after.promised.counter)
          const kept = heldValues(voter.ledger, task)[0]
          const { counter: top, proposer: by } = after.accepted
          assert.equal(kept === undefined ? '' : bodyOf(kept), top === 0 ? '' : `${top} ${by}`)
        }
      }),
    )
  })
})

describe('terminalCount', () => {
  it('counts outcomes, not retries', () => {
    assert.equal(terminalCount([valuesOf([0, 2], 'done'), valuesOf([2, 3], 'pending')]), 2)
  })
})

describe('SETTLE for a ledger', () => {
  it('of another epoch is answered by UNKNOWN LEDGER', () => {
    const voter = new TestVoter()
    assert.throws(() => voter.settle(ballot(1), [done]), /0 messages of type accepted/)
    assert.equal(voter.voter.ledgers.has(ledgerId), false)
  })
})
