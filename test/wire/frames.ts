import { create, fromBinary, toBinary } from '@bufbuild/protobuf'
import { encodeEntry, encodeEnvelope, encodeHints } from '../../src/wire/codec.ts'
import { entries, envelopes, hints } from './examples.ts'
import { EntrySchema, EnvelopeSchema, GossipFrameSchema } from './generated/meshwork_pb.ts'
import type * as wire from './generated/meshwork_pb.ts'

/* Frames that our own codec would not write, made with the generated one. */

/** What the generated codec has for a member of a `oneof`. */
type Member<O extends { case: unknown; value?: unknown }, K> = Extract<O, { case: K }>['value']

/** The example of a message type, after a change to what the generated codec has of it. */
export function frameWith<K extends string>(
  type: K,
  change: (message: Member<wire.Envelope['message'], K>) => void,
): Uint8Array {
  const frame = fromBinary(EnvelopeSchema, encodeEnvelope(example(envelopes, type)))
  change(frame.message.value as Member<wire.Envelope['message'], K>)
  return toBinary(EnvelopeSchema, frame)
}

/** The example of an entry type, after a change to what the generated codec has of it. */
export function entryWith<K extends string>(
  type: K,
  change: (entry: Member<wire.Entry['entry'], K>) => void,
): Uint8Array {
  const { $typeName, entry } = fromBinary(EntrySchema, encodeEntry(example(entries, type)))
  change(entry.value as Member<wire.Entry['entry'], K>)
  return toBinary(EntrySchema, { $typeName, entry })
}

/** The example of a hint type, after a change to what the generated codec has of it. */
export function hintsWith<K extends string>(
  type: K,
  change: (hint: Member<wire.Hint['hint'], K>) => void,
): Uint8Array {
  const frame = fromBinary(GossipFrameSchema, encodeHints(example(hints, type)))
  change(frame.hints[0]?.hint.value as Member<wire.Hint['hint'], K>)
  return toBinary(GossipFrameSchema, frame)
}

function example<T>(examples: ReadonlyMap<string, T>, type: string): T {
  const one = examples.get(type)
  if (one === undefined) throw new RangeError(`no example of ${type}`)
  return one
}

/** An envelope without a message. */
export function emptyFrame(): Uint8Array {
  return toBinary(EnvelopeSchema, create(EnvelopeSchema, { lsn: 5n }))
}

/** Bytes one behind the other. */
export function joined(...parts: readonly ArrayLike<number>[]): Uint8Array {
  return Uint8Array.from(parts.flatMap(part => Array.from(part)))
}

/** A number as a varint. */
export function varint(value: number | bigint): number[] {
  const bytes: number[] = []
  let rest = BigInt(value)
  while (rest > 0x7fn) {
    bytes.push(Number(rest & 0x7fn) | 0x80)
    rest >>= 7n
  }
  return [...bytes, Number(rest)]
}

/** A field of bytes with its tag and length. */
export function field(number: number, bytes: ArrayLike<number>): Uint8Array {
  return joined(varint(number * 8 + 2), varint(bytes.length), bytes)
}
