import assert from 'node:assert/strict'
import { describe, it, test } from 'node:test'
import * as fc from 'fast-check'
import type { Values } from '../../src/core/messages.ts'
import { seqsOf } from '../../src/core/ranges.ts'
import {
  groupRuns,
  isTerminal,
  joinBytes,
  kindOf,
  pickValues,
  positionIn,
  repeatValue,
  sliceValues,
  stateOf,
} from '../../src/core/values.ts'
import { bodyOf, bytes, text, valuesOf } from './fixtures.ts'
import { intersection, naiveSet, rangesOf } from './sets.ts'

/** Values whose body tells the task. */
function named(set: ReadonlySet<number>): Values {
  const seqs = rangesOf(set)
  const bodies = [...seqsOf(seqs)].map(seq => `<${seq}>`)
  const lengths = Uint32Array.from(bodies, body => body.length)
  return { ...valuesOf([], 'done'), seqs, lengths, body: bytes(bodies.join('')) }
}

function bodiesOf(values: Values | undefined): string[] {
  if (values === undefined) return []
  return Array.from(values.lengths, (_, i) => bodyOf(values, i))
}

test('the picked part of values has the bodies of its tasks', () => {
  fc.assert(
    fc.property(naiveSet, naiveSet, (all, wanted) => {
      const picked = pickValues(named(all), rangesOf(wanted))
      const both = rangesOf(intersection(all, wanted))
      assert.deepEqual(
        bodiesOf(picked),
        [...seqsOf(both)].map(seq => `<${seq}>`),
      )
      assert.deepEqual(picked?.seqs ?? [], both)
    }),
  )
})

test('all of some values is those values themselves', () => {
  const values = named(new Set([1, 2, 5]))
  assert.equal(sliceValues(values, [1, 2, 5, 1]), values)
})

test('the place of a number is how many lie below it', () => {
  fc.assert(
    fc.property(naiveSet, set => {
      const seqs = rangesOf(set)
      for (const [at, seq] of [...seqsOf(seqs)].entries()) assert.equal(positionIn(seqs, seq), at)
    }),
  )
})

test('numbers are grouped by their key, in order of first appearance', () => {
  const groups = groupRuns([0, 3, 5, 2], seq => seq % 2)
  assert.deepEqual(
    [...groups],
    [
      [0, [0, 1, 2, 1, 6, 1]],
      [1, [1, 1, 5, 1]],
    ],
  )
})

test('a repeated value gives each task the same body', () => {
  const { by, kind, failures, delayMs, reason } = valuesOf([], 'cancelled')
  const value = { by, kind, failures, delayMs, reason }
  assert.deepEqual(bodiesOf(repeatValue(value, [0, 2, 4, 1], bytes('no'))), ['no', 'no', 'no'])
})

test('byte strings are joined in order, and one alone is not copied', () => {
  const one = bytes('one')
  assert.equal(joinBytes([one], 3), one)
  assert.equal(text(joinBytes([one, bytes('two')], 6)), 'onetwo')
})

describe('kinds of values', () => {
  for (const kind of ['done', 'failed', 'cancelled'] as const) {
    it(`${kind} is an outcome with a register state of its own`, () => {
      assert.ok(isTerminal(valuesOf([0, 1], kind)))
      assert.equal(kindOf(stateOf(kind)), kind)
    })
  }
  it('pending is no outcome', () => assert.ok(!isTerminal(valuesOf([0, 1], 'pending'))))
})
