import type { Lsn, StorageId } from '../core/ids.ts'
import {
  entryHeaderBytes,
  segmentHeaderBytes,
  writeEntryHeader,
  writeSegmentHeader,
  type Position,
} from './journal-format.ts'

/** Above this a buffer is given back after its write, in bytes. */
const keptBytesMax = 4 * 2 ** 20

/** Lays out what one append writes in one reused buffer, so that it is one write. */
export class FrameBuffer {
  #buffer = Buffer.allocUnsafeSlow(64 * 1024)

  /**
   * The bytes of entries after `before`, valid until the next call, and where they end. With a
   * segment's header in front if `storageId` is given.
   */
  lay(
    bodies: readonly Uint8Array[],
    before: Position,
    { durable, storageId }: { durable: Lsn; storageId: StorageId | undefined },
  ): { bytes: Buffer; last: Position } {
    let length = storageId === undefined ? 0 : segmentHeaderBytes
    for (const body of bodies) length += entryHeaderBytes + body.byteLength
    const buffer = this.#room(length)

    let at = 0
    if (storageId !== undefined) {
      writeSegmentHeader(buffer, 0, storageId, before)
      at = segmentHeaderBytes
    }
    let last = before
    for (const body of bodies) {
      const chain = writeEntryHeader(buffer, at, { body, before: last, durable })
      buffer.set(body, at + entryHeaderBytes)
      at += entryHeaderBytes + body.byteLength
      last = { lsn: last.lsn + 1, chain }
    }
    return { bytes: buffer.subarray(0, length), last }
  }

  #room(length: number): Buffer {
    if (length > keptBytesMax) return Buffer.allocUnsafe(length)
    if (length > this.#buffer.byteLength) {
      this.#buffer = Buffer.allocUnsafeSlow(2 ** Math.ceil(Math.log2(length)))
    }
    return this.#buffer
  }
}
