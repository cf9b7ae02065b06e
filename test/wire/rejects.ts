import assert from 'node:assert/strict'
import { suite, test } from 'node:test'

/** Bytes that are wrong, and what the error must say of them. */
export type Row = readonly [what: string, bytes: ArrayLike<number>, text: RegExp]

/** A test for each row: the bytes are refused by an `InvalidMessageError`. */
export function rejects(
  name: string,
  decode: (bytes: Uint8Array) => unknown,
  rows: readonly Row[],
): void {
  suite(`refused: ${name}`, () => {
    for (const [what, bytes, text] of rows) {
      test(what, () => {
        assert.throws(() => decode(Uint8Array.from(bytes)), {
          name: 'InvalidMessageError',
          message: text,
        })
      })
    }
  })
}
