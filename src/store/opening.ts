import type { Opened } from '../driver/ports.ts'
import { Checkpoints } from './checkpoints.ts'
import { identify, lockDirectory, type Layout } from './directory.ts'
import type { Durability } from './entry-codec.ts'
import { StoreCorruptError } from './errors.ts'
import { Head, readHead, type HeadState } from './head.ts'
import { Journal } from './journal.ts'
import { genesis } from './journal-format.ts'
import { openingError } from './opening-error.ts'
import { recoverJournal } from './recovery.ts'
import type { Level, System } from './system.ts'

export interface OpeningInit {
  readonly system: System
  readonly layout: Layout
  readonly durability: Durability
  readonly segmentBytes: number
}

/** The parts of a store that is open. */
export interface OpenParts {
  readonly opened: Opened
  readonly level: Level
  readonly checkpoints: Checkpoints
  readonly journal: Journal
  readonly head: Head
}

/** Locks a data directory, verifies everything in it, and only then repairs and writes. */
export async function openDirectory(init: OpeningInit): Promise<OpenParts> {
  const { system, layout } = init
  let level: Level | undefined
  try {
    level = await lockDirectory(system, layout)
    return await openLocked(init, level)
  } catch (error) {
    await level?.close()
    throw openingError(layout.dataDir, error)
  }
}

async function openLocked(init: OpeningInit, level: Level): Promise<OpenParts> {
  const { system, layout, durability, segmentBytes } = init
  const { dataDir } = layout
  const storageId = await identify(system, layout, { level, durability })
  const state = soundHead(layout)
  const bootId = system.bootId()
  const checkpoints = new Checkpoints(level, dataDir, storageId)
  const manifest = await checkpoints.load()
  const recovered = await recoverJournal({
    dataDir,
    journalDir: layout.journal,
    storageId,
    start: manifest?.start ?? genesis(storageId),
    checkpointLsn: manifest?.lsn ?? 0,
    head: state,
    bootId,
  })
  await checkpoints.sweep()

  const journalDir = layout.journal
  const journal = new Journal({ system, journalDir, storageId, segmentBytes, recovered })
  const { last } = recovered
  try {
    const next: HeadState = { durable: last, durability, bootId, clean: false, failed: false }
    const head = Head.begin(system, layout.head, next)
    const intact = state.clean || (bootId !== '' && bootId === state.bootId)
    return { opened: { storageId, lsn: last.lsn, intact }, level, checkpoints, journal, head }
  } catch (error) {
    journal.close()
    throw error
  }
}

/** The head of a directory whose journal can be trusted. */
export function soundHead({ dataDir, head }: Layout): HeadState {
  const state = readHead(head)
  if (state === undefined) {
    throw new StoreCorruptError(dataDir, 'its file journal/head is missing or damaged')
  }
  if (state.outdated === true) {
    throw new StoreCorruptError(dataDir, 'other nodes have seen more of its journal than there is')
  }
  // The kernel drops what it could not write, so a later sync would say that all is well.
  if (state.failed) {
    throw new StoreCorruptError(dataDir, 'the disk failed to sync what was written to it')
  }
  return state
}
