import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { addRun, addRuns, removeRun, removeRuns } from '../../src/core/intervals.ts'
import { isCanonical } from '../../src/core/ranges.ts'
import { difference, intersection, naiveSet, rangesOf, setLimit, union } from './sets.ts'

const run = fc
  .tuple(fc.nat({ max: setLimit - 1 }), fc.integer({ min: 1, max: 12 }))
  .map(([first, count]) => ({
    first,
    count: Math.min(count, setLimit - first),
  }))

const operation = fc.record({ add: fc.boolean(), run })

function numbersOf({ first, count }: { first: number; count: number }): Set<number> {
  return new Set(Array.from({ length: count }, (_, i) => first + i))
}

test('adding and removing runs in place does what a set of numbers does', () => {
  fc.assert(
    fc.property(naiveSet, fc.array(operation), (start, operations) => {
      let twin: ReadonlySet<number> = start
      const set = rangesOf(start)
      for (const { add, run } of operations) {
        const numbers = numbersOf(run)
        if (add) {
          addRun(set, run.first, run.count)
          twin = union(twin, numbers)
        } else {
          const removed = removeRun(set, run.first, run.count)
          assert.equal(removed, intersection(twin, numbers).size)
          twin = difference(twin, numbers)
        }
        assert.deepEqual(set, rangesOf(twin))
        assert.ok(isCanonical(set, setLimit))
      }
    }),
  )
})

test('whole sets are added and removed run by run', () => {
  fc.assert(
    fc.property(naiveSet, naiveSet, (a, b) => {
      const sum = rangesOf(a)
      addRuns(sum, rangesOf(b))
      assert.deepEqual(sum, rangesOf(union(a, b)))
      const rest = rangesOf(a)
      assert.equal(removeRuns(rest, rangesOf(b)), intersection(a, b).size)
      assert.deepEqual(rest, rangesOf(difference(a, b)))
    }),
  )
})
