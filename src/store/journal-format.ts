import { crc32 } from 'node:zlib'
import type { Lsn, StorageId } from '../core/ids.ts'

/*
 * A segment is a header and entries, all numbers little-endian.
 *
 * Segment header, 48 bytes:
 *    0 magic (8)   8 format (4)   12 zero (4)   16 storage id (16)
 *   32 first lsn (8)   40 chain before it (4)   44 CRC of the 44 bytes above (4)
 *
 * Entry, 36 bytes and its body:
 *    0 magic (4)   4 body length (4)   8 lsn (8)   16 durable lsn when written (8)
 *   24 CRC of the body (4)   28 chain before it (4)   32 CRC of the 32 bytes above (4)
 *
 * The chain value of an entry is the CRC of its header. That covers the CRC of its body and the
 * chain value before, so it stands for the whole history: an entry that is missing, moved or
 * replaced does not fit to the next one. The first entry chains to the storage id.
 */

/** Newest format of a data directory that this code reads, and the one that it writes. */
export const storeFormat = 1

export const segmentHeaderBytes = 48
export const entryHeaderBytes = 36

/** Largest body of an entry, in bytes: bounds what a damaged length can ask for. */
export const maxEntryBytes = 64 * 2 ** 20

/** Largest segment that is read, in bytes. */
export const maxSegmentBytes = 2 ** 30

/** Opens every entry, so that headers can be found behind damage. */
export const entryMagic = Buffer.from('\u00abme\u00bb', 'latin1')

const segmentMagic = Buffer.from('MESHJRNL', 'latin1')
const entryMagicWord = entryMagic.readUInt32LE(0)

/** An entry's place in a journal, and the chain value that it ends with there. */
export interface Position {
  readonly lsn: Lsn
  readonly chain: number
}

export interface SegmentHeader {
  readonly format: number
  readonly storageId: StorageId
  readonly firstLsn: Lsn
  /** Chain value of the entry before the first one. */
  readonly chain: number
}

export interface EntryHeader {
  readonly bodyBytes: number
  readonly lsn: Lsn
  /** Highest lsn known to be durable when this entry was written. */
  readonly durable: Lsn
  readonly bodyCrc: number
  readonly previous: number
  /** CRC of the header, and the chain value after this entry. */
  readonly crc: number
}

/** Where the journal of a new storage begins. */
export function genesis(storageId: StorageId): Position {
  return { lsn: 0, chain: crc32(storageId) }
}

/** Writes a segment header for the entries after `before`. */
export function writeSegmentHeader(
  target: Buffer,
  at: number,
  storageId: StorageId,
  before: Position,
): void {
  segmentMagic.copy(target, at)
  target.writeUInt32LE(storeFormat, at + 8)
  target.writeUInt32LE(0, at + 12)
  target.write(storageId, at + 16, 16, 'hex')
  writeUint64(target, before.lsn + 1, at + 32)
  target.writeUInt32LE(before.chain, at + 40)
  target.writeUInt32LE(crc32(target.subarray(at, at + 44)), at + 44)
}

/** Reads a segment header, or `undefined` if it is damaged. The bytes must be there. */
export function readSegmentHeader(source: Buffer): SegmentHeader | undefined {
  if (!source.subarray(0, 8).equals(segmentMagic)) return undefined
  if (crc32(source.subarray(0, 44)) !== source.readUInt32LE(44)) return undefined
  return {
    format: source.readUInt32LE(8),
    storageId: source.toString('hex', 16, 32),
    firstLsn: readUint64(source, 32),
    chain: source.readUInt32LE(40),
  }
}

/** Writes an entry's header before its body; returns the chain value after it. */
export function writeEntryHeader(
  target: Buffer,
  at: number,
  entry: { body: Uint8Array; before: Position; durable: Lsn },
): number {
  target.writeUInt32LE(entryMagicWord, at)
  target.writeUInt32LE(entry.body.byteLength, at + 4)
  writeUint64(target, entry.before.lsn + 1, at + 8)
  writeUint64(target, entry.durable, at + 16)
  target.writeUInt32LE(crc32(entry.body), at + 24)
  target.writeUInt32LE(entry.before.chain, at + 28)
  const crc = crc32(target.subarray(at, at + 32))
  target.writeUInt32LE(crc, at + 32)
  return crc
}

/** Reads an entry's header, or `undefined` if it is damaged. The bytes must be there. */
export function readEntryHeader(source: Buffer, at: number): EntryHeader | undefined {
  if (source.readUInt32LE(at) !== entryMagicWord) return undefined
  const crc = source.readUInt32LE(at + 32)
  if (crc32(source.subarray(at, at + 32)) !== crc) return undefined
  const bodyBytes = source.readUInt32LE(at + 4)
  if (bodyBytes > maxEntryBytes) return undefined
  return {
    bodyBytes,
    lsn: readUint64(source, at + 8),
    durable: readUint64(source, at + 16),
    bodyCrc: source.readUInt32LE(at + 24),
    previous: source.readUInt32LE(at + 28),
    crc,
  }
}

/** File name of the segment that begins with an lsn; names sort in the order of the journal. */
export function segmentName(firstLsn: Lsn): string {
  return `${String(firstLsn).padStart(16, '0')}.seg`
}

/** The lsn in a segment's file name, or `undefined` if it is no segment. */
export function parseSegmentName(name: string): Lsn | undefined {
  const match = /^([0-9]{16})\.seg$/.exec(name)
  return match === null ? undefined : Number(match[1])
}

/** Writes a whole number below 2⁵³ into eight bytes. */
export function writeUint64(target: Buffer, value: number, at: number): void {
  target.writeUInt32LE(value >>> 0, at)
  target.writeUInt32LE(Math.floor(value / 2 ** 32), at + 4)
}

/** Reads a whole number from eight bytes. */
export function readUint64(source: Buffer, at: number): number {
  return source.readUInt32LE(at) + source.readUInt32LE(at + 4) * 2 ** 32
}
