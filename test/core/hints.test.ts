import assert from 'node:assert/strict'
import { test } from 'node:test'
import { addHint, dropClasses, dropHint, hintedCount, type Hints } from '../../src/core/hints.ts'
import { infoOf, ledgerId } from './fixtures.ts'

function heard(): Hints {
  const hints: Hints = new Map()
  const info = infoOf(['v0', 'v1', 'v2'])
  for (const [queue, first] of [
    ['a', 0],
    ['b', 100],
  ] as const) {
    const seqs = [first, 10]
    const backlog = { queue, priority: 0, requires: '', ageMs: 0, backlog: 10, seqs }
    addHint(hints, info, [backlog], 1_000)
  }
  return hints
}

test('hearsay is dropped task by task', () => {
  const hints = heard()
  dropHint(hints, ledgerId, [2, 3])
  assert.equal(hintedCount(hints), 17)
  dropHint(hints, ledgerId, [0, 10])
  assert.equal(hintedCount(hints), 10)
})

test('hearsay of a class is dropped when whoever is asked for one of its tasks has none', () => {
  const hints = heard()
  dropClasses(hints, ledgerId, [{ queue: 'b', priority: 0, requires: '' }])
  assert.equal(hintedCount(hints), 10)
  dropClasses(hints, ledgerId, [{ queue: 'b', priority: 1, requires: '' }])
  assert.equal(hintedCount(hints), 10)
})
