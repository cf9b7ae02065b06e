import { execFile } from 'node:child_process'
import { constants, type Dirent, existsSync } from 'node:fs'
import { access, cp, mkdtemp, open, readdir, readFile, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { asError } from '../errors.ts'
import { verifyDirectory } from '../store/verify.ts'
import { layoutOf, type Layout } from '../store/directory.ts'
import { setAsideIn, type SetAside } from '../store/set-aside.ts'

/** A data directory, looked at from outside. */
export interface DataDirFacts {
  readonly dataDir: string
  /**
   * `new`: nothing is in it yet. `live`: a node has it open. `sound`: a node would start on it.
   * `unread`: too large to be verified here, or it cannot be known whether a node has it open.
   */
  readonly state: 'new' | 'live' | 'sound' | 'unread' | 'failed'
  /** The process that has it open, where it is known. */
  readonly holder?: number | undefined
  readonly error?: Error | undefined
  /** Storages in it that have lost something and are not used any more, the last first. */
  readonly setAside?: readonly SetAside[] | undefined
}

/** Largest journal that is read, and largest LevelDB that is copied, in bytes. */
const journalBytesMax = 256 * 2 ** 20
const levelBytesMax = 64 * 2 ** 20
/** Longest table of locks that is read, in bytes. */
const locksBytesMax = 1 << 20

/** Finds out whether a node could start on a data directory, and changes nothing in it. */
export async function readDataDir(dataDir: string, signal: AbortSignal): Promise<DataDirFacts> {
  const layout = layoutOf(dataDir)
  const facts = { dataDir: layout.dataDir, setAside: setAsideIn(dataDir) }
  if (!existsSync(layout.dataDir)) return { ...facts, state: 'new' }
  try {
    if (!(await stat(layout.dataDir)).isDirectory()) {
      throw Object.assign(new Error('it is not a folder'), { code: 'ENOTDIR' })
    }
    await access(layout.dataDir, constants.R_OK | constants.W_OK | constants.X_OK)
    const holder = await holderOf(join(layout.level, 'LOCK'), signal)
    if (typeof holder === 'number') return { ...facts, state: 'live', holder }
    const key = join(layout.dataDir, 'peer.key')
    if (existsSync(key)) await (await import('../libp2p/identity.ts')).loadIdentity(key)
    if (holder === 'unknown') return { ...facts, state: 'unread' }
    const journalBytes = await sizeOf(layout.journal)
    const levelBytes = await sizeOf(layout.level)
    if (journalBytes > journalBytesMax || levelBytes > levelBytesMax) {
      return { ...facts, state: 'unread' }
    }
    return { ...facts, state: (await verifyCopy(layout)) ? 'sound' : 'new' }
  } catch (error) {
    return { ...facts, state: 'failed', error: asError(error) }
  }
}

/** Opens a copy of LevelDB beside the journal as it is: opening LevelDB writes to it. */
async function verifyCopy(layout: Layout): Promise<boolean> {
  const folder = await mkdtemp(join(tmpdir(), 'meshwork-doctor-'))
  try {
    const level = join(folder, 'level')
    if (existsSync(layout.level)) await cp(layout.level, level, { recursive: true })
    return await verifyDirectory({ ...layout, level })
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

async function sizeOf(folder: string): Promise<number> {
  const entries: readonly Dirent[] = await readdir(folder, { withFileTypes: true }).catch(() => [])
  const sizes = await Promise.all(
    entries
      .filter(entry => entry.isFile())
      .map(({ name }) =>
        stat(join(folder, name)).then(
          ({ size }) => size,
          () => 0,
        ),
      ),
  )
  return sizes.reduce((sum, size) => sum + size, 0)
}

/** The process that has locked a file, 0 if it is not known which; `undefined` if none has. */
async function holderOf(
  lock: string,
  signal: AbortSignal,
): Promise<number | 'unknown' | undefined> {
  if (!existsSync(lock)) return undefined
  try {
    if (process.platform === 'linux') {
      const { ino } = await stat(lock)
      const table = await readFile('/proc/locks', { encoding: 'utf8', signal })
      return parseLocks(table.slice(0, locksBytesMax), ino)
    }
    if (process.platform === 'win32') return await heldOnWindows(lock)
    const { stdout } = await promisify(execFile)('lsof', ['-t', '--', lock], { signal }).catch(
      // It fails with nothing on stdout where nobody has the file open.
      (error: unknown) => {
        if (error instanceof Error && 'code' in error && error.code === 1) return { stdout: '' }
        throw error
      },
    )
    return Number.parseInt(stdout, 10) || undefined
  } catch {
    return 'unknown'
  }
}

/** The holder of a lock on a file of this inode, in Linux's table of locks. */
export function parseLocks(table: string, inode: number): number | undefined {
  for (const line of table.split('\n')) {
    const [, , , , pid, file] = line.trim().split(/\s+/)
    if (file?.split(':')[2] === String(inode)) return Math.max(0, Number(pid) || 0)
  }
  return undefined
}

// LevelDB opens the file there so that nobody else can.
async function heldOnWindows(lock: string): Promise<number | undefined> {
  try {
    const file = await open(lock, 'r+')
    await file.close()
    return undefined
  } catch {
    return 0
  }
}
