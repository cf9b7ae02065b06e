import type { BlobHash, StoredBlob } from './ports.ts'

/*
 * A payload or a result is JSON, or names blobs: byte 0, with which no JSON begins, a version and a
 * kind. Of kinds 1 and 2 a blob is the content: its SHA-256, and its size as an unsigned varint.
 * Kind 3 is JSON in which blobs are named: their number as a varint, the SHA-256 and the size of
 * each, and then the JSON, or a body of kind 1 that names it.
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

/** A payload or a result that names blobs. */
export interface LargeBody {
  /** The blob that is the content. */
  readonly content?: BlobReference | undefined
  /** JSON, where it is here and no blob. */
  readonly text?: string | undefined
  /** Blobs that the JSON names, each by its hash and its size. */
  readonly blobs: readonly StoredBlob[]
}

const version = 1
const kinds: readonly BlobKind[] = ['json', 'raw']
const bundle = 3
const headBytes = 3
const hashBytes = 32

/** A size takes up to eight bytes. */
const sizeBytesMax = 8

/** Blobs that one payload or result may name besides its content. */
export const bundledBlobsMax = 1_000

/** Whether the body that begins at an index names blobs. The one check that every task costs. */
export function isReference(bytes: Uint8Array, at: number, length: number): boolean {
  return length > 0 && bytes[at] === 0
}

/** A body that names blobs as it is written into a payload or a result. */
export function encodeBody({ content, text, blobs }: LargeBody): Uint8Array {
  const inner = content === undefined ? Buffer.from(text ?? '') : encodeReference(content)
  if (blobs.length === 0 && content !== undefined) return inner
  const head = [0, version, bundle]
  pushSize(head, blobs.length)
  for (const blob of blobs) pushBlob(head, blob)
  return Buffer.concat([Uint8Array.from(head), inner])
}

function encodeReference({ kind, hash, size }: BlobReference): Uint8Array {
  const bytes = [0, version, kinds.indexOf(kind) + 1]
  pushBlob(bytes, { hash, size })
  return Uint8Array.from(bytes)
}

/** Reads a body; `undefined` if it is of no version and kind that this node knows. */
export function decodeBody(bytes: Uint8Array): LargeBody | undefined {
  if (bytes[2] !== bundle) {
    const content = decodeReference(bytes)
    return content && { content, blobs: [] }
  }
  if (bytes[0] !== 0 || bytes[1] !== version) return undefined
  const reader = new Reader(bytes, headBytes)
  const count = reader.size()
  if (count === undefined || count > bundledBlobsMax) return undefined
  const blobs: StoredBlob[] = []
  for (let i = 0; i < count; i++) {
    const blob = reader.blob()
    if (blob === undefined) return undefined
    blobs.push(blob)
  }
  const inner = bytes.subarray(reader.at)
  if (!isReference(inner, 0, inner.length)) return { text: Buffer.from(inner).toString(), blobs }
  const content = decodeReference(inner)
  return content?.kind === 'json' ? { content, blobs } : undefined
}

function decodeReference(bytes: Uint8Array): BlobReference | undefined {
  const kind = kinds[(bytes[2] ?? 0) - 1]
  if (bytes[0] !== 0 || bytes[1] !== version || kind === undefined) return undefined
  const reader = new Reader(bytes, headBytes)
  const blob = reader.blob()
  return blob === undefined || reader.at !== bytes.length ? undefined : { kind, ...blob }
}

function pushBlob(bytes: number[], { hash, size }: StoredBlob): void {
  bytes.push(...Buffer.from(hash, 'hex'))
  pushSize(bytes, size)
}

function pushSize(bytes: number[], size: number): void {
  let rest = size
  while (rest >= 0x80) {
    bytes.push((rest % 0x80) + 0x80)
    rest = Math.floor(rest / 0x80)
  }
  bytes.push(rest)
}

/** Reads one thing after the other, each `undefined` if it is not there. */
class Reader {
  at: number
  readonly #bytes: Uint8Array

  constructor(bytes: Uint8Array, at: number) {
    this.#bytes = bytes
    this.at = at
  }

  blob(): StoredBlob | undefined {
    const hash = this.#bytes.subarray(this.at, this.at + hashBytes)
    this.at += hashBytes
    const size = this.size()
    return size === undefined ? undefined : { hash: Buffer.from(hash).toString('hex'), size }
  }

  size(): number | undefined {
    let size = 0
    for (let i = 0; i < sizeBytesMax; i++) {
      const byte = this.#bytes[this.at++]
      if (byte === undefined) return undefined
      size += (byte & 0x7f) * 2 ** (7 * i)
      if (byte < 0x80) return Number.isSafeInteger(size) ? size : undefined
    }
    return undefined
  }
}
