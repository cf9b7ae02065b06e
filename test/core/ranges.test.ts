import assert from 'node:assert/strict'
import { describe, it, test } from 'node:test'
import * as fc from 'fast-check'
import {
  contains,
  countOf,
  fromSeqs,
  intersect,
  isCanonical,
  pushRun,
  runAt,
  seqsOf,
  subtract,
  take,
  union,
} from '../../src/core/ranges.ts'
import * as sets from './sets.ts'
import { naiveSet, rangesOf, setLimit } from './sets.ts'

describe('isCanonical', () => {
  const cases = [
    { name: 'the empty set is', ranges: [], is: true },
    { name: 'ascending runs with gaps are', ranges: [0, 2, 3, 1], is: true },
    { name: 'a run up to the limit is', ranges: [9, 1], is: true },
    { name: 'a run beyond the limit is not', ranges: [9, 2], is: false },
    { name: 'adjacent runs are not', ranges: [0, 2, 2, 1], is: false },
    { name: 'overlapping runs are not', ranges: [0, 2, 1, 4], is: false },
    { name: 'descending runs are not', ranges: [4, 1, 0, 1], is: false },
    { name: 'an empty run is not', ranges: [4, 0], is: false },
    { name: 'half a run is not', ranges: [4], is: false },
    { name: 'a negative start is not', ranges: [-1, 1], is: false },
    { name: 'a fraction is not', ranges: [0.5, 1], is: false },
  ]
  for (const { name, ranges, is } of cases) {
    it(name, () => assert.equal(isCanonical(ranges, 10), is))
  }
})

describe('a set of ranges does what a set of numbers does', () => {
  const laws: Readonly<
    Record<string, (a: Set<number>, b: Set<number>) => [number[], ReadonlySet<number>]>
  > = {
    union: (a, b) => [union(rangesOf(a), rangesOf(b)), sets.union(a, b)],
    intersect: (a, b) => [intersect(rangesOf(a), rangesOf(b)), sets.intersection(a, b)],
    subtract: (a, b) => [subtract(rangesOf(a), rangesOf(b)), sets.difference(a, b)],
  }
  for (const [name, law] of Object.entries(laws)) {
    it(name, () => {
      fc.assert(
        fc.property(naiveSet, naiveSet, (a, b) => {
          const [ranges, set] = law(a, b)
          assert.deepEqual(ranges, rangesOf(set))
          assert.ok(isCanonical(ranges, setLimit))
        }),
      )
    })
  }

  it('contains, count, and listing', () => {
    fc.assert(
      fc.property(naiveSet, fc.nat({ max: setLimit }), (set, seq) => {
        const ranges = rangesOf(set)
        assert.equal(contains(ranges, seq), set.has(seq))
        assert.equal(countOf(ranges), set.size)
        assert.deepEqual(new Set(seqsOf(ranges)), set)
      }),
    )
  })

  it('take gives the smallest numbers', () => {
    fc.assert(
      fc.property(naiveSet, fc.nat({ max: setLimit }), (set, count) => {
        const smallest = [...set].sort((a, b) => a - b).slice(0, count)
        assert.deepEqual(take(rangesOf(set), count), fromSeqs(smallest))
      }),
    )
  })
})

test('runAt finds the first run that ends above a number', () => {
  const ranges = [2, 3, 8, 1]
  const cases = [
    [0, 0],
    [4, 0],
    [5, 2],
    [8, 2],
    [9, 4],
  ] as const
  for (const [seq, at] of cases) assert.equal(runAt(ranges, seq), at)
})

test('a run that touches the last one is merged with it, and an empty one is nothing', () => {
  const ranges: number[] = []
  pushRun(ranges, 3, 0)
  pushRun(ranges, 3, 2)
  pushRun(ranges, 5, 1)
  pushRun(ranges, 7, 1)
  assert.deepEqual(ranges, [3, 3, 7, 1])
})
