import { InvalidParametersError } from '@libp2p/interface'
import type { Entry } from '../core/entries.ts'
import type { EntryCodec } from './entry-codec.ts'
import { maxEntryBytes } from './journal-format.ts'

/** Largest sum of the entries of one append, in bytes. */
const maxAppendBytes = 4 * maxEntryBytes

/** The bytes of entries that are appended together. */
export function encodeAppend(codec: EntryCodec, entries: readonly Entry[]): Uint8Array[] {
  const bodies = entries.map(entry => encodeEntry(codec, entry))
  const bytes = bodies.reduce((sum, body) => sum + body.byteLength, 0)
  if (bytes > maxAppendBytes) {
    throw new InvalidParametersError(
      `Entries of ${bytes} bytes cannot be appended at once, the limit is ${maxAppendBytes}`,
    )
  }
  return bodies
}

/** The bytes of one entry. */
export function encodeEntry(codec: EntryCodec, entry: Entry): Uint8Array {
  const body = codec.encode(entry)
  if (body.byteLength > maxEntryBytes) {
    throw new InvalidParametersError(
      `A ${entry.type} entry of ${body.byteLength} bytes is too large, ` +
        `the limit is ${maxEntryBytes}`,
    )
  }
  return body
}
