import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
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

/*
 * The bytes of wire version 1. A line of golden/ never changes: nodes of this version are on the
 * network and their journals on disks. A new kind adds a line.
 */

/** Bytes by kind, from lines of a kind and hex digits. */
function golden(file: string): ReadonlyMap<string, string> {
  const text = readFileSync(new URL(`golden/${file}`, import.meta.url), 'utf8')
  return new Map(
    text
      .trim()
      .split('\n')
      .map(line => {
        const [kind = '', hex = ''] = line.split(' ')
        return [kind, hex]
      }),
  )
}

function hold<T>(
  file: string,
  examples: ReadonlyMap<string, T>,
  encode: (value: T) => Uint8Array,
  decode: (bytes: Uint8Array) => T | undefined,
): void {
  suite(file, () => {
    const lines = golden(file)

    test('has a line for each kind', () => {
      assert.deepEqual([...lines.keys()], [...examples.keys()])
    })

    for (const [kind, value] of examples) {
      test(`${kind} has the bytes it always had`, () => {
        assert.equal(
          `${kind} ${Buffer.from(encode(value)).toString('hex')}`,
          `${kind} ${lines.get(kind)}`,
        )
      })

      test(`${kind} is read from the bytes it always had`, () => {
        assert.deepEqual(decode(Buffer.from(lines.get(kind) ?? '', 'hex')), value)
      })
    }
  })
}

hold('envelopes.hex', envelopes, encodeEnvelope, decodeEnvelope)
hold('hints.hex', hints, encodeHints, decodeHints)
hold('entries.hex', entries, encodeEntry, decodeEntry)
