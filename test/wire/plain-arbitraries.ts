import * as fc from 'fast-check'

/** Hex digits, so many. */
export const hex = (digits: number): fc.Arbitrary<string> =>
  fc
    .uint8Array({ minLength: digits / 2, maxLength: digits / 2 })
    .map(bytes => Buffer.from(bytes).toString('hex'))

/** Objects as the codec makes them, with a prototype. */
export function record<T>(model: { [K in keyof T]: fc.Arbitrary<T[K]> }): fc.Arbitrary<T> {
  return fc.record(model, { noNullPrototype: true }) as fc.Arbitrary<T>
}
