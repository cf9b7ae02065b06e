import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import {
  type BlobReference,
  decodeReference,
  encodeReference,
  isReference,
} from '../../src/blobs/reference.ts'

const hash = 'ab'.repeat(32)

test('a reference is what the format says', () => {
  const bytes = encodeReference({ kind: 'raw', hash, size: 300 })
  assert.deepEqual([...bytes], [0, 1, 2, ...Buffer.from(hash, 'hex'), 0xac, 0x02])
  assert.ok(isReference(bytes, 0, bytes.length))
})

test('no JSON is taken for one', () => {
  for (const text of ['null', '"\u0000"', '0', ' 1', '[]']) {
    assert.equal(isReference(Buffer.from(text), 0, text.length), false)
  }
  assert.equal(isReference(Uint8Array.of(0), 0, 0), false)
})

test('every reference is read as it was written', () => {
  const reference: fc.Arbitrary<BlobReference> = fc.record(
    {
      kind: fc.constantFrom('json', 'raw'),
      hash: fc
        .uint8Array({ minLength: 32, maxLength: 32 })
        .map(it => Buffer.from(it).toString('hex')),
      size: fc.maxSafeNat(),
    },
    { noNullPrototype: true },
  )
  fc.assert(
    fc.property(reference, it => assert.deepEqual(decodeReference(encodeReference(it)), it)),
  )
})

test('anything else is read as none, and never throws', () => {
  const good = encodeReference({ kind: 'json', hash, size: 5 })
  const bad = [
    good.subarray(0, 35),
    Uint8Array.of(...good, 0),
    good.with(1, 2),
    good.with(2, 3),
    good.with(2, 0),
    good.with(35, 0x85),
    Uint8Array.of(...good.subarray(0, 35), ...new Uint8Array(8).fill(0xff)),
    Uint8Array.of(...good.subarray(0, 35), ...new Uint8Array(9).fill(0x80)),
  ]
  for (const bytes of bad) assert.equal(decodeReference(bytes), undefined)
  fc.assert(fc.property(fc.uint8Array({ maxLength: 60 }), bytes => void decodeReference(bytes)))
})
