import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { counterLeap } from '../../src/core/ballot.ts'
import type { Intent, RefusalReason } from '../../src/core/messages.ts'
import { recoverVoter } from '../../src/core/recovery.ts'
import { reserveCounters } from '../../src/core/voter-claim.ts'
import { tentativeMs } from '../../src/core/voter.ts'
import { ballot, bodyOf, chunkOf, leaseMs, ledgerId, plainSpec } from './fixtures.ts'
import { TestVoter, valuesOf } from './fixtures.ts'

const task = [0, 1]
const rival = ballot(1, 'x.1')

interface Row {
  readonly name: string
  readonly given?: (voter: TestVoter) => void
  readonly tasks?: number
  readonly delayMs?: number
  readonly counter?: number
  readonly intent?: Intent
  readonly granted?: boolean
  readonly held?: boolean
  readonly reason?: RefusalReason
  readonly ms?: number
  readonly behind?: number
}

const held = (voter: TestVoter) => void voter.claim(rival, task)

const rows: readonly Row[] = [
  { name: 'an open task nobody holds is granted', granted: true },
  { name: 'a task that is not held here is missing', tasks: 0, reason: 'missing' },
  {
    name: 'a task beside those that are held is missing, though its page exists',
    given: voter => voter.store(chunkOf(2, ['c'])),
    tasks: 0,
    reason: 'missing',
  },
  {
    name: 'a settled task says so',
    given: voter => voter.decide(rival, valuesOf(task, 'done')),
    reason: 'settled',
  },
  { name: 'a delayed task is not due', delayMs: 5_000, reason: 'not-due', ms: 5_000 },
  { name: "another's live lease holds it", given: held, reason: 'held', ms: tentativeMs },
  {
    name: 'a counter as high as the promised one is behind',
    given: voter => {
      voter.claim(ballot(7, 'x.1'), task)
      voter.release(ballot(7, 'x.1'), task)
    },
    counter: 7,
    reason: 'behind',
    behind: 7,
  },
  {
    name: 'a lower counter is behind',
    given: voter => {
      voter.claim(ballot(7, 'x.1'), task)
      voter.release(ballot(7, 'x.1'), task)
    },
    counter: 6,
    reason: 'behind',
    behind: 7,
  },
  {
    name: 'a counter far above all seen ones is a leap',
    counter: counterLeap + 1,
    reason: 'leap',
    behind: 0,
  },
  { name: 'a counter just within reach is granted', counter: counterLeap, granted: true },
  {
    name: 'a retry is not due before its delay is over',
    given: voter => {
      voter.claim(ballot(1), task)
      voter.settle(ballot(1), [valuesOf(task, 'pending', '', { delayMs: 700 })])
    },
    counter: 2,
    reason: 'not-due',
    ms: 700,
  },
  {
    name: 'a raise passes through a lease, and says that it did',
    given: held,
    counter: 2,
    intent: 'raise',
    granted: true,
    held: true,
  },
  {
    name: 'a finish passes through a lease',
    given: held,
    counter: 2,
    intent: 'finish',
    granted: true,
    held: true,
  },
  {
    name: 'a cancel passes through a lease',
    given: held,
    counter: 2,
    intent: 'cancel',
    granted: true,
    held: true,
  },
  { name: 'a cancel passes through a delay', delayMs: 5_000, intent: 'cancel', granted: true },
  {
    name: 'a raise with a counter that is not higher is behind',
    given: held,
    counter: 1,
    intent: 'raise',
    reason: 'behind',
    behind: 1,
  },
  {
    name: 'a cancel of a settled task says so',
    given: voter => voter.decide(rival, valuesOf(task, 'done')),
    intent: 'cancel',
    reason: 'settled',
  },
]

describe('CLAIM', () => {
  for (const row of rows) {
    it(row.name, () => {
      const voter = TestVoter.holding(row.tasks ?? 1, { delayMs: row.delayMs ?? 0 })
      row.given?.(voter)
      voter.take()
      const before = voter.register(0)
      voter.ask(ballot(row.counter ?? 1), task, { intent: row.intent ?? 'run' })
      const claimed = voter.take().find(({ message }) => message.type === 'claimed')?.message
      assert.ok(claimed?.type === 'claimed')
      if (row.granted === true) {
        assert.deepEqual(claimed.granted, task)
        assert.deepEqual(claimed.refused, [])
        assert.deepEqual(claimed.held, row.held === true ? task : [])
        assert.deepEqual(voter.register(0).promised, ballot(row.counter ?? 1))
        return
      }
      assert.deepEqual(claimed.granted, [])
      const { reason, ms = 0, behind = 0 } = row
      assert.deepEqual(claimed.refused, [{ reason, seqs: task, ms, counter: behind }])
      assert.deepEqual(voter.register(0), before, 'a refusal changes nothing')
    })
  }

  it('for a run leases for a moment and counts one grant', () => {
    const voter = TestVoter.holding(1)
    const claimed = voter.claim(ballot(1), task)
    assert.equal(claimed.leaseMs, tentativeMs)
    assert.deepEqual(claimed.grants, [1, 1])
    assert.deepEqual(voter.entries.at(-1), {
      type: 'granted',
      ledger: ledgerId,
      claimId: 1,
      ballot: ballot(1),
      seqs: task,
    })
  })

  it('for a run is counted, however many there were', () => {
    const voter = TestVoter.holding(1)
    for (let i = 1; i < 300; i++) {
      voter.claim(ballot(i), task)
      voter.wait(tentativeMs)
    }
    assert.deepEqual(voter.claim(ballot(300), task).grants, [1, 300])
  })

  it('for anything else leases nothing and counts nothing', () => {
    const voter = TestVoter.holding(1)
    for (const [i, intent] of (['raise', 'finish', 'cancel'] as const).entries()) {
      const claimed = voter.claim(ballot(i + 1), task, { intent })
      assert.equal(claimed.leaseMs, 0)
      assert.deepEqual(claimed.grants, [1, 0])
    }
    assert.equal(voter.voter.leases.byId.size, 0)
  })

  it('of the very same ballot is granted again while its lease lives, and counted once', () => {
    const voter = TestVoter.holding(1)
    voter.claim(ballot(1), task)
    const again = voter.claim(ballot(1), task)
    assert.deepEqual(again.granted, task)
    assert.deepEqual(again.grants, [1, 1])
    voter.wait(tentativeMs)
    assert.equal(voter.claim(ballot(1), task).refused[0]?.reason, 'behind')
  })

  it('of the very same ballot is refused once a value is accepted at it', () => {
    const voter = TestVoter.holding(2)
    voter.claim(ballot(1), [0, 2])
    voter.settle(ballot(1), [valuesOf(task, 'pending')])
    const again = voter.claim(ballot(1), [0, 2])
    assert.deepEqual(again.granted, [1, 1])
    assert.equal(again.refused[0]?.reason, 'behind')
  })

  it('tells the accepted value, its ballot, and the records if they are wanted', () => {
    const voter = TestVoter.holding(2)
    voter.claim(ballot(1), task)
    voter.settle(ballot(1), [valuesOf(task, 'pending', 'oops', { failures: 1 })])
    const claimed = voter.claim(ballot(2), [0, 2], { records: true })
    assert.equal(claimed.accepted.length, 1)
    assert.deepEqual(claimed.accepted[0]?.ballot, ballot(1))
    const values = claimed.accepted[0]?.values
    assert.ok(values !== undefined)
    assert.equal(bodyOf(values), 'oops')
    assert.deepEqual(
      claimed.chunks.map(({ first, count }) => [first, count]),
      [[0, 2]],
    )
    assert.deepEqual(voter.claim(ballot(3), [0, 2], { intent: 'raise' }).chunks, [])
  })

  for (const intent of ['raise', 'cancel'] as const) {
    it(`tells the holder whose lease a ${intent} passes through`, () => {
      const voter = TestVoter.holding(1)
      voter.claim(rival, task)
      voter.ask(ballot(2), task, { intent })
      const lost = voter.take().find(({ message }) => message.type === 'lost')
      assert.equal(lost?.to, 'x')
      assert.deepEqual(lost?.message, {
        type: 'lost',
        lost: [{ ledger: ledgerId, claimId: 1, seqs: task }],
        cancelled: intent === 'cancel',
      })
    })
  }

  it('of somebody else under a name that is not his is ignored', () => {
    const voter = TestVoter.holding(1)
    voter.ask({ counter: 1, proposer: 'w.1' }, task)
    voter.take()
    const before = voter.register(0)
    assert.throws(() => voter.claim(ballot(5), task, { epoch: 3 }), /0 messages of type claimed/)
    assert.deepEqual(voter.register(0), before)
  })
})

describe('CLAIM any', () => {
  const hash = { queue: 'hash', priority: 0, requires: '' }

  it('picks the first tasks of the first class that has some', () => {
    const voter = TestVoter.holding(3)
    voter.store(chunkOf(3, ['x', 'y'], { spec: { ...plainSpec, priority: 5 } }))
    const any = [{ ...hash, priority: 9 }, { ...hash, priority: 5 }, hash]
    assert.deepEqual(voter.claim(ballot(1), [], { any, anyCount: 4 }).granted, [3, 2])
    assert.deepEqual(voter.claim(ballot(2), [], { any, anyCount: 2 }).granted, [0, 2])
  })

  it('leaves what somebody was given and has not won to others for a second', () => {
    const voter = TestVoter.holding(3)
    const pick = (counter: number) =>
      voter.claim(ballot(counter), [], { any: [hash], anyCount: 1 }).granted
    assert.deepEqual(pick(1), [0, 1])
    voter.release(ballot(1), [0, 1])
    assert.deepEqual(pick(2), [1, 1])
    assert.deepEqual(voter.claim(ballot(3), [0, 1]).granted, [0, 1], 'to whoever asks for it')
    voter.release(ballot(3), [0, 1])
    voter.now += 1_000
    assert.deepEqual(pick(4), [0, 1])
  })

  it('picks nothing where no class has any', () => {
    const voter = TestVoter.holding(1)
    const any = [{ ...hash, queue: 'other' }]
    const claimed = voter.claim(ballot(1), [], { any, anyCount: 2 })
    assert.deepEqual([claimed.granted, claimed.refused], [[], []])
  })
})

describe('the durable mark', () => {
  it('is written before the first promise leaves, and not again below it', () => {
    const voter = TestVoter.holding(3)
    voter.ask(ballot(1), task)
    const [sent] = voter.take()
    const at = voter.entries.findIndex(({ type }) => type === 'reserved') + 1
    assert.ok(at > 0)
    assert.ok((sent?.after ?? 0) >= at)
    assert.deepEqual(voter.entries[at - 1], {
      type: 'reserved',
      ledger: ledgerId,
      mark: 1 + reserveCounters,
    })
    voter.claim(ballot(1 + reserveCounters), [1, 1])
    voter.claim(ballot(2 + reserveCounters), [2, 1])
    assert.equal(voter.entries.filter(({ type }) => type === 'reserved').length, 2)
  })

  it('stands for all promises after a restart', () => {
    const voter = TestVoter.holding(2)
    voter.claim(ballot(3), task)
    const mark = 3 + reserveCounters
    recoverVoter(voter.voter, 'v0.2', true, voter.now)
    voter.wait(leaseMs)
    const refused = voter.claim(ballot(mark), [1, 1])
    assert.deepEqual(refused.refused, [{ reason: 'behind', seqs: [1, 1], ms: 0, counter: mark }])
    assert.equal(refused.counter, mark)
    assert.deepEqual(voter.claim(ballot(mark + 1), [1, 1]).granted, [1, 1])
  })

  it('refuses new holders for one lease after a restart that may have lost one', () => {
    const voter = TestVoter.holding(2)
    recoverVoter(voter.voter, 'v0.2', false, voter.now)
    voter.now += 10
    const { refused } = voter.claim(ballot(9_000), task)
    assert.deepEqual(refused, [{ reason: 'blocked', seqs: task, ms: leaseMs - 10, counter: 0 }])
    assert.deepEqual(voter.claim(ballot(9_000), task, { intent: 'cancel' }).granted, task)
    voter.now += leaseMs
    assert.deepEqual(voter.claim(ballot(9_000), [1, 1]).granted, [1, 1])
  })
})

const asked = fc.record({
  counter: fc.integer({ min: 1, max: 12 }),
  proposer: fc.constantFrom('w.1', 'x.1', 'y.1'),
  intent: fc.constantFrom<Intent>('run', 'raise', 'finish', 'cancel'),
  waitMs: fc.constantFrom(0, 400, 1_200),
})

describe('whatever is claimed', () => {
  it('a promise never falls, and only a higher counter or the same ballot is granted', () => {
    fc.assert(
      fc.property(fc.array(asked, { maxLength: 30 }), claims => {
        const voter = TestVoter.holding(1)
        for (const { counter, proposer, intent, waitMs } of claims) {
          voter.wait(waitMs)
          const before = voter.register(0).promised
          voter.ask(ballot(counter, proposer), task, { intent })
          const { message } = voter.take().find(({ message: { type } }) => type === 'claimed') ?? {}
          assert.ok(message?.type === 'claimed')
          const after = voter.register(0).promised
          assert.ok(after.counter >= before.counter)
          if (message.granted.length === 0) assert.deepEqual(after, before)
          else {
            assert.deepEqual(after, ballot(counter, proposer))
            const same = before.counter === counter && before.proposer === proposer
            assert.ok(counter > before.counter || same)
          }
        }
      }),
    )
  })
})
