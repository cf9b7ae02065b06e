import * as fs from 'node:fs'
import { readFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import type { StorageId } from '../core/ids.ts'
import { LossCount, type Losses } from '../core/losses.ts'
import type { Opened, SetAside } from '../driver/ports.ts'
import { Checkpoints } from './checkpoints.ts'
import { layoutOf, lockDirectory, readIdentity, type Layout } from './directory.ts'
import type { EntryCodec } from './entry-codec.ts'
import { StoreCorruptError } from './errors.ts'
import { maxSegmentBytes } from './journal-format.ts'
import { openDirectory, type OpeningInit, type OpenParts } from './opening.ts'
import { openingError } from './opening-error.ts'
import { unpackPage } from './pages.ts'
import { listSegments } from './recovery.ts'
import { wholeEntries } from './segment-reader.ts'
import { syncDirectory, writeAll, type Level, type System } from './system.ts'

/*
 * A storage that has lost something is moved into a folder of its own below `quarantined/` and
 * stays there: what is left of it may be of use to somebody, and to no node. `meshwork.json` is
 * moved last, so that whoever is interrupted in between goes on with it at the next start.
 */

export type { SetAside } from '../driver/ports.ts'

/** What is said of a storage that was set aside, beside its files. */
const noteName = 'quarantine.json'

/** Storages that are told of. */
const toldMax = 100

export interface SettingAsideInit extends OpeningInit {
  readonly codec: EntryCodec
}

/**
 * Opens a data directory. A storage in it that has lost something is set aside first, and another one
 * takes its place: a voter that forgot its votes must not vote, and another voter may.
 *
 * @throws {StoreCorruptError} It cannot be told whose storage that is, or of what version.
 */
export async function openOrSetAside(
  init: SettingAsideInit,
): Promise<OpenParts & { readonly opened: Opened }> {
  const { layout, system } = init
  const damaged = fs.existsSync(layout.identity) ? readIdentity(layout) : undefined
  try {
    return await openDirectory(init)
  } catch (error) {
    if (!(error instanceof StoreCorruptError) || damaged === undefined) throw error
    const guard = await lockQuarantine(system, layout)
    try {
      const { problem } = error
      // Another process may have been quicker, and runs on the new one.
      const isThere = readIdentity(layout) === damaged
      const setAside = isThere ? await setAsideStorage(init, damaged, problem) : undefined
      const parts = await openDirectory(init)
      return { ...parts, opened: { ...parts.opened, setAside } }
    } finally {
      await guard.close()
    }
  }
}

/** The storages of a data directory that were set aside, the last first. */
export function setAsideIn(dataDir: string): readonly SetAside[] {
  const root = quarantineOf(layoutOf(dataDir))
  if (!fs.existsSync(root)) return []
  const notes = fs.readdirSync(root).flatMap(name => readNote(join(root, name)) ?? [])
  return notes.toSorted((a, b) => (a.at < b.at ? 1 : -1)).slice(0, toldMax)
}

function quarantineOf({ dataDir }: Layout): string {
  return join(dataDir, 'quarantined')
}

/** The lock of the directory moves along with the storage, so that moving it needs another one. */
async function lockQuarantine(system: System, layout: Layout): Promise<Level> {
  const root = quarantineOf(layout)
  fs.mkdirSync(root, { recursive: true, mode: 0o700 })
  const guard = system.level(join(root, 'lock'), { createIfMissing: true })
  try {
    await guard.open()
  } catch (error) {
    throw openingError(layout.dataDir, error)
  }
  return guard
}

async function setAsideStorage(
  init: SettingAsideInit,
  storageId: StorageId,
  problem: string,
): Promise<SetAside> {
  const { system, layout } = init
  const folder = freeFolder(quarantineOf(layout), storageId)
  const losses = readNote(folder)?.losses ?? (await countLosses(init, storageId))
  const setAside = { storageId, problem, folder, at: new Date().toISOString(), losses }
  fs.mkdirSync(folder, { recursive: true, mode: 0o700 })
  writeNote(system, folder, setAside)
  for (const path of [layout.journal, layout.level, layout.identity]) {
    if (fs.existsSync(path)) fs.renameSync(path, join(folder, basename(path)))
    syncDirectory(system, folder)
    syncDirectory(system, layout.dataDir)
  }
  return setAside
}

/** The same storage may be set aside twice: somebody has put a copy of it back. */
function freeFolder(root: string, storageId: StorageId): string {
  for (let n = 1; ; n++) {
    const folder = join(root, n === 1 ? storageId : `${storageId}-${n}`)
    if (!fs.existsSync(join(folder, 'meshwork.json'))) return folder
  }
}

/** Counts what only this storage has kept, of all that can still be read of it. */
async function countLosses(
  { system, layout, codec }: SettingAsideInit,
  storageId: StorageId,
): Promise<Losses> {
  const count = new LossCount(storageId)
  const add = (body: Uint8Array): void => {
    try {
      count.add(codec.decode(body))
    } catch {
      // What cannot be read is not counted.
    }
  }
  const covered = await readCheckpoint(system, layout, storageId, add)
  const files = fs.existsSync(layout.journal) ? await listSegments(layout.journal) : []
  for (const { path } of files) {
    if (fs.statSync(path).size > maxSegmentBytes) continue
    for (const { lsn, body } of wholeEntries(await readFile(path))) {
      if (lsn > covered) add(new Uint8Array(body))
    }
  }
  return count.losses
}

/** Reads the pages of a checkpoint up to one that is damaged. Returns where the journal goes on. */
async function readCheckpoint(
  system: System,
  layout: Layout,
  storageId: StorageId,
  add: (body: Uint8Array) => void,
): Promise<number> {
  let level: Level | undefined
  try {
    level = await lockDirectory(system, layout)
    const checkpoints = new Checkpoints(level, layout.dataDir, storageId)
    const manifest = await checkpoints.load()
    for await (const page of checkpoints.pages()) for (const body of unpackPage(page)) add(body)
    return manifest?.lsn ?? 0
  } catch {
    return 0
  } finally {
    await level?.close()
  }
}

function writeNote(system: System, folder: string, note: SetAside): void {
  const fd = fs.openSync(join(folder, noteName), 'w', 0o600)
  try {
    writeAll(system, fd, Buffer.from(`${JSON.stringify(note, undefined, 2)}\n`))
    system.syncNow(fd)
  } finally {
    fs.closeSync(fd)
  }
}

function readNote(folder: string): SetAside | undefined {
  try {
    const { storageId, problem, at, losses } = JSON.parse(
      fs.readFileSync(join(folder, noteName), 'utf8'),
    ) as SetAside
    const { tasks, results, shared, unclear } = losses
    const counts = [tasks, results, shared, unclear]
    if ([storageId, problem, at].some(text => typeof text !== 'string')) return undefined
    if (!counts.every(Number.isSafeInteger)) return undefined
    return { storageId, problem, at, folder, losses }
  } catch {
    return undefined
  }
}
