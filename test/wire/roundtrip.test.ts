import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import * as fc from 'fast-check'
import type { Entry } from '../../src/core/entries.ts'
import type { Hint, Message } from '../../src/core/messages.ts'
import {
  decodeEntry,
  decodeEnvelope,
  decodeHints,
  encodeEntry,
  encodeEnvelope,
  encodeHints,
} from '../../src/wire/codec.ts'
import { entries, envelope, hint, hints, messages } from './arbitraries.ts'

const numRuns = 60

suite('what is encoded decodes to itself', () => {
  for (const [type, arbitrary] of Object.entries<fc.Arbitrary<Message>>(messages)) {
    test(`message ${type}`, () => {
      fc.assert(
        fc.property(arbitrary, fc.maxSafeNat(), (message, lsn) => {
          assert.deepEqual(decodeEnvelope(encodeEnvelope({ lsn, message })), { lsn, message })
        }),
        { numRuns },
      )
    })
  }

  for (const [type, arbitrary] of Object.entries<fc.Arbitrary<Hint>>(hints)) {
    test(`hint ${type}`, () => {
      fc.assert(
        fc.property(arbitrary, hint => {
          assert.deepEqual(decodeHints(encodeHints([hint])), [hint])
        }),
        { numRuns },
      )
    })
  }

  for (const [type, arbitrary] of Object.entries<fc.Arbitrary<Entry>>(entries)) {
    test(`entry ${type}`, () => {
      fc.assert(
        fc.property(arbitrary, entry => {
          assert.deepEqual(decodeEntry(encodeEntry(entry)), entry)
        }),
        { numRuns },
      )
    })
  }

  test('a list of hints, in their order', () => {
    fc.assert(
      fc.property(fc.array(hint, { maxLength: 8 }), hints => {
        assert.deepEqual(decodeHints(encodeHints(hints)), hints)
      }),
      { numRuns },
    )
  })
})

suite('what becomes of the bytes', () => {
  test('the same value always has the same bytes, whatever was encoded in between', () => {
    fc.assert(
      fc.property(envelope, envelope, (one, other) => {
        const bytes = encodeEnvelope(one)
        const copy = Uint8Array.from(bytes)
        encodeEnvelope(other)
        assert.deepEqual(bytes, copy)
        assert.deepEqual(encodeEnvelope(one), copy)
      }),
      { numRuns },
    )
  })

  test('payloads are views of the frame, and plain ones if the frame is a Buffer', () => {
    const message: Message = {
      type: 'progress',
      ledger: 'ab'.repeat(16),
      seq: 1,
      token: 2,
      kind: 'log',
      body: Uint8Array.of(1, 2, 3),
    }
    const frame = Buffer.from(encodeEnvelope({ lsn: 0, message }))
    const decoded = decodeEnvelope(frame)
    assert.deepEqual(decoded, { lsn: 0, message })
    assert.equal(decoded.message.body.buffer, frame.buffer)
  })

  test('fractions of a millisecond are cut off', () => {
    const message: Message = {
      type: 'renewed',
      beat: 1,
      leaseMs: 29_999.9,
      sendList: false,
      lost: [],
      elsewhere: [],
    }
    assert.deepEqual(decodeEnvelope(encodeEnvelope({ lsn: 0, message })), {
      lsn: 0,
      message: { ...message, leaseMs: 29_999 },
    })
  })
})
