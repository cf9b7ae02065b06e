import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import type { Entry } from '../../src/core/entries.ts'
import { stateAt } from '../../src/core/ledger.ts'
import type { OutcomeKind } from '../../src/core/messages.ts'
import { countOf } from '../../src/core/ranges.ts'
import { checkpointVoter } from '../../src/core/checkpoint.ts'
import { recoverVoter, replayVoter } from '../../src/core/recovery.ts'
import { DONE, FAILED, OPEN } from '../../src/core/registers.ts'
import { collectDue, keepMs, makeRoom, noteTold } from '../../src/core/retention.ts'
import { valuesOf as heldValues } from '../../src/core/voter.ts'
import { ballot, chunkOf, ledgerId, plainSpec, TestVoter, valuesOf } from './fixtures.ts'

const ttlMs = plainSpec.resultTtlMs

/** A voter with a full page of four tasks, all of which have ended in the same way. */
function settled(kind: OutcomeKind = 'done', init: { maxBytes?: number } = {}): TestVoter {
  const voter = TestVoter.holding(4, init)
  settle(voter, [0, 4], kind)
  return voter
}

function settle(voter: TestVoter, seqs: number[], kind: OutcomeKind, body = 'result'): void {
  const asked = ballot(voter.ledger.counter + 1)
  const reason = kind === 'failed' ? 'attempts' : ''
  const values = valuesOf(seqs, kind, body, { reason })
  voter.settle(asked, [values])
  voter.decide(asked, values)
  voter.take()
}

function collect(voter: TestVoter, ms: number): void {
  voter.now += ms
  collectDue(voter.voter, voter.outbox, voter.now)
  voter.take()
}

/** What another process makes of a voter's entries. */
function restarted(voter: TestVoter, entries: readonly Entry[], ms = 0): TestVoter {
  const again = new TestVoter()
  again.now = voter.now + ms
  for (const entry of entries) replayVoter(again.voter, entry, 0, again.now)
  recoverVoter(again.voter, 'v0.2', true, again.now)
  return again
}

function kept({ ledger }: TestVoter): { pages: number; chunks: number; values: number } {
  const values = ledger.values.filter(value => value !== undefined).length
  return { pages: ledger.pages.size, chunks: ledger.chunks.length, values }
}

const nothing = { pages: 0, chunks: 0, values: 0 }

describe('a result', () => {
  it('is kept for its time to live, and then all that is left is how the task ended', () => {
    const voter = settled()
    collect(voter, ttlMs)
    assert.equal(heldValues(voter.ledger, [0, 4]).length, 1)
    collect(voter, ttlMs / 8)
    assert.deepEqual(kept(voter), nothing)
    assert.equal(voter.voter.bytes, 0)
    assert.deepEqual(voter.ledger.collected.done, [0, 4])
    assert.equal(stateAt(voter.ledger, 2), DONE)
  })

  it('leaves a register that settles what is asked of it, without its page', () => {
    const voter = settled()
    collect(voter, ttlMs * 2)
    const claimed = voter.claim(ballot(900, 'x.1'), [0, 1])
    assert.deepEqual(
      claimed.refused.map(({ reason }) => reason),
      ['settled'],
    )
    assert.deepEqual(voter.settle(ballot(900, 'x.1'), [valuesOf([0, 1], 'done')]).settled, [0, 1])
    const again = voter.store(chunkOf(0, ['payload 0']), { fresh: false })
    assert.deepEqual([again.settled, again.stored], [[0, 1], []])
    voter.decide(ballot(901), valuesOf([0, 1], 'cancelled'))
    assert.equal(stateAt(voter.ledger, 0), DONE)
    assert.deepEqual(kept(voter), nothing)
  })

  it('of a task that may be tried again is kept for long, with the payload', () => {
    const voter = settled('failed')
    collect(voter, keepMs - 1)
    assert.equal(voter.ledger.chunks[0]?.payload?.length, 4 * 'payload 0'.length)
    assert.equal(heldValues(voter.ledger, [0, 4]).length, 1)
    collect(voter, keepMs)
    assert.deepEqual(kept(voter), nothing)
    assert.equal(stateAt(voter.ledger, 0), FAILED)
    assert.equal(voter.voter.bytes, 0)
  })

  it('goes, but never an open register, however old that is', () => {
    const voter = TestVoter.holding(4)
    settle(voter, [0, 1], 'done')
    settle(voter, [2, 2], 'done')
    voter.claim(ballot(50), [1, 1])
    voter.settle(ballot(50), [valuesOf([1, 1], 'done', 'accepted')])
    collect(voter, keepMs * 10)
    assert.deepEqual(voter.ledger.collected.done, [0, 1, 2, 2])
    const { state, accepted, promised } = voter.register(1)
    assert.deepEqual([state, accepted, promised], [OPEN, ballot(50), ballot(50)])
    assert.equal(voter.ledger.chunks[0]?.payload?.length, 4 * 'payload 0'.length)
  })

  it('whose page may get more tasks leaves it for them', () => {
    const voter = TestVoter.holding(2)
    settle(voter, [0, 2], 'done')
    collect(voter, ttlMs * 2)
    assert.equal(voter.ledger.pages.size, 1)
    voter.store(chunkOf(2, ['c', 'd']))
    assert.deepEqual(voter.claim(ballot(70), [2, 2]).granted, [2, 2])
    settle(voter, [2, 2], 'cancelled')
    collect(voter, ttlMs * 2)
    assert.deepEqual(kept(voter), nothing)
  })
})

describe('a payload', () => {
  it('goes when its chunk is settled, but for those of failed tasks', () => {
    const voter = TestVoter.holding(4)
    settle(voter, [0, 1], 'failed', '')
    settle(voter, [1, 1], 'done', '')
    settle(voter, [3, 1], 'failed', '')
    assert.equal(voter.ledger.chunks.length, 1)
    settle(voter, [2, 1], 'cancelled', '')
    const chunks = voter.ledger.chunks.map(({ first, count, payload }) => {
      return [first, count, payload === undefined ? '' : new TextDecoder().decode(payload)]
    })
    assert.deepEqual(chunks, [
      [0, 1, 'payload 0'],
      [1, 2, ''],
      [3, 1, 'payload 3'],
    ])
    assert.equal(voter.voter.bytes, 2 * 'payload 0'.length)
  })
})

describe('where room is needed', () => {
  const body = 'x'.repeat(100)

  /** Three results of 100 bytes, one after the other, in a budget of 320. */
  function crowded(): TestVoter {
    const voter = TestVoter.holding(3, { maxBytes: 320 })
    for (const seq of [0, 1, 2]) {
      settle(voter, [seq, 1], 'done', body)
      voter.now += 70_000
    }
    return voter
  }

  it('results make it for new records, the oldest first', () => {
    const voter = crowded()
    const stored = voter.store(chunkOf(3, ['y'.repeat(60)]))
    assert.deepEqual([stored.stored, stored.full], [[3, 1], []])
    assert.deepEqual(voter.ledger.collected.done, [0, 1])
  })

  it('those that somebody has been told go before the others', () => {
    const voter = crowded()
    noteTold(voter.voter, ledgerId, [2, 1])
    assert.ok(makeRoom(voter.voter, voter.outbox, 60))
    assert.deepEqual(voter.ledger.collected.done, [2, 1])
  })

  it('records that must be kept are refused when results cannot make enough', () => {
    const voter = crowded()
    voter.store(chunkOf(3, ['y'.repeat(250)]))
    assert.deepEqual(voter.ledger.collected.done, [0, 3])
    assert.deepEqual(voter.store(chunkOf(4, ['z'.repeat(80)])).full, [4, 1])
  })

  it('nothing goes while there is enough', () => {
    const voter = crowded()
    assert.ok(makeRoom(voter.voter, voter.outbox, 20))
    assert.deepEqual(voter.ledger.collected.done, [])
  })
})

describe('a voter that has restarted', () => {
  for (const by of ['journal', 'checkpoint'] as const) {
    const entriesOf = (voter: TestVoter) =>
      by === 'journal' ? voter.entries : [...checkpointVoter(voter.voter, voter.now)]

    it(`keeps a result for what is left of its time, by its ${by}`, () => {
      const voter = settled()
      collect(voter, ttlMs / 2)
      const again = restarted(voter, entriesOf(voter), ttlMs / 4)
      collect(again, ttlMs / 4 - 1)
      assert.equal(heldValues(again.ledger, [0, 4]).length, 1)
      collect(again, ttlMs / 8 + 1)
      assert.deepEqual(kept(again), nothing)
    })

    it(`has not got back what was collected, by its ${by}`, () => {
      const voter = TestVoter.holding(6)
      settle(voter, [0, 4], 'done')
      settle(voter, [4, 1], 'failed')
      collect(voter, ttlMs * 2)
      const again = restarted(voter, entriesOf(voter))
      assert.deepEqual(again.ledger.collected, voter.ledger.collected)
      assert.equal(again.voter.bytes, voter.voter.bytes)
      assert.equal(stateAt(again.ledger, 0), DONE)
      assert.equal(stateAt(again.ledger, 4), FAILED)
      assert.deepEqual(again.claim(ballot(9_000), [0, 6]).granted, [5, 1])
    })
  }

  it('writes a checkpoint that does not grow with what it has collected', () => {
    const voter = new TestVoter({ pageTasks: 64 })
    voter.open()
    const sizes: number[] = []
    for (let round = 0; round < 4; round++) {
      const first = round * 64
      voter.store(chunkOf(first, Array<string>(64).fill('some payload')))
      settle(voter, [first, 64], 'done')
      collect(voter, ttlMs * 2)
      sizes.push([...checkpointVoter(voter.voter, voter.now)].length)
    }
    assert.deepEqual(sizes, Array(4).fill(sizes[0]))
    assert.equal(countOf(voter.ledger.collected.done), 256)
  })

  it('answers for every register as it did before', () => {
    const step = fc.record({
      seqs: fc.tuple(fc.nat({ max: 7 }), fc.integer({ min: 1, max: 3 })),
      kind: fc.constantFrom<OutcomeKind | 'collect'>('done', 'failed', 'cancelled', 'collect'),
      ms: fc.constantFrom(0, ttlMs, keepMs),
    })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 12 }), steps => {
        const voter = TestVoter.holding(10)
        for (const { seqs, kind, ms } of steps) {
          voter.now += ms
          if (kind === 'collect') collect(voter, 0)
          else settle(voter, [...seqs], kind)
        }
        const byCheckpoint = restarted(voter, [...checkpointVoter(voter.voter, voter.now)])
        for (const again of [restarted(voter, voter.entries), byCheckpoint]) {
          for (let seq = 0; seq < 10; seq++) {
            assert.equal(stateAt(again.ledger, seq), stateAt(voter.ledger, seq), `state of ${seq}`)
          }
          assert.deepEqual(again.ledger.collected, voter.ledger.collected)
          assert.deepEqual(again.ledger.settled, voter.ledger.settled)
          assert.equal(again.voter.bytes, voter.voter.bytes)
        }
      }),
      { numRuns: 300 },
    )
  })
})
