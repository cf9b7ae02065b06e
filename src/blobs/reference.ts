import type { BlobHash } from './ports.ts'

/*
 * A payload or a result is JSON, or names a blob: byte 0, with which no JSON begins, a version, a
 * kind, the SHA-256 of the content, and its size as an unsigned varint.
 */

/** What a blob holds: JSON as UTF-8, or bytes that nobody looks into. */
export type BlobKind = 'json' | 'raw'

/** Names a blob. */
export interface BlobReference {
  readonly kind: BlobKind
  readonly hash: BlobHash
  /** Bytes. */
  readonly size: number
}

const version = 1
const kinds: readonly BlobKind[] = ['json', 'raw']
const headBytes = 3 + 32

/** The longest reference, in bytes: a size takes up to eight. */
const referenceBytesMax = headBytes + 8

/** Whether the body that begins at an index names a blob. The one check that every task costs. */
export function isReference(bytes: Uint8Array, at: number, length: number): boolean {
  return length > 0 && bytes[at] === 0
}

/** A reference as it is written into a payload or a result. */
export function encodeReference({ kind, hash, size }: BlobReference): Uint8Array {
  const bytes = [0, version, kinds.indexOf(kind) + 1, ...Buffer.from(hash, 'hex')]
  let rest = size
  while (rest >= 0x80) {
    bytes.push((rest % 0x80) + 0x80)
    rest = Math.floor(rest / 0x80)
  }
  bytes.push(rest)
  return Uint8Array.from(bytes)
}

/** Reads a reference; `undefined` if it is of no version and kind that this node knows. */
export function decodeReference(bytes: Uint8Array): BlobReference | undefined {
  const kind = kinds[(bytes[2] ?? 0) - 1]
  if (bytes[0] !== 0 || bytes[1] !== version || kind === undefined) return undefined
  if (bytes.length <= headBytes || bytes.length > referenceBytesMax) return undefined
  const size = sizeIn(bytes.subarray(headBytes))
  if (size === undefined) return undefined
  return { kind, hash: Buffer.from(bytes.subarray(3, headBytes)).toString('hex'), size }
}

function sizeIn(bytes: Uint8Array): number | undefined {
  let size = 0
  for (const [i, byte] of bytes.entries()) {
    size += (byte & 0x7f) * 2 ** (7 * i)
    const isLast = i === bytes.length - 1
    if (byte >= 0x80 === isLast) return undefined
  }
  return Number.isSafeInteger(size) ? size : undefined
}
