import * as fs from 'node:fs'
import { join } from 'node:path'
import type { Lsn, StorageId } from '../core/ids.ts'
import { FrameBuffer } from './frame-buffer.ts'
import { segmentName, type Position } from './journal-format.ts'
import type { Recovered, SegmentFile } from './recovery.ts'
import { writeAll, type System } from './system.ts'

export interface JournalInit {
  readonly system: System
  readonly journalDir: string
  readonly storageId: StorageId
  /** Size at which a segment is followed by another one, in bytes. */
  readonly segmentBytes: number
  readonly recovered: Recovered
}

/** A segment, open while it may hold what has not been synced. */
interface Segment extends SegmentFile {
  readonly fd: number
  bytes: number
  dirty: boolean
  open: boolean
}

/** The append-only files that hold a node's entries since its last checkpoint. */
export class Journal {
  readonly #init: JournalInit
  readonly #frames = new FrameBuffer()
  readonly #directoryFd: number
  readonly #segments: Segment[] = []
  #active: Segment | undefined
  #last: Position
  #bytes = 0
  #directoryDirty = false
  /** Descriptors of removed segments that a sync in flight may still use. */
  readonly #orphans: number[] = []
  #syncing = false

  /** Makes what was recovered durable, cuts what was torn, and goes on behind it. */
  constructor(init: JournalInit) {
    const { system, journalDir, recovered } = init
    this.#init = init
    this.#last = recovered.last
    for (const path of recovered.remove) system.unlink(path)
    if (recovered.cut !== undefined) system.truncate(recovered.cut.path, recovered.cut.bytes)
    this.#directoryFd = fs.openSync(journalDir, 'r')
    try {
      for (const file of recovered.segments) this.#takeOver(file)
      system.syncNow(this.#directoryFd)
      const last = this.#segments.at(-1)
      if (last !== undefined && last.bytes < init.segmentBytes) this.#active = last
      for (const segment of this.#segments) this.#closeIfDone(segment)
    } catch (error) {
      this.close()
      throw error
    }
  }

  /** The last entry written. */
  get last(): Position {
    return this.#last
  }

  /** Size of all segments, in bytes. */
  get bytes(): number {
    return this.#bytes
  }

  /** The files as they are now, for reading. */
  files(): SegmentFile[] {
    return this.#segments.map(({ path, before, bytes }) => ({ path, before, bytes }))
  }

  /**
   * Appends with one write. Throws if that fails: what it had written of them will be cut off
   * by the next recovery, and nothing may be appended any more.
   */
  append(bodies: readonly Uint8Array[], durable: Lsn): void {
    const { system, storageId, segmentBytes } = this.#init
    const fresh = this.#active === undefined
    const { bytes, last } = this.#frames.lay(bodies, this.#last, {
      durable,
      storageId: fresh ? storageId : undefined,
    })
    const segment = this.#active ?? this.#create()
    writeAll(system, segment.fd, bytes)
    segment.dirty = true
    segment.bytes += bytes.byteLength
    this.#bytes += bytes.byteLength
    this.#last = last
    if (segment.bytes >= segmentBytes) this.roll()
  }

  /** Ends the segment in use; the next append begins another one. */
  roll(): void {
    this.#active = undefined
  }

  /** Where the journal would begin if everything up to an lsn were cut off. */
  startAfter(lsn: Lsn): Position {
    let start = this.#last
    for (const [index, { before }] of this.#segments.entries()) {
      const end = this.#segments[index + 1]?.before ?? this.#last
      if (end.lsn > lsn) {
        start = before
        break
      }
    }
    return start
  }

  /** Removes the segments before a start given by `startAfter`. */
  cut(start: Position): void {
    for (
      let first = this.#segments[0];
      first !== undefined && first !== this.#active && first.before.lsn < start.lsn;
      first = this.#segments[0]
    ) {
      this.#init.system.unlink(first.path)
      this.#segments.shift()
      this.#bytes -= first.bytes
      this.#directoryDirty = true
      if (first.open && this.#syncing) this.#orphans.push(first.fd)
      else if (first.open) fs.closeSync(first.fd)
    }
  }

  /** Makes durable what was written before the call. One at a time. */
  async sync(): Promise<void> {
    const dirty = this.#segments.filter(segment => segment.dirty)
    const syncDirectory = this.#directoryDirty
    for (const segment of dirty) segment.dirty = false
    this.#directoryDirty = false
    this.#syncing = true
    try {
      for (const { fd } of dirty) await this.#syncOne(fd)
      if (syncDirectory) await this.#syncOne(this.#directoryFd)
    } finally {
      this.#syncing = false
      for (const fd of this.#orphans.splice(0)) fs.closeSync(fd)
    }
    for (const segment of this.#segments) this.#closeIfDone(segment)
  }

  /** Closes the files without syncing them. */
  close(): void {
    for (const segment of this.#segments) {
      if (segment.open) fs.closeSync(segment.fd)
      segment.open = false
    }
    fs.closeSync(this.#directoryFd)
  }

  // Whatever a killed process left in the page cache counts as durable from now on.
  #takeOver({ path, before, bytes }: SegmentFile): void {
    const fd = fs.openSync(path, 'a')
    const segment: Segment = { path, before, bytes, fd, dirty: false, open: true }
    this.#segments.push(segment)
    this.#bytes += bytes
    this.#init.system.syncNow(fd)
  }

  #create(): Segment {
    const path = join(this.#init.journalDir, segmentName(this.#last.lsn + 1))
    const fd = fs.openSync(path, 'ax', 0o600)
    const segment: Segment = { path, before: this.#last, bytes: 0, fd, dirty: true, open: true }
    this.#segments.push(segment)
    this.#active = segment
    this.#directoryDirty = true
    return segment
  }

  #closeIfDone(segment: Segment): void {
    if (segment === this.#active || segment.dirty || !segment.open) return
    fs.closeSync(segment.fd)
    segment.open = false
  }

  #syncOne(fd: number): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#init.system.sync(fd, error => {
        if (error === null) resolve()
        else reject(error)
      })
    })
  }
}
