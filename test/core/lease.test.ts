import assert from 'node:assert/strict'
import { describe, it, test } from 'node:test'
import * as fc from 'fast-check'
import { endSession, sessionDigest } from '../../src/core/lease.ts'
import { sessionOf } from '../../src/core/lease.ts'
import { tentativeMs } from '../../src/core/voter.ts'
import { ballot, leaseMs, TestVoter } from './fixtures.ts'

const claims = fc.uniqueArray(
  fc.record({ claimId: fc.nat(), count: fc.integer({ min: 1, max: 1_000 }) }),
  { selector: ({ claimId }) => claimId, maxLength: 20 },
)

test('a digest does not depend on the order of the claims', () => {
  fc.assert(
    fc.property(claims, all => {
      assert.deepEqual(sessionDigest(all), sessionDigest([...all].reverse()))
    }),
  )
})

test('a digest changes with a claim more and with another count', () => {
  fc.assert(
    fc.property(claims, all => {
      fc.pre(all.length > 0)
      const [first, ...rest] = all
      fc.pre(first !== undefined)
      assert.notDeepEqual(sessionDigest(rest), sessionDigest(all))
      const grown = { ...first, count: first.count + 1 }
      assert.notDeepEqual(sessionDigest([grown, ...rest]), sessionDigest(all))
    }),
  )
})

describe('a lease', () => {
  it('keeps its tasks from others until it lapses', () => {
    const voter = TestVoter.holding(2)
    voter.claim(ballot(1), [0, 2])
    voter.now += tentativeMs - 1
    const early = voter.claim(ballot(2, 'x.1'), [0, 2])
    assert.deepEqual(early.granted, [])
    assert.deepEqual(early.refused, [{ reason: 'held', seqs: [0, 2], ms: 1, counter: 0 }])
    voter.now += 1
    assert.deepEqual(voter.claim(ballot(2, 'x.1'), [0, 2]).granted, [0, 2])
  })

  it('lasts its full length from the beat that confirms it', () => {
    const voter = TestVoter.holding(1)
    voter.claim(ballot(1), [0, 1])
    voter.now += 500
    const { held, digest } = sessionDigest([{ claimId: 1, count: 1 }])
    voter.renew('w.1', { confirmed: [1], held, digest })
    voter.now += leaseMs - 1
    assert.equal(voter.claim(ballot(2, 'x.1'), [0, 1]).refused[0]?.reason, 'held')
    voter.now += 1
    assert.deepEqual(voter.claim(ballot(2, 'x.1'), [0, 1]).granted, [0, 1])
  })

  it('ends with the process that held it, without a refund', () => {
    const voter = TestVoter.holding(2)
    voter.claim(ballot(1), [0, 2])
    endSession(voter.voter.leases, voter.voter.ledgers, 'w.1', voter.now)
    assert.equal(voter.voter.leases.byId.size, 0)
    assert.equal(voter.register(0).grants, 1)
    assert.deepEqual(voter.claim(ballot(2, 'x.1'), [0, 2]).granted, [0, 2])
  })

  it('shrinks with each of its tasks that is settled, and ends with the last', () => {
    const voter = TestVoter.holding(2)
    voter.claim(ballot(1), [0, 2])
    const [lease] = sessionOf(voter.voter.leases, 'w.1').leases.values()
    voter.settle(ballot(1), [{ ...done, seqs: [0, 1] }])
    assert.deepEqual(lease?.seqs, [1, 1])
    voter.settle(ballot(1), [{ ...done, seqs: [1, 1] }])
    assert.equal(voter.voter.leases.byId.size, 0)
    assert.equal(voter.voter.leases.sessions.size, 0)
  })
})

const done = {
  kind: 'done',
  failures: 0,
  delayMs: 0,
  reason: '',
  by: 'w',
  lengths: new Uint32Array(1),
  body: new Uint8Array(0),
} as const
