import { hash } from 'node:crypto'
import type { Lsn, StorageId } from '../core/ids.ts'
import type { Position } from './journal-format.ts'

/** What a checkpoint consists of. */
export interface Manifest {
  readonly format: number
  readonly storageId: StorageId
  readonly generation: number
  /** The checkpoint stands for all entries up to here. */
  readonly lsn: Lsn
  /** The journal's segments begin behind this entry. */
  readonly start: Position
  /** How many entries the pages hold. */
  readonly entries: number
  /** SHA-256 of each page, in hex. */
  readonly pages: readonly string[]
}

const digestBytes = 32
const manifestBytesMax = 64 * 2 ** 20

/** A manifest as a row: its own hash, then JSON. */
export function encodeManifest(manifest: Manifest): Uint8Array {
  const json = Buffer.from(JSON.stringify(manifest))
  return Buffer.concat([hash('sha256', json, 'buffer'), json])
}

/** Reads a row, or `undefined` if it is damaged. */
export function decodeManifest(row: Uint8Array): Manifest | undefined {
  if (row.byteLength < digestBytes || row.byteLength > manifestBytesMax) return undefined
  const json = row.subarray(digestBytes)
  if (!hash('sha256', json, 'buffer').equals(row.subarray(0, digestBytes))) return undefined
  // The hash is right, so these are the bytes that `encodeManifest` made.
  return JSON.parse(Buffer.from(json).toString('utf8')) as Manifest
}
