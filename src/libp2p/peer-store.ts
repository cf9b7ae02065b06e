import { mkdir, rm } from 'node:fs/promises'
import type { Logger } from '@libp2p/interface'
import { LevelDatastore } from 'datastore-level'
import { DataDirInUseError } from './errors.ts'
import { toError } from './failures.ts'

/**
 * The store in which libp2p keeps what it knows of peers. It is a cache, so one that is damaged
 * is begun anew.
 *
 * @throws {DataDirInUseError} Another process has it open.
 */
export async function openPeerStore(path: string, log: Logger): Promise<LevelDatastore> {
  await mkdir(path, { recursive: true })
  try {
    return await open(path)
  } catch (error) {
    if (isLocked(error)) throw new DataDirInUseError(path, { cause: error })
    log.error('peer store in %s is damaged and begun anew - %s', path, toError(error).message)
    await rm(path, { recursive: true, force: true })
    return await open(path)
  }
}

async function open(path: string): Promise<LevelDatastore> {
  const datastore = new LevelDatastore(path)
  // Opened below the datastore, which keeps only the text of what goes wrong.
  await datastore.db.open({ createIfMissing: true, compression: false })
  await datastore.open()
  return datastore
}

function isLocked(error: unknown): boolean {
  const cause = toError(error).cause
  return cause instanceof Error && 'code' in cause && cause.code === 'LEVEL_LOCKED'
}
