import type { Envelope, Hint } from '../core/messages.ts'
import { decodeEnvelope, decodeHints, encodeEnvelope, encodeHints } from '../wire/codec.ts'

/** Bytes to messages and back, bounded in both directions. */
export interface Codec {
  /** @throws {InvalidParametersError} A value is beyond a limit. */
  encodeEnvelope(envelope: Envelope): Uint8Array
  /**
   * `undefined` for a message that only a newer version knows.
   *
   * @throws {InvalidMessageError} Malformed or beyond a limit.
   */
  decodeEnvelope(bytes: Uint8Array): Envelope | undefined
  /** @throws {InvalidParametersError} A value, or all of them, are beyond a limit. */
  encodeHints(hints: readonly Hint[]): Uint8Array
  /** @throws {InvalidMessageError} Malformed or beyond a limit. */
  decodeHints(bytes: Uint8Array): readonly Hint[]
}

/** The wire format of a mesh. */
export const wireCodec: Codec = { encodeEnvelope, decodeEnvelope, encodeHints, decodeHints }
