import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { isAlone, viewNewest } from '../../src/core/generations.ts'
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

it('a voter is alone while no majority is there on the storages that vote', () => {
  const { machine, members } = setup()
  assert.equal(isAlone(machine, root), false, 'nothing is held of it')
  assert.equal(isAlone(machine, ledgerId), true)
  join(members, 'v1', 0, { storageId: 'another' })
  assert.equal(isAlone(machine, ledgerId), true)
  join(members, 'v2', 0)
  assert.equal(isAlone(machine, ledgerId), false)
})
