import { InvalidMessageError, InvalidParametersError } from '@libp2p/interface'
import type { Entry } from '../core/entries.ts'
import type { Envelope, Hint, Message } from '../core/messages.ts'
import { entries } from './entries.ts'
import { lsn } from './fields.ts'
import { hints as hintMembers } from './hints.ts'
import { maxEntryBytes, maxFrameBytes, maxHintBytes, maxHintsPerFrame } from './limits.ts'
import { messages } from './messages.ts'
import { Problem, demand, within } from './problem.ts'
import { Reader, wireTypes } from './reader.ts'
import type { Union } from './records.ts'
import { Writer } from './writer.ts'

const lsnTag = (1 << 3) | wireTypes.varint
/** An envelope's fields from this number on are messages, known to this version or not. */
const firstMessageTag = 10 << 3
const hintsTag = (1 << 3) | wireTypes.delimited

const writer = new Writer()

/**
 * One frame of a control stream.
 *
 * @throws {InvalidParametersError} A value is beyond a limit or of the wrong form.
 */
export function encodeEnvelope(envelope: Envelope): Uint8Array {
  return encoding('Envelope', maxFrameBytes, out => {
    messages.write(out, envelope.message)
    at('.lsn', () => lsn.write(out, lsnTag, envelope.lsn))
  })
}

/**
 * The message of a frame, or `undefined` if it is one that only a newer version knows. Payloads
 * and bodies share the frame's memory, so the bytes must not be used again by anybody.
 *
 * @throws {InvalidMessageError} Malformed or beyond a limit; the text names the field.
 */
export function decodeEnvelope(bytes: Uint8Array): Envelope | undefined {
  return decoding('Envelope', bytes, maxFrameBytes, input => {
    let position = 0
    let message: Message | undefined
    let isNewer = false
    while (input.more) {
      const tag = input.tag()
      if (tag === lsnTag) {
        position = at('.lsn', () => lsn.read(input, undefined))
      } else if (messages.has(tag)) {
        demand(message === undefined, 'more than one message')
        message = messages.read(input, tag)
      } else {
        isNewer ||= tag >= firstMessageTag
        input.skip(tag & 7)
      }
    }
    if (message !== undefined) return { lsn: position, message }
    demand(isNewer, 'no message')
    return undefined
  })
}

/**
 * One message of the gossip topic.
 *
 * @throws {InvalidParametersError} A value is beyond a limit or of the wrong form.
 */
export function encodeHints(hints: readonly Hint[]): Uint8Array {
  return encoding('GossipFrame', maxHintBytes, out => {
    if (hints.length > maxHintsPerFrame) throw tooManyHints(hints.length)
    for (const hint of hints.toReversed()) {
      const before = out.used
      hintMembers.write(out, hint)
      out.part(hintsTag, before)
    }
  })
}

/**
 * The hints of a gossip message, without those that only a newer version knows.
 *
 * @throws {InvalidMessageError} Malformed or beyond a limit; the text names the field.
 */
export function decodeHints(bytes: Uint8Array): Hint[] {
  return decoding('GossipFrame', bytes, maxHintBytes, input => {
    const hints: Hint[] = []
    let count = 0
    while (input.more) {
      const tag = input.tag()
      if (tag !== hintsTag) {
        input.skip(tag & 7)
        continue
      }
      if (++count > maxHintsPerFrame) throw tooManyHints(count)
      const hint = input.part(readHint)
      if (hint !== undefined) hints.push(hint)
    }
    return hints
  })
}

function readHint(input: Reader): Hint | undefined {
  return readMember(input, hintMembers)
}

function tooManyHints(count: number): Problem {
  return new Problem(`${count} hints, at most ${maxHintsPerFrame}`)
}

/**
 * The payload of a journal entry.
 *
 * @throws {InvalidParametersError} A value is beyond a limit or of the wrong form.
 */
export function encodeEntry(entry: Entry): Uint8Array {
  return encoding('Entry', maxEntryBytes, out => {
    entries.write(out, entry)
  })
}

/**
 * The entry that a payload of the journal is. Payloads of tasks and bodies share the memory of
 * the bytes, which must not be used again by anybody.
 *
 * @throws {InvalidMessageError} Malformed, beyond a limit, or of a kind that only a newer version
 * knows: a journal is only good as a whole.
 */
export function decodeEntry(bytes: Uint8Array): Entry {
  return decoding('Entry', bytes, maxEntryBytes, input => {
    const entry = readMember(input, entries)
    if (entry === undefined) throw new Problem('no entry of a known kind')
    return entry
  })
}

/** Reads a message that has nothing but a `oneof`. */
function readMember<T>(input: Reader, members: Union<T>): T | undefined {
  let value: T | undefined
  while (input.more) {
    const tag = input.tag()
    if (members.has(tag)) {
      demand(value === undefined, 'more than one kind')
      value = members.read(input, tag)
    } else {
      input.skip(tag & 7)
    }
  }
  return value
}

function encoding(name: string, maxBytes: number, write: (out: Writer) => void): Uint8Array {
  writer.clear()
  try {
    write(writer)
    if (writer.used > maxBytes) throw tooLong(writer.used, maxBytes)
    return writer.take()
  } catch (error) {
    throw new InvalidParametersError(String(within(name, error)))
  }
}

function decoding<T>(
  name: string,
  bytes: Uint8Array,
  maxBytes: number,
  read: (input: Reader) => T,
): T {
  try {
    if (bytes.length > maxBytes) throw tooLong(bytes.length, maxBytes)
    return read(new Reader(bytes))
  } catch (error) {
    throw new InvalidMessageError(String(within(name, error)))
  }
}

/** Adds the name of a field to a problem with it. */
function at<T>(step: string, run: () => T): T {
  try {
    return run()
  } catch (error) {
    throw within(step, error)
  }
}

function tooLong(bytes: number, maxBytes: number): Problem {
  return new Problem(`${bytes} bytes, at most ${maxBytes}`)
}
