import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import {
  decodeEntry,
  decodeEnvelope,
  decodeHints,
  encodeEntry,
  encodeEnvelope,
  encodeHints,
} from '../../src/wire/codec.ts'
import { entries, envelopes, hints } from './examples.ts'
import { entryWith, field, frameWith, hintsWith, joined, varint } from './frames.ts'

/** Fields of every wire type that this version does not know. */
const unknownFields = [
  { no: 1000, wireType: 0, data: Uint8Array.from(varint(2n ** 64n - 1n)) },
  { no: 1001, wireType: 1, data: new Uint8Array(8) },
  { no: 1002, wireType: 2, data: joined(varint(200), new Uint8Array(200)) },
  { no: 1003, wireType: 5, data: new Uint8Array(4) },
]

/** Adds fields to the outermost of what is given and to every message in it. */
function withUnknown(value: unknown): void {
  if (Array.isArray(value)) {
    for (const one of value) withUnknown(one)
  } else if (typeof value === 'object' && value !== null && '$typeName' in value) {
    for (const one of Object.values(value)) withUnknown(one)
    Object.assign(value, { $unknown: unknownFields })
  }
}

suite('what a newer version has added is passed over', () => {
  for (const [type, example] of envelopes) {
    test(`fields of message ${type} and of all its parts`, () => {
      const bytes = frameWith(type, message => withUnknown(message))
      assert.ok(bytes.length > encodeEnvelope(example).length)
      assert.deepEqual(decodeEnvelope(bytes), example)
    })
  }

  for (const [type, example] of hints) {
    test(`fields of hint ${type} and of all its parts`, () => {
      assert.deepEqual(decodeHints(hintsWith(type, withUnknown)), example)
    })
  }

  for (const [type, example] of entries) {
    test(`fields of entry ${type} and of all its parts`, () => {
      assert.deepEqual(decodeEntry(entryWith(type, withUnknown)), example)
    })
  }

  const watch = envelopes.get('watch')
  assert.ok(watch !== undefined)

  test('fields of the envelope, before and after the message', () => {
    const bytes = joined(field(9, [1, 2]), encodeEnvelope(watch), varint(5 * 8), [7])
    assert.deepEqual(decodeEnvelope(bytes), watch)
  })

  test('a message', () => {
    assert.equal(decodeEnvelope(joined([8, 3], field(39, [8, 1]))), undefined)
    assert.equal(decodeEnvelope(field(1000, new Uint8Array(300))), undefined)
  })

  test('a field of the envelope is not taken for a message', () => {
    assert.throws(() => decodeEnvelope(field(9, [8, 1])), {
      name: 'InvalidMessageError',
      message: 'Envelope: no message',
    })
  })

  test('a hint among others', () => {
    const [taken, presence] = [hints.get('taken'), hints.get('presence')]
    assert.ok(taken !== undefined && presence !== undefined)
    const bytes = joined(encodeHints(taken), field(1, field(77, [1])), encodeHints(presence))
    assert.deepEqual(decodeHints(bytes), [...taken, ...presence])
  })

  test('but not an entry: a journal is only good as a whole', () => {
    assert.throws(() => decodeEntry(field(13, [])), { name: 'InvalidMessageError' })
  })
})

test('an older version has left out what may be absent', () => {
  const bytes = frameWith('stored', message => {
    message.conflict = new Uint8Array(0)
    message.full = new Uint8Array(0)
    message.fullMs = 0n
  })
  const stored = envelopes.get('stored')
  assert.ok(stored?.message.type === 'stored')
  assert.deepEqual(decodeEnvelope(bytes), {
    ...stored,
    message: { ...stored.message, conflict: [], full: [], fullMs: 0 },
  })
})

test('fields may come in any order', () => {
  const body = encodeEntry({ type: 'closed', ledger: '00'.repeat(16), end: 3 }).subarray(2)
  const [ledger, end] = [body.subarray(0, 18), body.subarray(18)]
  assert.deepEqual(decodeEntry(field(2, joined(end, ledger))), {
    type: 'closed',
    ledger: '00'.repeat(16),
    end: 3,
  })
})
