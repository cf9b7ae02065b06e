import { randomBytes } from 'node:crypto'
import { mkdtemp, open, rm, stat, statfs } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { type Finding, ok, problem, warning } from './finding.ts'

/** The disk that a data directory is on. */
export interface DiskFacts {
  /** The folder that was looked at: the data directory, or the nearest one above it. */
  readonly folder: string
  readonly freeBytes: number
  /** Files that can still be made; `undefined` where the file system does not count them. */
  readonly freeFiles: number | undefined
  /** As `statfs` tells it. */
  readonly fileSystemType: number
  /** Median time of a sync, in milliseconds, or why it could not be measured. */
  readonly syncMs: number | undefined
  readonly syncFailed: string | undefined
}

/** Under this much a node fails soon; under that, when a queue grows. */
const freeBytesMin = 100 * 2 ** 20
const freeBytesWanted = 2 ** 30
const freeFilesMin = 1_000

/** Each publish and each outcome waits for one sync at each voter. */
const syncMsMax = 20

const syncs = 20
/** Bytes of each write: about that of one turn with a few tasks. */
const syncBytes = 4_096

/** What is known of file systems of Linux that are not a plain local disk, by their magic number. */
const network = 'a network file system, whose locks and syncs may not hold'
const shared = 'a folder shared from outside, whose locks and syncs may not hold'
const fileSystems: Readonly<Record<number, string>> = {
  0x6969: network,
  0x517b: network,
  0xff534d42: network,
  0xfe534d42: network,
  0x5346414f: network,
  0x00c36400: network,
  0x0bd00bd0: network,
  0x65735546: 'FUSE, whose locks and syncs may not hold',
  0x01021997: shared,
  0x786f4256: shared,
  0xbacbacbc: shared,
  0x01021994: 'in memory (tmpfs), and gone when the machine restarts',
  0x858458f6: 'in memory (ramfs), and gone when the machine restarts',
  0x794c7630: 'a layer of a container, and gone with it',
}

/** Whether there is room, and syncs are fast and real. */
export function checkDisk(facts: DiskFacts): Finding[] {
  return [...checkRoom(facts), ...checkSync(facts), ...checkFileSystem(facts)]
}

function checkRoom({ folder, freeBytes, freeFiles }: DiskFacts): Finding[] {
  const mebibytes = Math.floor(freeBytes / 2 ** 20)
  const remedy = 'free some space, or choose another place with --data'
  const message = `${mebibytes} MiB are free in ${folder}`
  if (freeFiles !== undefined && freeFiles < freeFilesMin) {
    return [problem('disk', `only ${freeFiles} more files can be made in ${folder}`, remedy)]
  }
  if (freeBytes < freeBytesMin) return [problem('disk', `only ${message}`, remedy)]
  if (freeBytes < freeBytesWanted) return [warning('disk', `only ${message}`, remedy)]
  return [ok('disk', message)]
}

function checkSync({ folder, syncMs, syncFailed }: DiskFacts): Finding[] {
  if (syncMs === undefined) {
    const remedy = `make ${folder} writable for this user, or choose another place with --data`
    return [problem('fsync', `nothing can be written to ${folder}: ${syncFailed}`, remedy)]
  }
  const message = `a sync takes ${syncMs.toFixed(1)} ms in ${folder}`
  if (syncMs <= syncMsMax) return [ok('fsync', message)]
  const remedy =
    'put the data directory on an SSD; or, where losing the last tasks in a power cut is fine, ' +
    "use durability: 'process'"
  return [warning('fsync', `${message}, and every publish waits for some`, remedy)]
}

function checkFileSystem({ folder, fileSystemType }: DiskFacts): Finding[] {
  const kind = fileSystems[fileSystemType]
  if (kind === undefined) return []
  const remedy = 'put the data directory on a local disk; in a container, on a volume'
  return [warning('file-system', `${folder} is ${kind}`, remedy)]
}

/** Looks at the disk and syncs a small file, which it removes, some times. */
export async function readDisk(dataDir: string, signal: AbortSignal): Promise<DiskFacts> {
  const folder = await nearestFolder(resolve(dataDir))
  const { bavail, bsize, files, ffree, type } = await statfs(folder)
  const syncing = await syncTime(folder, signal)
  return {
    folder,
    freeBytes: bavail * bsize,
    freeFiles: files > 0 ? ffree : undefined,
    fileSystemType: type,
    syncMs: typeof syncing === 'number' ? syncing : undefined,
    syncFailed: typeof syncing === 'number' ? undefined : syncing,
  }
}

/** The folder itself, or the nearest above it that exists. */
async function nearestFolder(path: string): Promise<string> {
  const there = await stat(path).then(
    stats => stats.isDirectory(),
    () => false,
  )
  const above = dirname(path)
  return there || above === path ? path : nearestFolder(above)
}

/** The median in milliseconds, or what went wrong. */
async function syncTime(folder: string, signal: AbortSignal): Promise<number | string> {
  let place: string | undefined
  try {
    place = await mkdtemp(join(folder, '.meshwork-doctor-'))
    await using file = await open(join(place, 'sync'), 'wx', 0o600)
    const times: number[] = []
    const bytes = randomBytes(syncBytes)
    for (let index = 0; index < syncs && !signal.aborted; index++) {
      await file.write(bytes)
      const start = performance.now()
      await file.datasync()
      times.push(performance.now() - start)
    }
    return times.toSorted((a, b) => a - b)[times.length >> 1] ?? 'there was no time for it'
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  } finally {
    if (place !== undefined) await rm(place, { recursive: true, force: true })
  }
}
