import { InvalidMessageError } from '@libp2p/interface'
import { blobBytesMax, type BlobHash } from '../blobs/ports.ts'

/*
 * What is said on a blob stream, in fixed places: a request of 50 bytes, and answers of 9 before
 * and after the bytes of a blob. Numbers are unsigned, 64 bits, big-endian.
 */

/** Bytes of a request and of an answer. */
export const requestBytes = 50
export const answerBytes = 9

/** What a peer wants: a range of a blob, or to give one. */
export type BlobAsk =
  | {
      readonly type: 'get'
      readonly hash: BlobHash
      readonly offset: number
      readonly length: number
    }
  | {
      readonly type: 'put'
      readonly hash: BlobHash
      readonly size: number
      readonly spread: boolean
    }

const statuses = ['found', 'missing', 'want', 'full', 'stored', 'wait'] as const

/** How a request is answered. */
export interface BlobAnswer {
  /**
   * `found` tells the size, `want` the offset that bytes are wanted from, `wait` that the answer
   * is still to come, and how many bytes of blobs the node has moved by now.
   */
  readonly status: (typeof statuses)[number]
  readonly number: number
}

const version = 1
const types = { get: 1, put: 2, spread: 3 } as const

export function encodeAsk(ask: BlobAsk): Uint8Array {
  const bytes = Buffer.alloc(requestBytes)
  const type = ask.type === 'put' && ask.spread ? 'spread' : ask.type
  bytes[0] = version
  bytes[1] = types[type]
  bytes.write(ask.hash, 2, 'hex')
  bytes.writeBigUInt64BE(BigInt(ask.type === 'get' ? ask.offset : ask.size), 34)
  bytes.writeBigUInt64BE(BigInt(ask.type === 'get' ? ask.length : 0), 42)
  return bytes
}

/** @throws {InvalidMessageError} It is no request of this version. */
export function decodeAsk(bytes: Uint8Array): BlobAsk {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (bytes.length !== requestBytes || bytes[0] !== version) {
    throw new InvalidMessageError('A blob request is of another version')
  }
  const hash = buffer.toString('hex', 2, 34)
  const first = numberAt(buffer, 34)
  const second = numberAt(buffer, 42)
  switch (bytes[1]) {
    case types.get:
      return { type: 'get', hash, offset: first, length: second }
    case types.put:
      return { type: 'put', hash, size: first, spread: false }
    case types.spread:
      return { type: 'put', hash, size: first, spread: true }
    default:
      throw new InvalidMessageError('A blob request is of no known type')
  }
}

export function encodeAnswer({ status, number }: BlobAnswer): Uint8Array {
  const bytes = Buffer.alloc(answerBytes)
  bytes[0] = statuses.indexOf(status)
  bytes.writeBigUInt64BE(BigInt(number), 1)
  return bytes
}

/** @throws {InvalidMessageError} It is no answer. */
export function decodeAnswer(bytes: Uint8Array): BlobAnswer {
  const status = statuses[bytes[0] ?? statuses.length]
  if (status === undefined) throw new InvalidMessageError('A blob answer is of no known kind')
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  return { status, number: numberAt(buffer, 1) }
}

function numberAt(bytes: Buffer, at: number): number {
  const number = Number(bytes.readBigUInt64BE(at))
  if (number <= blobBytesMax) return number
  throw new InvalidMessageError(`A blob of ${number} bytes is too large`)
}
