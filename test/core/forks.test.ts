import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type Fork, forkedFrom } from '../../src/core/forks.ts'
import { asFirstGeneration, laterOutcomes } from '../../src/core/later-outcomes.ts'
import { checkpointVoter } from '../../src/core/checkpoint.ts'
import { replayVoter } from '../../src/core/recovery.ts'
import { dropLedger } from '../../src/core/office.ts'
import { createWatch, onWatch, tellOutcome } from '../../src/core/watch.ts'
import { ballot, chunkOf, ledgerId, TestVoter, valuesOf } from './fixtures.ts'

const root = 'f0'.repeat(16)
const fork: Fork = { ledger: root, shift: 100, generation: 2 }

/** A voter of tasks 0 to 5, which were tasks 100 to 102 and 203 to 205 of another ledger. */
function setup(): TestVoter {
  const own = TestVoter.holding(0)
  own.store(chunkOf(0, ['a', 'b', 'c'], { fork }))
  own.store(chunkOf(3, ['d', 'e', 'f'], { fork: { ...fork, shift: 200 } }))
  return own
}

describe('tasks of a later generation', () => {
  it('are known by what they were at first, also after a restart', () => {
    const own = setup()
    const again = new TestVoter()
    for (const entry of checkpointVoter(own.voter, own.now)) {
      replayVoter(again.voter, entry, 0, again.now)
    }
    for (const { voter } of [own, again]) {
      assert.deepEqual(forkedFrom(voter, root), [
        [100, 3],
        [203, 3],
      ])
    }
  })

  it('are one run where they follow each other', () => {
    const own = setup()
    own.store(chunkOf(6, ['g'], { fork: { ...fork, shift: 200 } }))
    assert.deepEqual(forkedFrom(own.voter, root), [
      [100, 3],
      [203, 4],
    ])
  })

  it('are forgotten with their ledger', () => {
    const own = setup()
    dropLedger(own.voter, own.ledger)
    assert.deepEqual(forkedFrom(own.voter, root), [])
  })

  it('answer who asks for the first one, and say which they are', () => {
    const own = setup()
    own.decide(ballot(1), valuesOf([1, 3], 'done', 'x'))
    const found = [...laterOutcomes(own.voter, root, [0, 204])]
    assert.deepEqual(
      found.map(({ values, fork }) => [values.seqs, fork]),
      [
        [[101, 2], { ledger: ledgerId, shift: -100, generation: 2 }],
        [[203, 1], { ledger: ledgerId, shift: -200, generation: 2 }],
      ],
    )
  })

  it('tell those who wait for the first one, once', () => {
    const own = setup()
    const watch = createWatch()
    const asked = { type: 'watch', ledger: root, seqs: [100, 2], progress: false } as const
    onWatch(watch, own.voter, own.outbox, 'g', asked)
    assert.deepEqual(own.take(), [])
    const decided = valuesOf([0, 3], 'done', 'x')
    for (const later of asFirstGeneration(own.voter, ledgerId, decided)) {
      tellOutcome(watch, own.outbox, later.ledger, later.values, false, later.fork)
    }
    const told = own.reply('outcomes')
    assert.deepEqual([told.ledger, told.values[0]?.seqs], [root, [100, 2]])
    assert.deepEqual(told.fork, { ledger: ledgerId, shift: -100, generation: 2 })
    assert.equal(watch.peers.get(root)?.size ?? 0, 0)
  })
})
