import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Lsn, NodeId } from '../../src/core/ids.ts'
import { finishMs, takeUndecided, voterWakeAt, weighEvidence } from '../../src/core/voter.ts'
import { ballot, TestVoter, valuesOf } from './fixtures.ts'

const task = [0, 1]
const done = valuesOf(task, 'done', 'ok')
const fellow = ballot(1, 'v1.7')

/** Weighs with this much of the proposer's journal known to be durable. */
function weigh(voter: TestVoter, durable: Readonly<Record<NodeId, Lsn>>): number {
  weighEvidence(voter.voter, voter.outbox, node => durable[node], voter.now)
  return voter.register(0).state
}

/** A voter that has accepted an outcome of a fellow voter who voted for it in entry 7. */
function accepting(voters: readonly string[], acceptLsn = 7): TestVoter {
  const voter = TestVoter.holding(1, { voters })
  voter.settle(fellow, [done], acceptLsn)
  return voter
}

describe("the proposer's own accept", () => {
  it('makes a majority of three once both are known to be durable', () => {
    const voter = accepting(['v0', 'v1', 'v2'])
    assert.equal(weigh(voter, { 'v1.7': 6 }), 1)
    assert.equal(weigh(voter, { 'v1.7': 7 }), 2)
    assert.deepEqual(voter.voter.evidence, [])
  })

  it('does not count before the own accept is durable', () => {
    const voter = accepting(['v0', 'v1', 'v2'])
    voter.outbox.durable = 0
    assert.equal(weigh(voter, { 'v1.7': 99 }), 1)
    voter.outbox.durable = voter.outbox.lsn
    assert.equal(weigh(voter, { 'v1.7': 99 }), 2)
  })

  it('is forgotten when another process start speaks for its journal', () => {
    const voter = accepting(['v0', 'v1', 'v2'])
    assert.equal(weigh(voter, { 'v1.7': 3 }), 1)
    assert.equal(weigh(voter, { 'v1.8': 99 }), 1)
    assert.equal(weigh(voter, { 'v1.7': 99 }), 1)
  })

  it('is not enough among five', () => {
    const voter = accepting(['v0', 'v1', 'v2', 'v3', 'v4'])
    assert.equal(weigh(voter, { 'v1.7': 99 }), 1)
  })

  it('is none if the proposer names no entry, or does not vote', () => {
    assert.equal(weigh(accepting(['v0', 'v1', 'v2'], 0), { 'v1.7': 99 }), 1)
    const stranger = TestVoter.holding(1)
    stranger.settle(ballot(1, 'w.1'), [done], 7)
    assert.equal(weigh(stranger, { 'w.1': 99 }), 1)
  })

  it('never decides a retry', () => {
    const voter = TestVoter.holding(1)
    voter.settle(fellow, [valuesOf(task, 'pending')], 7)
    assert.equal(weigh(voter, { 'v1.7': 99 }), 1)
  })
})

describe('a voter alone', () => {
  it('decides by its own accept once that is durable', () => {
    const voter = accepting(['v0'], 0)
    voter.outbox.durable = 0
    assert.equal(weigh(voter, {}), 1)
    voter.outbox.durable = voter.outbox.lsn
    assert.equal(weigh(voter, {}), 2)
  })
})

describe('an accepted outcome that nobody finishes', () => {
  for (const [place, peer] of ['v0', 'v1', 'v2'].entries()) {
    it(`is finished by voter ${place} after ${finishMs * (1 + place)} ms, again and again`, () => {
      const voter = TestVoter.holding(1, { peer })
      voter.settle(ballot(1), [done])
      for (let round = 1; round <= 2; round++) {
        voter.now += finishMs * (1 + place) - 1
        assert.deepEqual(takeUndecided(voter.voter, voter.now), [])
        voter.now += 1
        const [due] = takeUndecided(voter.voter, voter.now)
        assert.deepEqual([due?.seqs, due?.ballot], [task, ballot(1)])
      }
    })
  }

  it('wakes nobody up once it is settled', () => {
    const voter = TestVoter.holding(2)
    voter.settle(ballot(1), [valuesOf([0, 2], 'done')])
    voter.decide(ballot(1), valuesOf([0, 1], 'done'))
    assert.equal(voterWakeAt(voter.voter), voter.now + finishMs)
    voter.decide(ballot(1), valuesOf([1, 1], 'done'))
    assert.equal(voterWakeAt(voter.voter), Infinity)
  })

  it('is left alone once it is settled, or another ballot is accepted', () => {
    const voter = TestVoter.holding(3)
    voter.settle(ballot(1), [valuesOf([0, 3], 'done')])
    voter.decide(ballot(1), valuesOf([0, 1], 'done'))
    voter.settle(ballot(2, 'x.1'), [valuesOf([1, 1], 'pending')])
    const due = takeUndecided(voter.voter, voter.now + finishMs)
    assert.deepEqual(
      due.map(({ seqs }) => seqs),
      [[2, 1]],
    )
  })
})
