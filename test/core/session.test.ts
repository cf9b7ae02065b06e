import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { sessionDigest } from '../../src/core/lease.ts'
import type { Ranges } from '../../src/core/ranges.ts'
import { countOf } from '../../src/core/ranges.ts'
import { tentativeMs } from '../../src/core/voter.ts'
import { ballot, leaseMs, ledgerId, TestVoter, valuesOf } from './fixtures.ts'

/** What a worker says that it holds. */
function holding(...claims: { claimId: number; seqs: Ranges }[]): { held: number; digest: number } {
  return sessionDigest(claims.map(({ claimId, seqs }) => ({ claimId, count: countOf(seqs) })))
}

const nothing = { held: 0, digest: 0 }

/** A voter that has granted the first claim of a worker, and heard that it has won. */
function confirmed(seqs: Ranges): TestVoter {
  const voter = TestVoter.holding(4)
  voter.claim(ballot(1), seqs)
  voter.renew('w.1', { confirmed: [1], ...holding({ claimId: 1, seqs }) })
  return voter
}

function listed(claimId: number, seqs: Ranges) {
  const list = [{ ledger: ledgerId, claimId, ballot: ballot(claimId), seqs }]
  return { ...holding({ claimId, seqs }), list }
}

describe('a beat', () => {
  it('that names the same leases renews them to the full length', () => {
    const voter = confirmed([0, 2])
    voter.now += leaseMs - 1
    const renewed = voter.renew('w.1', { beat: 7, ...holding({ claimId: 1, seqs: [0, 2] }) })
    assert.deepEqual(renewed, {
      type: 'renewed',
      beat: 7,
      leaseMs,
      sendList: false,
      lost: [],
      elsewhere: [],
    })
    voter.now += leaseMs - 1
    assert.equal(voter.claim(ballot(2, 'x.1'), [0, 1]).refused[0]?.reason, 'held')
  })

  it('that names other leases is answered by asking for the list, and renews nothing', () => {
    const voter = confirmed([0, 2])
    voter.now += leaseMs - 1
    const renewed = voter.renew('w.1', holding({ claimId: 1, seqs: [0, 1] }))
    assert.equal(renewed.sendList, true)
    assert.equal(renewed.leaseMs, 0)
    voter.now += 1
    assert.deepEqual(voter.claim(ballot(2, 'x.1'), [0, 1]).granted, [0, 1])
  })

  it('lets a tentative lease that it does not name lapse', () => {
    const voter = TestVoter.holding(2)
    voter.claim(ballot(1), [0, 1])
    voter.now += tentativeMs - 1
    assert.equal(voter.renew('w.1', nothing).sendList, false)
    voter.now += 1
    assert.deepEqual(voter.claim(ballot(2, 'x.1'), [0, 1]).granted, [0, 1])
  })

  it('refunds the grant of a lease that lapsed and is not named', () => {
    const voter = TestVoter.holding(1)
    voter.claim(ballot(1), [0, 1])
    voter.wait(tentativeMs)
    assert.equal(voter.register(0).grants, 1)
    voter.renew('w.1', nothing)
    assert.equal(voter.register(0).grants, 0)
    assert.deepEqual(voter.entries.at(-1), {
      type: 'released',
      ledger: ledgerId,
      ballot: ballot(1),
      seqs: [0, 1],
    })
  })

  it('that was sent before a claim was decided refunds nothing of it', () => {
    const voter = TestVoter.holding(1)
    voter.claim(ballot(1), [0, 1])
    voter.wait(tentativeMs)
    voter.renew('w.1', { ...nothing, decidedBelow: 1 })
    assert.equal(voter.register(0).grants, 1)
    voter.renew('w.1', { ...nothing, decidedBelow: 2 })
    assert.equal(voter.register(0).grants, 0)
  })

  it('that is older than the last one heard is over: it is not even answered', () => {
    const voter = confirmed([0, 2])
    voter.renew('w.1', { beat: 5, ...holding({ claimId: 1, seqs: [0, 2] }) })
    assert.throws(() => voter.renew('w.1', { beat: 4, ...nothing }), /0 messages/)
    assert.equal(voter.register(0).grants, 1)
  })

  it('refunds a grant once only', () => {
    const voter = TestVoter.holding(1)
    voter.claim(ballot(1), [0, 1])
    voter.wait(tentativeMs)
    voter.renew('w.1', nothing)
    voter.claim(ballot(2), [0, 1])
    voter.wait(tentativeMs)
    voter.renew('w.1', nothing)
    voter.renew('w.1', nothing)
    assert.equal(voter.register(0).grants, 0)
  })

  it('of a later process start refunds nothing', () => {
    const voter = TestVoter.holding(1)
    voter.claim(ballot(1), [0, 1])
    voter.wait(tentativeMs)
    voter.renew('w.2', nothing)
    assert.equal(voter.register(0).grants, 1)
  })

  it('refunds its own grant, and not that of another claim that holds the task by now', () => {
    const voter = TestVoter.holding(1)
    voter.claim(ballot(1), [0, 1])
    voter.wait(tentativeMs)
    voter.claim(ballot(2, 'x.1'), [0, 1])
    voter.renew('w.1', nothing)
    voter.renew('w.1', nothing)
    assert.equal(voter.register(0).grants, 1)
    assert.equal(voter.claim(ballot(3, 'y.1'), [0, 1]).refused[0]?.reason, 'held')
  })

  it('does not refund a grant whose run has settled', () => {
    const voter = TestVoter.holding(1)
    voter.claim(ballot(1), [0, 1])
    voter.wait(tentativeMs)
    voter.settle(ballot(1), [valuesOf([0, 1], 'pending')])
    voter.renew('w.1', nothing)
    assert.equal(voter.register(0).grants, 1)
  })
})

describe('the whole list', () => {
  it('arms a lapsed lease again if nobody was promised the task since', () => {
    const voter = confirmed([0, 2])
    voter.wait(leaseMs)
    assert.equal(voter.renew('w.1', holding({ claimId: 1, seqs: [0, 2] })).sendList, true)
    const renewed = voter.renew('w.1', listed(1, [0, 2]))
    assert.deepEqual(renewed.lost, [])
    assert.equal(renewed.leaseMs, leaseMs)
    assert.equal(voter.claim(ballot(2, 'x.1'), [0, 2]).refused[0]?.reason, 'held')
    assert.equal(voter.register(0).grants, 1)
  })

  it('is told what somebody else has been promised since', () => {
    const voter = confirmed([0, 2])
    voter.wait(leaseMs)
    voter.claim(ballot(2, 'x.1'), [0, 1])
    const { lost } = voter.renew('w.1', listed(1, [0, 2]))
    assert.deepEqual(lost, [{ ledger: ledgerId, claimId: 1, seqs: [0, 1] }])
    assert.equal(voter.register(1).promised.proposer, 'w.1')
  })

  it('refunds what was lost only once it does not name it any more', () => {
    const voter = confirmed([0, 2])
    voter.wait(leaseMs)
    voter.claim(ballot(2, 'x.1'), [0, 1])
    voter.release(ballot(2, 'x.1'), [0, 1])
    const { lost } = voter.renew('w.1', listed(1, [0, 1]))
    assert.deepEqual(lost, [{ ledger: ledgerId, claimId: 1, seqs: [0, 1] }])
    // That run has begun, and may take its worker down.
    assert.equal(voter.register(0).grants, 1)
    assert.equal(voter.register(1).grants, 0)
    voter.renew('w.1', nothing)
    assert.equal(voter.register(0).grants, 0)
  })

  it('is told what is settled', () => {
    const voter = confirmed([0, 2])
    voter.decide(ballot(3, 'x.1'), valuesOf([0, 1], 'done'))
    voter.take()
    const { lost } = voter.renew('w.1', listed(1, [0, 2]))
    assert.deepEqual(lost, [{ ledger: ledgerId, claimId: 1, seqs: [0, 1] }])
  })

  it('frees and refunds what it does not name', () => {
    const voter = confirmed([0, 2])
    voter.renew('w.1', listed(1, [1, 1]))
    assert.equal(voter.register(0).grants, 0)
    assert.equal(voter.register(1).grants, 1)
    assert.deepEqual(voter.claim(ballot(2, 'x.1'), [0, 2]).granted, [0, 1])
  })

  it('leaves what was granted of a claim that was not decided when it was sent', () => {
    const voter = confirmed([0, 1])
    voter.claim(ballot(1), [1, 1])
    voter.renew('w.1', { ...listed(1, [0, 1]), decidedBelow: 1 })
    assert.equal(voter.register(1).grants, 1)
    assert.equal(voter.claim(ballot(3, 'x.1'), [1, 1]).refused[0]?.reason, 'held')
    voter.renew('w.1', { ...listed(1, [0, 1]), beat: 9, decidedBelow: 2 })
    assert.equal(voter.register(1).grants, 0)
  })

  it('leaves a tentative lease of a claim that may yet win', () => {
    const voter = confirmed([0, 1])
    voter.claim(ballot(2), [1, 1])
    voter.renew('w.1', listed(1, [0, 1]))
    assert.equal(voter.register(1).grants, 1)
    assert.equal(voter.claim(ballot(3, 'x.1'), [1, 1]).refused[0]?.reason, 'held')
  })

  it('names nothing that the voter has accepted at the same ballot', () => {
    const voter = confirmed([0, 2])
    voter.settle(ballot(1), [valuesOf([0, 1], 'pending')])
    const { lost } = voter.renew('w.1', listed(1, [0, 2]))
    assert.deepEqual(lost, [{ ledger: ledgerId, claimId: 1, seqs: [0, 1] }])
  })
})

describe('RELEASE', () => {
  it('frees the tasks at once and refunds the grant', () => {
    const voter = TestVoter.holding(2)
    voter.claim(ballot(1), [0, 2])
    voter.release(ballot(1), [0, 1])
    assert.equal(voter.register(0).grants, 0)
    assert.equal(voter.register(1).grants, 1)
    assert.deepEqual(voter.claim(ballot(2, 'x.1'), [0, 2]).granted, [0, 1])
  })

  it('of another ballot frees nothing', () => {
    const voter = TestVoter.holding(1)
    voter.claim(ballot(2), [0, 1])
    voter.release(ballot(1), [0, 1], 2)
    voter.release(ballot(2, 'x.1'), [0, 1])
    assert.equal(voter.register(0).grants, 1)
    assert.equal(voter.claim(ballot(3, 'x.1'), [0, 1]).refused[0]?.reason, 'held')
  })

  it('frees what was granted to the peer that says it, whichever start of it, and to nobody else', () => {
    const voter = TestVoter.holding(1)
    voter.claim(ballot(1, 'w.2'), [0, 1])
    for (const from of ['x', 'w.2', 'v1']) voter.release(ballot(1, 'w.2'), [0, 1], 1, from)
    assert.equal(voter.register(0).grants, 1)
    voter.release(ballot(1, 'w.2'), [0, 1], 1, 'w')
    assert.equal(voter.register(0).grants, 0)
  })

  it('of a lease that has just lapsed refunds its grant to the peer that says it only', () => {
    const voter = TestVoter.holding(1)
    voter.claim(ballot(1), [0, 1])
    voter.wait(tentativeMs)
    voter.release(ballot(1), [0, 1], 1, 'x')
    assert.equal(voter.register(0).grants, 1)
  })

  it('does not take the promise back', () => {
    const voter = TestVoter.holding(1)
    voter.claim(ballot(5), [0, 1])
    voter.release(ballot(5), [0, 1])
    assert.deepEqual(voter.register(0).promised, ballot(5))
    assert.equal(voter.claim(ballot(5), [0, 1]).refused[0]?.reason, 'behind')
  })

  it('of a lease that has just lapsed refunds its grant, once', () => {
    const voter = TestVoter.holding(2)
    voter.claim(ballot(1), [0, 2])
    voter.wait(tentativeMs)
    voter.release(ballot(1), [0, 1])
    voter.release(ballot(1), [0, 1])
    assert.equal(voter.register(0).grants, 0)
    assert.equal(voter.register(1).grants, 1)
    voter.renew('w.1', nothing)
    assert.equal(voter.register(0).grants, 0)
    assert.equal(voter.register(1).grants, 0)
  })

  it('of a lapsed lease refunds its grant though somebody else holds the task by now', () => {
    const voter = TestVoter.holding(1)
    voter.claim(ballot(1), [0, 1])
    voter.wait(tentativeMs)
    voter.claim(ballot(2, 'x.1'), [0, 1])
    voter.release(ballot(1), [0, 1])
    assert.equal(voter.register(0).grants, 1)
    assert.equal(voter.claim(ballot(3, 'y.1'), [0, 1]).refused[0]?.reason, 'held')
  })

  it('refunds its grant though what cancels the task was promised since', () => {
    for (const waitMs of [0, tentativeMs]) {
      const voter = TestVoter.holding(1)
      voter.claim(ballot(1), [0, 1])
      voter.claim(ballot(2, 'x.1'), [0, 1], { intent: 'cancel' })
      voter.wait(waitMs)
      voter.release(ballot(1), [0, 1])
      assert.equal(voter.register(0).grants, 0)
    }
  })

  it('twice refunds once', () => {
    const voter = TestVoter.holding(1)
    voter.claim(ballot(1), [0, 1])
    voter.release(ballot(1), [0, 1])
    voter.claim(ballot(2, 'x.1'), [0, 1])
    voter.release(ballot(1), [0, 1])
    assert.equal(voter.register(0).grants, 1)
  })
})
