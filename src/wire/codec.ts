import { fromBinary, toBinary } from '@bufbuild/protobuf'
import type { Message as WireMessage } from '@bufbuild/protobuf'
import type { GenMessage } from '@bufbuild/protobuf/codegenv2'
import { InvalidMessageError, InvalidParametersError } from '@libp2p/interface'
import type { Entry } from '../core/entries.ts'
import type { Envelope, Hint } from '../core/messages.ts'
import { entries } from './entries.ts'
import { lsn } from './fields.ts'
import {
  EntrySchema,
  EnvelopeSchema,
  GossipFrameSchema,
  HintSchema,
} from './generated/meshwork_pb.ts'
import { hints as hintCases } from './hints.ts'
import { maxEntryBytes, maxFrameBytes, maxHintBytes, maxHintsPerFrame } from './limits.ts'
import { messages } from './messages.ts'
import { Problem, within } from './problem.ts'
import { scan, shapeOf } from './scan.ts'

/** Numbers of an envelope's fields from here on are messages, known to this version or not. */
const firstMessageNumber = 10

const envelopeShape = shapeOf(EnvelopeSchema, { lsn: lsn.bound, ...messages.bounds })
const hintShape = shapeOf(HintSchema, hintCases.bounds)
const gossipShape = shapeOf(GossipFrameSchema, {
  hints: { shape: hintShape, maxCount: maxHintsPerFrame },
})
const entryShape = shapeOf(EntrySchema, entries.bounds)

/** What later versions add is left behind, not kept: nothing is ever sent on. */
const readOptions = { readUnknownFields: false }

/**
 * One frame of a control stream.
 *
 * @throws {InvalidParametersError} A value is beyond a limit or of the wrong form.
 */
export function encodeEnvelope(envelope: Envelope): Uint8Array {
  return encoding('Envelope', EnvelopeSchema, maxFrameBytes, () => ({
    $typeName: EnvelopeSchema.typeName,
    lsn: lsn.toWire(envelope.lsn),
    message: messages.toWire(envelope.message),
  }))
}

/**
 * The message of a frame, or `undefined` if it is one that only a newer version knows. Payloads
 * and bodies share the frame's memory, so the bytes must not be used again by anybody.
 *
 * @throws {InvalidMessageError} Malformed or beyond a limit; the text names the field.
 */
export function decodeEnvelope(bytes: Uint8Array): Envelope | undefined {
  return decoding('Envelope', bytes, maxFrameBytes, () => {
    const highestUnknown = scan(envelopeShape, bytes)
    const frame = fromBinary(EnvelopeSchema, plain(bytes), readOptions)
    const message = messages.fromWire(frame.message)
    if (message !== undefined) return { lsn: lsn.fromWire(frame.lsn), message }
    if (highestUnknown >= firstMessageNumber) return undefined
    throw new Problem('no message')
  })
}

/**
 * One message of the gossip topic.
 *
 * @throws {InvalidParametersError} A value is beyond a limit or of the wrong form.
 */
export function encodeHints(hints: readonly Hint[]): Uint8Array {
  return encoding('GossipFrame', GossipFrameSchema, maxHintBytes, () => {
    if (hints.length > maxHintsPerFrame) {
      throw new Problem(`${hints.length} hints, at most ${maxHintsPerFrame}`)
    }
    return {
      $typeName: GossipFrameSchema.typeName,
      hints: hints.map((hint, i) => ({
        $typeName: HintSchema.typeName,
        hint: inHint(i, () => hintCases.toWire(hint)),
      })),
    }
  })
}

/**
 * The hints of a gossip message, without those that only a newer version knows.
 *
 * @throws {InvalidMessageError} Malformed or beyond a limit; the text names the field.
 */
export function decodeHints(bytes: Uint8Array): Hint[] {
  return decoding('GossipFrame', bytes, maxHintBytes, () => {
    scan(gossipShape, bytes)
    const frame = fromBinary(GossipFrameSchema, plain(bytes), readOptions)
    const hints: Hint[] = []
    for (const [i, { hint }] of frame.hints.entries()) {
      const known = inHint(i, () => hintCases.fromWire(hint))
      if (known !== undefined) hints.push(known)
    }
    return hints
  })
}

/**
 * The payload of a journal entry.
 *
 * @throws {InvalidParametersError} A value is beyond a limit or of the wrong form.
 */
export function encodeEntry(entry: Entry): Uint8Array {
  return encoding('Entry', EntrySchema, maxEntryBytes, () => ({
    $typeName: EntrySchema.typeName,
    entry: entries.toWire(entry),
  }))
}

/**
 * The entry that a payload of the journal is. Payloads of tasks and bodies share the memory of
 * the bytes, which must not be used again by anybody.
 *
 * @throws {InvalidMessageError} Malformed, beyond a limit, or of a kind that only a newer version
 * knows: a journal is only good as a whole.
 */
export function decodeEntry(bytes: Uint8Array): Entry {
  return decoding('Entry', bytes, maxEntryBytes, () => {
    scan(entryShape, bytes)
    const entry = entries.fromWire(fromBinary(EntrySchema, plain(bytes), readOptions).entry)
    if (entry === undefined) throw new Problem('no entry of a known kind')
    return entry
  })
}

function encoding<W extends WireMessage>(
  name: string,
  schema: GenMessage<W>,
  maxBytes: number,
  form: () => W,
): Uint8Array {
  try {
    const bytes = toBinary(schema, form())
    if (bytes.length > maxBytes) throw new Problem(`${bytes.length} bytes, at most ${maxBytes}`)
    return bytes
  } catch (error) {
    throw new InvalidParametersError(String(within(name, error)))
  }
}

function decoding<T>(name: string, bytes: Uint8Array, maxBytes: number, read: () => T): T {
  try {
    if (bytes.length > maxBytes) throw new Problem(`${bytes.length} bytes, at most ${maxBytes}`)
    return read()
  } catch (error) {
    throw new InvalidMessageError(String(within(name, error)))
  }
}

/** The same bytes, not as a Buffer: what is decoded has views of them. */
function plain(bytes: Uint8Array): Uint8Array {
  if (bytes.constructor === Uint8Array) return bytes
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

function inHint<T>(index: number, translate: () => T): T {
  try {
    return translate()
  } catch (error) {
    throw within(`.hints[${index}]`, error)
  }
}
