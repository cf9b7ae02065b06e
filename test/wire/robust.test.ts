import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import * as fc from 'fast-check'
import {
  decodeEntry,
  decodeEnvelope,
  decodeHints,
  encodeEntry,
  encodeEnvelope,
  encodeHints,
} from '../../src/wire/codec.ts'
import { entry, envelope, hint } from './arbitraries.ts'
import { entries, envelopes, hints } from './examples.ts'

/** Decodes, and lets nothing pass but a value and an `InvalidMessageError`. */
function survives(decode: (bytes: Uint8Array) => unknown, bytes: Uint8Array): void {
  try {
    decode(bytes)
  } catch (error) {
    if (!(error instanceof Error) || error.name !== 'InvalidMessageError') throw error
    assert.match(error.message, /^(Envelope|GossipFrame|Entry)/)
    assert.doesNotMatch(error.message, /undefined|TypeError|not a function/)
  }
}

const all = [
  ['envelopes', envelope.map(encodeEnvelope), decodeEnvelope],
  ['hints', fc.array(hint, { maxLength: 3 }).map(encodeHints), decodeHints],
  ['entries', entry.map(encodeEntry), decodeEntry],
] as const

suite('nothing that arrives does harm', () => {
  for (const [name, encoded, decode] of all) {
    test(`random bytes as ${name}`, () => {
      fc.assert(
        fc.property(fc.uint8Array({ maxLength: 300 }), bytes => survives(decode, bytes)),
        { numRuns: 1000 },
      )
    })

    test(`${name} with some bytes changed`, () => {
      const change = fc.tuple(fc.nat(), fc.nat(255))
      fc.assert(
        fc.property(encoded, fc.array(change, { minLength: 1, maxLength: 4 }), (bytes, changes) => {
          const damaged = Uint8Array.from(bytes)
          for (const [at, value] of changes) damaged[at % damaged.length] = value
          survives(decode, damaged)
        }),
        { numRuns: 400 },
      )
    })

    test(`${name} with a piece taken out`, () => {
      fc.assert(
        fc.property(encoded, fc.nat(), fc.integer({ min: 1, max: 20 }), (bytes, at, count) => {
          const from = at % (bytes.length + 1)
          const rest = [...bytes.subarray(0, from), ...bytes.subarray(from + count)]
          survives(decode, Uint8Array.from(rest))
        }),
        { numRuns: 200 },
      )
    })
  }
})

suite('a frame that is cut off is refused', () => {
  for (const [type, example] of envelopes) {
    test(`message ${type}`, () => {
      const bytes = encodeEnvelope(example)
      for (let length = 0; length < bytes.length; length++) {
        assert.throws(() => decodeEnvelope(bytes.subarray(0, length)), {
          name: 'InvalidMessageError',
        })
      }
    })
  }

  for (const [type, example] of hints) {
    test(`hint ${type}`, () => {
      const bytes = encodeHints(example)
      for (let length = 1; length < bytes.length; length++) {
        assert.throws(() => decodeHints(bytes.subarray(0, length)), { name: 'InvalidMessageError' })
      }
    })
  }

  for (const [type, example] of entries) {
    test(`entry ${type}`, () => {
      const bytes = encodeEntry(example)
      for (let length = 0; length < bytes.length; length++) {
        assert.throws(() => decodeEntry(bytes.subarray(0, length)), { name: 'InvalidMessageError' })
      }
    })
  }
})
