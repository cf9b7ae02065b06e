import type { Ledger } from './ledger.ts'
import { contains } from './ranges.ts'

/**
 * Whether what is open in a ledger names blobs, which are kept apart from it: such a body begins
 * with byte 0.
 */
export function namesBlobs({ chunks, values, settled }: Ledger): boolean {
  for (const { first, open, lengths, payload } of chunks) {
    if (open === 0 || payload === undefined) continue
    if (beginsWithZero(lengths, payload, i => !contains(settled, first + i))) return true
  }
  return values.some(held => {
    return held !== undefined && beginsWithZero(held.values.lengths, held.values.body, () => true)
  })
}

function beginsWithZero(
  lengths: Uint32Array,
  bytes: Uint8Array,
  counts: (index: number) => boolean,
): boolean {
  let at = 0
  for (let i = 0; i < lengths.length; i++) {
    const length = lengths[i] as number
    if (length > 0 && bytes[at] === 0 && counts(i)) return true
    at += length
  }
  return false
}
