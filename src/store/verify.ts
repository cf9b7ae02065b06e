import { existsSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { Checkpoints } from './checkpoints.ts'
import { identify, lockDirectory, type Layout } from './directory.ts'
import { StoreCorruptError } from './errors.ts'
import { genesis, parseSegmentName } from './journal-format.ts'
import { soundHead } from './opening.ts'
import { openingError } from './opening-error.ts'
import { recoverJournal } from './recovery.ts'
import { nodeSystem, type Level } from './system.ts'

/**
 * Verifies what a store verifies when it opens, and changes nothing but the LevelDB that the
 * layout names: give it a copy. False for a directory that is not in use yet.
 *
 * @throws {StoreCorruptError} Something that was durable is missing or changed.
 * @throws {StoreVersionError} A newer version wrote it.
 */
export async function verifyDirectory(layout: Layout): Promise<boolean> {
  const { dataDir, journal } = layout
  if (!existsSync(layout.identity)) {
    const names = existsSync(journal) ? await readdir(journal) : []
    if (names.every(name => parseSegmentName(name) === undefined)) return false
    throw new StoreCorruptError(dataDir, 'its file meshwork.json is missing')
  }
  let level: Level | undefined
  try {
    level = await lockDirectory(nodeSystem, layout)
    const storageId = await identify(nodeSystem, layout, { level, durability: 'disk' })
    const head = soundHead(layout)
    const manifest = await new Checkpoints(level, dataDir, storageId).load()
    await recoverJournal({
      dataDir,
      journalDir: journal,
      storageId,
      start: manifest?.start ?? genesis(storageId),
      checkpointLsn: manifest?.lsn ?? 0,
      head,
      bootId: nodeSystem.bootId(),
    })
    return true
  } catch (error) {
    throw openingError(dataDir, error)
  } finally {
    await level?.close()
  }
}
