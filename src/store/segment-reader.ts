import { crc32 } from 'node:zlib'
import type { Lsn, StorageId } from '../core/ids.ts'
import {
  entryHeaderBytes,
  entryMagic,
  readEntryHeader,
  readSegmentHeader,
  segmentHeaderBytes,
  storeFormat,
  type EntryHeader,
  type Position,
} from './journal-format.ts'

/** Why a segment could not be read to its end. */
export interface Fault {
  /**
   * `incomplete`: the file ends within what is so far a proper entry, as after a killed write;
   * `damaged`: bytes are there and wrong; `version`: of the newer format that `problem` names.
   */
  readonly kind: 'incomplete' | 'damaged' | 'version'
  readonly problem: string
}

/** An entry as it lies in a segment. */
export interface StoredBytes {
  readonly lsn: Lsn
  /** A view of the segment's bytes. */
  readonly body: Buffer
}

/** Reads the entries of one segment in order and believes nothing that it cannot check. */
export class SegmentReader {
  readonly #bytes: Buffer
  #position: Position
  #offset = 0
  #durable: Lsn = 0
  #fault: Fault | undefined

  /** Reads the segment that follows `before` in the journal of a storage. */
  constructor(bytes: Buffer, storageId: StorageId, before: Position) {
    this.#bytes = bytes
    this.#position = before
    this.#fault = this.#begin(storageId)
  }

  /** The last good entry. */
  get position(): Position {
    return this.#position
  }

  /** Where the last good entry ends, in bytes; 0 if the segment's header is not good. */
  get offset(): number {
    return this.#offset
  }

  /** Highest durable lsn that the headers read so far name. */
  get durable(): Lsn {
    return this.#durable
  }

  /** What ended the reading, or `undefined` while all was well. */
  get fault(): Fault | undefined {
    return this.#fault
  }

  /** The next entry, or `undefined` at the end or at a fault. */
  next(): StoredBytes | undefined {
    if (this.#fault !== undefined || this.#offset === this.#bytes.byteLength) return undefined
    const start = this.#offset
    const left = this.#bytes.byteLength - start
    if (left < entryHeaderBytes) {
      const ours = Math.min(left, entryMagic.byteLength)
      const torn = entryMagic.compare(this.#bytes, start, start + ours, 0, ours) === 0
      return this.#fail(torn ? 'incomplete' : 'damaged', 'has an incomplete header')
    }
    const header = readEntryHeader(this.#bytes, start)
    if (header === undefined) return this.#fail('damaged', 'has a damaged header')
    const misfit = this.#misfit(header)
    if (misfit !== undefined) return this.#fail('damaged', misfit)
    if (left - entryHeaderBytes < header.bodyBytes) {
      return this.#fail('incomplete', 'is cut off')
    }
    const end = start + entryHeaderBytes + header.bodyBytes
    const body = this.#bytes.subarray(start + entryHeaderBytes, end)
    if (crc32(body) !== header.bodyCrc) return this.#fail('damaged', 'has a damaged body')
    this.#offset = end
    this.#position = { lsn: header.lsn, chain: header.crc }
    this.#durable = Math.max(this.#durable, header.durable)
    return { lsn: header.lsn, body }
  }

  #begin(storageId: StorageId): Fault | undefined {
    if (this.#bytes.byteLength < segmentHeaderBytes) {
      return { kind: 'incomplete', problem: 'the segment has an incomplete header' }
    }
    const header = readSegmentHeader(this.#bytes)
    if (header === undefined) {
      return { kind: 'damaged', problem: 'the segment has a damaged header' }
    }
    if (header.format > storeFormat) return { kind: 'version', problem: String(header.format) }
    if (header.storageId !== storageId) {
      return { kind: 'damaged', problem: 'the segment belongs to another data directory' }
    }
    const { lsn, chain } = this.#position
    if (header.firstLsn !== lsn + 1 || header.chain !== chain) {
      return { kind: 'damaged', problem: 'the segment does not continue the one before' }
    }
    this.#offset = segmentHeaderBytes
    return undefined
  }

  #misfit(header: EntryHeader): string | undefined {
    if (header.lsn !== this.#position.lsn + 1) return `is entry ${header.lsn}`
    if (header.previous !== this.#position.chain) return 'does not continue the one before'
    return undefined
  }

  #fail(kind: Fault['kind'], what: string): undefined {
    this.#fault = { kind, problem: `entry ${this.#position.lsn + 1} ${what}` }
  }
}

/**
 * Highest durable lsn that any intact entry header behind an offset names. What lies behind
 * damage tells whether the damaged bytes had been synced.
 */
export function durableBehind(bytes: Buffer, offset: number): Lsn {
  let durable = 0
  let at = bytes.indexOf(entryMagic, offset)
  while (at >= 0 && at + entryHeaderBytes <= bytes.byteLength) {
    const header = readEntryHeader(bytes, at)
    if (header !== undefined) durable = Math.max(durable, header.durable)
    at = bytes.indexOf(entryMagic, at + 1)
  }
  return durable
}

/** Entries of a segment that are whole, in the order of the file, whatever lies between them. */
export function* wholeEntries(bytes: Buffer): Generator<StoredBytes> {
  let at = bytes.indexOf(entryMagic)
  while (at >= 0 && at + entryHeaderBytes <= bytes.byteLength) {
    const header = readEntryHeader(bytes, at)
    const start = at + entryHeaderBytes
    const end = start + (header?.bodyBytes ?? 0)
    const body = bytes.subarray(start, end)
    const isWhole = header !== undefined && end <= bytes.byteLength
    const isGood = isWhole && crc32(body) === header.bodyCrc
    if (isGood) yield { lsn: header.lsn, body }
    at = bytes.indexOf(entryMagic, isGood ? end : at + 1)
  }
}
