import { readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Lsn, StorageId } from '../core/ids.ts'
import { StoreCorruptError, StoreVersionError } from './errors.ts'
import type { HeadState } from './head.ts'
import { maxSegmentBytes, parseSegmentName, storeFormat, type Position } from './journal-format.ts'
import { durableBehind, SegmentReader, type Fault } from './segment-reader.ts'

/** A file of the journal. */
export interface SegmentFile {
  readonly path: string
  /** The entry before its first one. */
  readonly before: Position
  /** Bytes of good entries and the header. */
  readonly bytes: number
}

/** What a journal holds, and what has to be done to it before it is appended to. */
export interface Recovered {
  readonly segments: readonly SegmentFile[]
  readonly last: Position
  /** A file of which only `bytes` are kept: what lies behind was never acknowledged. */
  readonly cut: { readonly path: string; readonly bytes: number } | undefined
  /** Files that hold nothing: covered by the checkpoint, or behind a cut. */
  readonly remove: readonly string[]
}

export interface RecoveryInit {
  readonly dataDir: string
  readonly journalDir: string
  readonly storageId: StorageId
  /** Where the journal begins, as the last checkpoint states it. */
  readonly start: Position
  /** The checkpoint covers entries up to here. */
  readonly checkpointLsn: Lsn
  readonly head: HeadState
  readonly bootId: string
}

interface Damage {
  readonly file: string
  readonly offset: number
  readonly lsn: Lsn
  readonly fault: Fault
  readonly lastFile: boolean
}

/**
 * Reads the whole journal and decides whether it is all there. Changes nothing.
 *
 * Damage is forgiven only where nobody can have relied on it: one incomplete entry at the very
 * end, left by a killed process; and, if the machine went down while writes were being synced,
 * whatever lies above the durable lsn. That lsn is the highest that the head or any intact entry
 * header names, those behind the damage included.
 *
 * @throws {StoreCorruptError} Anything else is missing or changed.
 * @throws {StoreVersionError} A segment has a newer format.
 */
export async function recoverJournal(init: RecoveryInit): Promise<Recovered> {
  const { storageId, start, head, journalDir } = init
  const found = await listSegments(journalDir)
  const covered = found.filter(({ firstLsn }) => firstLsn <= start.lsn)
  const files = found.slice(covered.length)
  const remove = covered.map(({ path }) => path)
  const segments: SegmentFile[] = []
  let last = start
  let durable = Math.max(head.durable.lsn, init.checkpointLsn)

  for (const [index, { path, name, firstLsn }] of files.entries()) {
    const before = last
    const bytes = await readSegment(init, path, name)
    const reader = new SegmentReader(bytes, storageId, before)
    const gap = firstLsn !== before.lsn + 1
    if (!gap) readAll(init, reader)
    const kept = gap ? 0 : reader.offset
    if (kept > 0) segments.push({ path, before, bytes: kept })
    last = reader.position
    durable = Math.max(durable, reader.durable)
    const fault = gap ? gapBefore(firstLsn, before) : reader.fault
    if (fault === undefined) continue

    const behind = files.slice(index + 1)
    durable = Math.max(durable, durableBehind(bytes, kept))
    for (const later of behind) {
      const bytes = await readSegment(init, later.path, later.name)
      durable = Math.max(durable, durableBehind(bytes, 0))
    }
    const damage = { file: name, offset: kept, lsn: last.lsn + 1, fault }
    refuseUnlessTorn(init, { ...damage, lastFile: behind.length === 0 }, durable)
    remove.push(...behind.map(({ path }) => path))
    if (kept === 0) remove.push(path)
    return checkEnd(init, {
      segments,
      last,
      cut: kept === 0 ? undefined : { path, bytes: kept },
      remove,
    })
  }
  return checkEnd(init, { segments, last, cut: undefined, remove })
}

function readAll(init: RecoveryInit, reader: SegmentReader): void {
  while (reader.next() !== undefined) checkHead(init, reader.position)
}

function refuseUnlessTorn(init: RecoveryInit, damage: Damage, durable: Lsn): void {
  const { head, bootId, dataDir } = init
  const { fault, file, offset, lsn } = damage
  if (fault.kind === 'version') {
    throw new StoreVersionError(dataDir, Number(fault.problem), storeFormat)
  }
  const known = lsn <= durable ? `, and entry ${durable} was durable` : ''
  const where = `${fault.problem} (journal/${file} at byte ${offset}${known})`
  if (lsn <= durable || head.clean) throw new StoreCorruptError(dataDir, where)

  const tornByKill = fault.kind === 'incomplete' && damage.lastFile
  // Only a machine that went down can lose or mix up what had been written but not synced.
  const samePageCache = bootId !== '' && bootId === head.bootId
  const tornByPowerLoss = head.durability === 'disk' && !samePageCache
  if (!tornByKill && !tornByPowerLoss) throw new StoreCorruptError(dataDir, where)
}

function checkHead(init: RecoveryInit, position: Position): void {
  const { durable } = init.head
  if (position.lsn !== durable.lsn || position.chain === durable.chain) return
  throw new StoreCorruptError(
    init.dataDir,
    `entry ${position.lsn} of the journal is not the one that was written`,
  )
}

function checkEnd(init: RecoveryInit, recovered: Recovered): Recovered {
  const { last } = recovered
  const { durable } = init.head
  const { dataDir, start, checkpointLsn } = init
  if (last.lsn < durable.lsn) {
    throw new StoreCorruptError(
      dataDir,
      `its journal ends at entry ${last.lsn}, but entry ${durable.lsn} was durable`,
    )
  }
  if (last.lsn < checkpointLsn) {
    throw new StoreCorruptError(
      dataDir,
      `its journal ends at entry ${last.lsn}, before its checkpoint at ${checkpointLsn}`,
    )
  }
  if (last === start) checkHead(init, last)
  return recovered
}

function gapBefore(firstLsn: Lsn, before: Position): Fault {
  return {
    kind: 'damaged',
    problem: `entry ${before.lsn + 1} is missing, the next segment begins with entry ${firstLsn}`,
  }
}

/** The segments in a journal's folder, in order. */
export async function listSegments(
  journalDir: string,
): Promise<{ path: string; name: string; firstLsn: Lsn }[]> {
  const files: { path: string; name: string; firstLsn: Lsn }[] = []
  for (const name of (await readdir(journalDir)).toSorted()) {
    const firstLsn = parseSegmentName(name)
    if (firstLsn !== undefined) files.push({ path: join(journalDir, name), name, firstLsn })
  }
  return files
}

async function readSegment(init: RecoveryInit, path: string, name: string): Promise<Buffer> {
  const { size } = await stat(path)
  if (size > maxSegmentBytes) {
    throw new StoreCorruptError(init.dataDir, `journal/${name} has ${size} bytes, too many`)
  }
  return readFile(path)
}
