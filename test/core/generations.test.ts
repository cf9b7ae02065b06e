import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { noneCollected } from '../../src/core/collected.ts'
import { isAlone, viewNewest } from '../../src/core/generations.ts'
import { firstNamesOf } from '../../src/core/later-outcomes.ts'
import { collect } from '../../src/core/retention.ts'
import { createWatch, onWatch, watchTasks } from '../../src/core/watch.ts'
import { elsewhereMs, giveUpCollected, tellLaterNews } from '../../src/core/watch-collected.ts'
import { ballot, chunkOf, ledgerId, TestVoter, valuesOf } from './fixtures.ts'
import { join, noMembers } from './peers.ts'
import { TestHost } from './test-host.ts'

const root = 'f0'.repeat(16)

/** A voter of tasks 0 to 2, which were tasks 100 to 102 of a lost ledger, and of task 3, anew again. */
function setup() {
  const own = TestVoter.holding(0)
  own.store(chunkOf(0, ['a', 'b', 'c'], { fork: { ledger: root, shift: 100, generation: 2 } }))
  own.store(chunkOf(3, ['d'], { fork: { ledger: root, shift: 98, generation: 3 } }))
  const members = noMembers()
  const machine = { ...new TestHost().machine, voter: own.voter, members }
  const seen = (seq: number, ledger = root) => {
    const newest = viewNewest(machine, ledger, seq, own.now)
    if (newest === undefined) return undefined
    const { view, generation } = newest
    return [view.ledger, view.seq, view.state, generation]
  }
  return { own, members, machine, seen }
}

describe('a task by its first name', () => {
  it('is the newest generation that is held', () => {
    const { seen } = setup()
    assert.deepEqual(seen(100), [ledgerId, 0, 'pending', 2])
    assert.deepEqual(seen(101), [ledgerId, 3, 'pending', 3])
    assert.deepEqual(seen(102), [ledgerId, 2, 'pending', 2])
    assert.deepEqual([seen(99), seen(103)], [undefined, undefined])
    assert.deepEqual(seen(0, ledgerId), [ledgerId, 0, 'pending', 1], 'by its own it is itself')
  })

  it('is the one that has ended, where one has', () => {
    const { own, seen } = setup()
    own.decide(ballot(1), valuesOf([1, 1], 'cancelled', ''))
    assert.deepEqual(seen(101), [ledgerId, 1, 'cancelled', 2])
  })

  it('is the first one where that has ended, however many there are', () => {
    const { own, seen } = setup()
    own.store(chunkOf(4, ['e'], { fork: { ledger: ledgerId, shift: -4, generation: 2 } }))
    assert.deepEqual(seen(0, ledgerId), [ledgerId, 4, 'pending', 2])
    own.decide(ballot(1), valuesOf([0, 1], 'done', 'x'))
    assert.deepEqual(seen(0, ledgerId), [ledgerId, 0, 'done', 1])
  })
})

describe('who waits for a task by its first name', () => {
  // Seeds 9951929 and 9952561: they waited for ever.
  it('is told when the outcome of a later generation is not kept any more', () => {
    const { own } = setup()
    const watch = createWatch()
    const asked = { type: 'watch', ledger: root, seqs: [100, 3], progress: false } as const
    own.decide(ballot(1), valuesOf([0, 1], 'done', 'x'))
    collect(own.voter, own.ledger, { ...noneCollected(), done: [0, 1] })
    own.take()
    onWatch(watch, own.voter, own.outbox, 'w', asked)
    const message = { type: 'collected-later', ledger: root, ...noneCollected() } as const
    assert.deepEqual(
      own.take().map(sent => [sent.to, sent.message]),
      [['w', { ...message, done: [100, 1] }]],
    )
    assert.deepEqual(watch.peers.get(root)?.get('w')?.seqs, [101, 2])
    tellLaterNews(watch, own.outbox, root, { ...noneCollected(), failed: [101, 1] }, own.now)
    assert.deepEqual(
      own.take().map(sent => [sent.to, sent.message]),
      [['w', { ...message, failed: [101, 1] }]],
    )
    assert.deepEqual(watch.peers.get(root)?.get('w')?.seqs, [102, 1])
  })

  it('is told by itself, once nobody has given the outcome', () => {
    const { own, members } = setup()
    const watch = createWatch()
    own.decide(ballot(1), valuesOf([0, 1], 'done', 'x'))
    collect(own.voter, own.ledger, { ...noneCollected(), done: [0, 1] })
    const asked = { ledger: root, seqs: [100, 1], progress: false }
    watchTasks(watch, own.voter, own.outbox, members, asked, own.now)
    own.outbox.effects.length = 0
    giveUpCollected(watch, own.outbox, own.now + elsewhereMs)
    const told = { type: 'outcomes-collected', ledger: root, kind: 'done', seqs: [100, 1] }
    assert.deepEqual(own.outbox.effects, [{ ...told, later: true }])
  })

  it('hears what firstNamesOf makes of what is collected', () => {
    const { own } = setup()
    const collected = { ...noneCollected(), done: [0, 4] }
    const told = [...firstNamesOf(own.voter, ledgerId, collected)]
    assert.deepEqual(
      told.map(({ root: name, collected: { done } }) => [name, done]),
      [
        [root, [100, 3]],
        [root, [101, 1]],
      ],
    )
  })
})

it('a voter is alone while no majority is there on the storages that vote', () => {
  const { machine, members } = setup()
  assert.equal(isAlone(machine, root), false, 'nothing is held of it')
  assert.equal(isAlone(machine, ledgerId), true)
  join(members, 'v1', 0, { storageId: 'another' })
  assert.equal(isAlone(machine, ledgerId), true)
  join(members, 'v2', 0)
  assert.equal(isAlone(machine, ledgerId), false)
})
