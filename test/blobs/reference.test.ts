import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { jsonWithBlobs, parseWithBlobs } from '../../src/blobs/blob-json.ts'
import { BlobContent, type MeshBlob } from '../../src/blobs/mesh-blob.ts'
import {
  type BlobReference,
  bundledBlobsMax,
  decodeBody,
  encodeBody,
  isReference,
  type LargeBody,
} from '../../src/blobs/reference.ts'

const hash = 'ab'.repeat(32)

function encodeReference(content: BlobReference): Uint8Array {
  return encodeBody({ content, blobs: [] })
}

test('a reference is what the format says', () => {
  const bytes = encodeReference({ kind: 'raw', hash, size: 300 })
  assert.deepEqual([...bytes], [0, 1, 2, ...Buffer.from(hash, 'hex'), 0xac, 0x02])
  assert.ok(isReference(bytes, 0, bytes.length))
})

test('JSON in which blobs are named is what the format says', () => {
  const named = [0, 1, 3, 1, ...Buffer.from(hash, 'hex'), 0xac, 0x02]
  const short = encodeBody({ text: '[1]', blobs: [{ hash, size: 300 }] })
  assert.deepEqual([...short], [...named, ...Buffer.from('[1]')])
  const content = { kind: 'json', hash, size: 5 } as const
  const long = encodeBody({ content, blobs: [{ hash, size: 300 }] })
  assert.deepEqual([...long], [...named, ...encodeReference(content)])
  assert.ok(isReference(short, 0, short.length))
})

test('no JSON is taken for one', () => {
  for (const text of ['null', '"\u0000"', '0', ' 1', '[]']) {
    assert.equal(isReference(Buffer.from(text), 0, text.length), false)
  }
  assert.equal(isReference(Uint8Array.of(0), 0, 0), false)
})

const anyHash = fc
  .uint8Array({ minLength: 32, maxLength: 32 })
  .map(it => Buffer.from(it).toString('hex'))
const plain = { noNullPrototype: true }
const anyBlob = fc.record({ hash: anyHash, size: fc.maxSafeNat() }, plain)
const anyBlobs = fc.array(anyBlob, { minLength: 1, maxLength: 5 })

test('every body is read as it was written', () => {
  const kind = fc.constantFrom('json' as const, 'raw' as const)
  const content = fc.record({ kind, hash: anyHash, size: fc.maxSafeNat() }, plain)
  const json = fc.record(
    { kind: fc.constant('json' as const), hash: anyHash, size: fc.maxSafeNat() },
    plain,
  )
  const body: fc.Arbitrary<LargeBody> = fc.oneof(
    fc.record({ content, blobs: fc.constant([]) }, plain),
    fc.record({ content: json, blobs: anyBlobs }, plain),
    fc.record({ text: fc.json(), blobs: anyBlobs }, plain),
  )
  fc.assert(fc.property(body, it => assert.deepEqual(decodeBody(encodeBody(it)), it)))
})

test('anything else is read as none, and never throws', () => {
  const good = encodeReference({ kind: 'json', hash, size: 5 })
  const raw = encodeReference({ kind: 'raw', hash, size: 5 })
  const many = Array.from({ length: bundledBlobsMax + 1 }, () => ({ hash, size: 1 }))
  const bad = [
    good.subarray(0, 35),
    Uint8Array.of(...good, 0),
    good.with(1, 2),
    good.with(2, 3),
    good.with(2, 0),
    good.with(35, 0x85),
    Uint8Array.of(...good.subarray(0, 35), ...new Uint8Array(8).fill(0xff)),
    Uint8Array.of(...good.subarray(0, 35), ...new Uint8Array(9).fill(0x80)),
    // Fewer blobs than are said, bytes or more blobs within, and too many.
    Uint8Array.of(0, 1, 3, 2, ...Buffer.from(hash, 'hex'), 1),
    Uint8Array.of(0, 1, 3, 0, ...raw),
    Uint8Array.of(0, 1, 3, 0, 0, 1, 3, 0, ...Buffer.from('1')),
    encodeBody({ text: '1', blobs: many }),
  ]
  for (const bytes of bad) assert.equal(decodeBody(bytes), undefined, bytes.join(' '))
  const start = fc.constantFrom([], [0, 1, 1], [0, 1, 3])
  const any = fc.tuple(start, fc.array(fc.nat(255), { maxLength: 80 }))
  fc.assert(
    fc.property(any, ([head, rest]) => void decodeBody(Uint8Array.from([...head, ...rest]))),
  )
})

function blobOf(size: number, name = hash): MeshBlob {
  return new BlobContent({ hash: name, size, async *read() {} })
}

test('blobs within JSON are found once each, and are blobs again when it is read', () => {
  const [one, two] = [blobOf(3), blobOf(4, 'cd'.repeat(32))]
  const found: MeshBlob[] = []
  const value = { one, list: [two, one], hash, not: { hash, size: 3, name: 'x' } }
  const text = jsonWithBlobs(value, found) ?? ''
  assert.deepEqual(found, [one, two])
  assert.deepEqual(parseWithBlobs(text, [one, two]), value)
  assert.deepEqual(parseWithBlobs(text), JSON.parse(text))
  // Of another size it is another one.
  assert.deepEqual(parseWithBlobs(text, [blobOf(9)]), JSON.parse(text))
  // Nothing is found by who writes JSON on his own.
  JSON.stringify(value)
  assert.equal(found.length, 2)
  assert.throws(() => jsonWithBlobs({ one, big: 1n }, found), TypeError)
  JSON.stringify(value)
  assert.equal(found.length, 2)
})
