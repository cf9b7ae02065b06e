import { createHash } from 'node:crypto'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, dirname, join, resolve } from 'node:path'

/**
 * Longest path that a unix domain socket may have on every system, in bytes: Linux allows 108 and
 * macOS 104, with the zero at the end.
 */
const socketPathBytesMax = 103

/** Names the socket when it could not lie in the data directory itself. */
const pointerFile = 'control.path'
const folderPrefix = 'meshwork-'
const socketName = 'control.sock'

/**
 * Makes room for a socket on which a node with this data directory can listen for commands. Only
 * for the node that holds the directory: it removes what an earlier process left behind.
 */
export async function makeControlPath(dataDir: string): Promise<string> {
  await removeControlPath(dataDir)
  const direct = directPath(dataDir)
  if (fits(direct)) return direct

  // A folder of our own, so that nobody else on the machine reaches the socket.
  const path = join(await mkdtemp(join(tmpdir(), folderPrefix)), socketName)
  await writeFile(join(dataDir, pointerFile), path, { mode: 0o600 })
  return path
}

/** Where a node with this data directory listens for commands, if one is running. */
export async function findControlPath(dataDir: string): Promise<string> {
  const direct = directPath(dataDir)
  if (fits(direct)) return direct
  const pointed = await readFile(join(dataDir, pointerFile), 'utf8').catch(() => direct)
  return pointed.trim()
}

/** Removes what `makeControlPath` made. */
export async function removeControlPath(dataDir: string): Promise<void> {
  if (process.platform === 'win32') return
  const path = await findControlPath(dataDir)
  const folder = dirname(path)
  // The pointer is a file that anything may have written: only a folder of ours goes.
  const ours = dirname(folder) === tmpdir() && basename(folder).startsWith(folderPrefix)
  if (path === directPath(dataDir)) await rm(path, { force: true })
  else if (ours) await rm(folder, { recursive: true, force: true })
  await rm(join(dataDir, pointerFile), { force: true })
}

function directPath(dataDir: string): string {
  const folder = resolve(dataDir)
  if (process.platform !== 'win32') return join(folder, socketName)
  // Windows keeps pipes in a namespace of their own, not in folders.
  const name = createHash('sha256').update(folder.toLowerCase()).digest('hex').slice(0, 32)
  return `\\\\.\\pipe\\meshwork-${name}`
}

function fits(path: string): boolean {
  return process.platform === 'win32' || Buffer.byteLength(path) <= socketPathBytesMax
}
