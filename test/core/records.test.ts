import assert from 'node:assert/strict'
import { describe, it, test } from 'node:test'
import * as fc from 'fast-check'
import {
  chunkAt,
  chunkOf as tellChunk,
  columnsOf,
  holdChunk,
  type HeldChunk,
  insertChunk,
  offsetsOf,
  sameBytes,
  sliceChunk,
  specKey,
} from '../../src/core/records.ts'
import { bytes, chunkOf, plainSpec, text } from './fixtures.ts'

const payloads = fc.array(fc.string({ maxLength: 5 }), { minLength: 1, maxLength: 12 })

/** A part of a chunk with this many tasks. */
function part(of: readonly string[]): fc.Arbitrary<{ from: number; to: number }> {
  return fc
    .tuple(fc.nat({ max: of.length - 1 }), fc.nat({ max: of.length - 1 }))
    .map(([a, b]) => ({ from: Math.min(a, b), to: Math.max(a, b) + 1 }))
}

const sliced = payloads.chain(all => part(all).map(cut => ({ all, ...cut })))

function split(lengths: Uint32Array, payload: Uint8Array): string[] {
  const offsets = offsetsOf(lengths)
  return Array.from(lengths, (_, i) => text(payload.subarray(offsets[i], offsets[i + 1])))
}

test('a slice of a chunk has the payloads of its tasks', () => {
  fc.assert(
    fc.property(sliced, fc.nat({ max: 9 }), ({ all, from, to }, first) => {
      const slice = sliceChunk(chunkOf(first, all), first + from, to - from)
      assert.equal(slice.first, first + from)
      assert.equal(slice.count, to - from)
      assert.deepEqual(split(slice.lengths, slice.payload), all.slice(from, to))
    }),
  )
})

test('the columns of a held chunk are those that were received', () => {
  fc.assert(
    fc.property(sliced, ({ all, from, to }) => {
      const held = holdChunk(chunkOf(7, all), 0, 1)
      const columns = columnsOf(held, 7 + from, to - from)
      assert.ok(columns !== undefined)
      assert.deepEqual(split(columns.lengths, columns.payload), all.slice(from, to))
    }),
  )
})

test('durations are told as they are now, never below zero', () => {
  const held = holdChunk(chunkOf(0, ['a'], { ageMs: 500, delayMs: 2_000 }), 10_000, 1)
  const told = tellChunk(held, 0, 1, 10_700)
  assert.equal(told?.ageMs, 1_200)
  assert.equal(told?.delayMs, 1_300)
  assert.equal(tellChunk(held, 0, 1, 20_000)?.delayMs, 0)
})

test('a chunk whose payload is gone cannot be told', () => {
  const held = holdChunk(chunkOf(0, ['a']), 0, 1)
  held.payload = undefined
  assert.equal(columnsOf(held, 0, 1), undefined)
  assert.equal(tellChunk(held, 0, 1, 0), undefined)
})

test('chunks are found by the tasks in them, in whatever order they came', () => {
  const chunks: HeldChunk[] = []
  for (const first of [20, 0, 10]) insertChunk(chunks, holdChunk(chunkOf(first, ['a', 'b']), 0, 1))
  assert.deepEqual(
    chunks.map(({ first }) => first),
    [0, 10, 20],
  )
  const cases = [
    [0, 0],
    [1, 0],
    [2, -1],
    [10, 1],
    [21, 2],
    [22, -1],
  ] as const
  for (const [seq, at] of cases) assert.equal(chunkAt(chunks, seq), at)
})

describe('specKey', () => {
  it('is the same for equal specs', () =>
    assert.equal(specKey(plainSpec), specKey({ ...plainSpec })))

  const changes = [
    { queue: 'other' },
    { priority: 1 },
    { requires: 'gpu' },
    { attempts: 4 },
    { backoff: 'fixed' },
    { backoffMs: 1 },
    { backoffMaxMs: 1 },
    { timeoutMs: 1 },
    { resultTtlMs: 1 },
  ] as const
  for (const change of changes) {
    it(`differs with ${Object.keys(change).join()}`, () => {
      assert.notEqual(specKey(plainSpec), specKey({ ...plainSpec, ...change }))
    })
  }
})

test('bytes are the same only byte for byte', () => {
  assert.ok(sameBytes(bytes('abc'), bytes('abc')))
  assert.ok(!sameBytes(bytes('abc'), bytes('abd')))
  assert.ok(!sameBytes(bytes('abc'), bytes('ab')))
})
