import { randomBytes } from 'node:crypto'
import * as fs from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import type { StorageId } from '../core/ids.ts'
import type { Durability } from './entry-codec.ts'
import { StoreCorruptError, StoreVersionError } from './errors.ts'
import { Head } from './head.ts'
import { genesis, parseSegmentName, storeFormat } from './journal-format.ts'
import { syncDirectory, writeAll, type Level, type System } from './system.ts'

/** Where things are in a data directory. */
export interface Layout {
  readonly dataDir: string
  /** `{ "format": 1, "storageId": "…" }`; a directory without it is not in use yet. */
  readonly identity: string
  /** LevelDB: checkpoints. Its lock is the lock of the whole directory. */
  readonly level: string
  readonly journal: string
  readonly head: string
  /** Kept for the peer store of libp2p, a LevelDB of its own. */
  readonly peers: string
}

const identityBytesMax = 64 * 1024
const identityRow = 'identity'

/** The places in a data directory. */
export function layoutOf(dataDir: string): Layout {
  const root = resolve(dataDir)
  const journal = join(root, 'journal')
  return {
    dataDir: root,
    identity: join(root, 'meshwork.json'),
    level: join(root, 'level'),
    journal,
    head: join(journal, 'head'),
    peers: join(root, 'peers'),
  }
}

/**
 * Makes the directory if need be and takes its lock. Nothing but an empty LevelDB is written
 * before that.
 */
export async function lockDirectory(system: System, layout: Layout): Promise<Level> {
  const { dataDir } = layout
  // A newer version may lay out LevelDB in another way, so the version is asked first.
  const known = readIdentity(layout) !== undefined
  fs.mkdirSync(dataDir, { recursive: true, mode: 0o700 })
  if (known && !fs.existsSync(layout.level)) {
    throw new StoreCorruptError(dataDir, 'its folder level/ is missing')
  }
  const level = system.level(layout.level, { createIfMissing: !known })
  await level.open()
  return level
}

/** The storage in a locked directory, made if the directory is new. */
export async function identify(
  system: System,
  layout: Layout,
  { level, durability }: { level: Level; durability: Durability },
): Promise<StorageId> {
  const { dataDir } = layout
  const storageId = readIdentity(layout)
  if (storageId === undefined) return create(system, layout, { level, durability })
  const row = await level.get(identityRow)
  if (row === undefined || Buffer.from(row).toString() !== storageId) {
    throw new StoreCorruptError(dataDir, 'its folder level/ does not belong to meshwork.json')
  }
  if (!fs.existsSync(layout.journal)) {
    throw new StoreCorruptError(dataDir, 'its folder journal/ is missing')
  }
  return storageId
}

/** The storage that a data directory says it has; `undefined` if it is not in use yet. */
export function readIdentity({ dataDir, identity }: Layout): StorageId | undefined {
  if (!fs.existsSync(identity)) return undefined
  const damaged = (cause?: unknown): StoreCorruptError =>
    new StoreCorruptError(dataDir, 'its file meshwork.json is damaged', { cause })
  if (fs.statSync(identity).size > identityBytesMax) throw damaged()
  let value: unknown
  try {
    value = JSON.parse(fs.readFileSync(identity, 'utf8'))
  } catch (error) {
    throw damaged(error)
  }
  if (typeof value !== 'object' || value === null || !('format' in value)) throw damaged()
  const { format } = value
  if (typeof format !== 'number' || !Number.isInteger(format) || format < 1) throw damaged()
  if (format > storeFormat) throw new StoreVersionError(dataDir, format, storeFormat)
  const storageId = 'storageId' in value ? value.storageId : undefined
  if (typeof storageId !== 'string' || !/^[0-9a-f]{32}$/.test(storageId)) throw damaged()
  return storageId
}

// meshwork.json comes last: without it the directory is as good as empty, and may be made anew.
async function create(
  system: System,
  layout: Layout,
  { level, durability }: { level: Level; durability: Durability },
): Promise<StorageId> {
  const { dataDir, journal } = layout
  await refuseForeign(layout, level)
  const storageId = randomBytes(16).toString('hex')
  await level.put(identityRow, Buffer.from(storageId), { sync: true })
  fs.mkdirSync(journal, { recursive: true, mode: 0o700 })
  Head.begin(system, layout.head, {
    durable: genesis(storageId),
    durability,
    bootId: system.bootId(),
    clean: false,
    failed: false,
  }).close()
  syncDirectory(system, journal)
  writeIdentity(system, layout, storageId)
  syncDirectory(system, dataDir)
  syncDirectory(system, dirname(dataDir))
  return storageId
}

async function refuseForeign({ dataDir, journal }: Layout, level: Level): Promise<void> {
  const rows = await level.keys({ limit: 2 }).all()
  const names = fs.existsSync(journal) ? fs.readdirSync(journal) : []
  const segments = names.filter(name => parseSegmentName(name) !== undefined)
  if (segments.length > 0 || rows.some(row => row !== identityRow)) {
    throw new StoreCorruptError(dataDir, 'its file meshwork.json is missing')
  }
}

function writeIdentity(system: System, { identity }: Layout, storageId: StorageId): void {
  const draft = `${identity}.new`
  const fd = fs.openSync(draft, 'w', 0o600)
  try {
    const text = JSON.stringify({ format: storeFormat, storageId })
    writeAll(system, fd, Buffer.from(`${text}\n`))
    system.syncNow(fd)
  } finally {
    fs.closeSync(fd)
  }
  fs.renameSync(draft, identity)
}
