import { hash } from 'node:crypto'
import type { Lsn, StorageId } from '../core/ids.ts'
import { StoreCorruptError, StoreVersionError } from './errors.ts'
import { storeFormat, type Position } from './journal-format.ts'
import { decodeManifest, encodeManifest, type Manifest } from './manifest.ts'
import type { Level } from './system.ts'

/** Bytes of pages that are handed to LevelDB at a time. */
const batchBytes = 2 ** 20

const prefix = 'checkpoint/'
const afterAll = 'checkpoint0'

/**
 * Checkpoints in LevelDB, each a generation of its own: pages first, the manifest last, all
 * synced, so that a crash leaves the generation before. LevelDB may lose rows without an error;
 * the manifest's hashes, and the journal that has to begin where the manifest says, notice.
 */
export class Checkpoints {
  readonly #level: Level
  readonly #dataDir: string
  readonly #storageId: StorageId
  #current: Manifest | undefined
  #generation = 0
  #strays = false

  constructor(level: Level, dataDir: string, storageId: StorageId) {
    this.#level = level
    this.#dataDir = dataDir
    this.#storageId = storageId
  }

  /** The checkpoint in force. */
  get current(): Manifest | undefined {
    return this.#current
  }

  /** Finds the newest checkpoint and verifies all of it. */
  async load(): Promise<Manifest | undefined> {
    let newest: string | undefined
    for await (const key of this.#level.keys({ gte: prefix, lt: afterAll })) {
      const generation = generationOf(key)
      this.#strays ||= this.#generation !== 0 && generation !== this.#generation
      this.#generation = Math.max(this.#generation, generation)
      if (key.endsWith('/manifest')) newest = key
    }
    this.#strays ||= newest === undefined && this.#generation !== 0
    if (newest === undefined) return undefined
    const manifest = await this.#loadManifest(newest)
    for await (const page of this.#pages(manifest)) void page
    this.#current = manifest
    return manifest
  }

  /** The pages of the checkpoint in force, verified again. */
  async *pages(): AsyncGenerator<Uint8Array> {
    if (this.#current !== undefined) yield* this.#pages(this.#current)
  }

  /** Writes and verifies a checkpoint, which is in force when this resolves. */
  async write(checkpoint: {
    lsn: Lsn
    start: Position
    entries: number
    pages: readonly Uint8Array[]
  }): Promise<void> {
    const { lsn, start, entries, pages } = checkpoint
    this.#generation += 1
    this.#strays = true
    const generation = this.#generation
    const hashes: string[] = []
    let batch: { type: 'put'; key: string; value: Uint8Array }[] = []
    let bytes = 0
    for (const [index, value] of pages.entries()) {
      hashes.push(hash('sha256', value, 'hex'))
      batch.push({ type: 'put', key: pageKey(generation, index), value })
      bytes += value.byteLength
      if (bytes < batchBytes && index < pages.length - 1) continue
      // Each batch by itself: LevelDB syncs only the log file that it is writing to.
      await this.#level.batch(batch, { sync: true })
      batch = []
      bytes = 0
    }

    const storageId = this.#storageId
    const format = storeFormat
    const manifest = { format, storageId, generation, lsn, start, entries, pages: hashes }
    // Only pages that were read back get a manifest, so a bad write cannot displace a good
    // checkpoint.
    for await (const page of this.#pages(manifest)) void page
    await this.#level.put(manifestKey(generation), encodeManifest(manifest), { sync: true })
    this.#current = await this.#loadManifest(manifestKey(generation))
  }

  /** Deletes whatever is not of the checkpoint in force. */
  async sweep(): Promise<void> {
    if (!this.#strays) return
    this.#strays = false
    const generation = this.#current?.generation
    if (generation === undefined) {
      await this.#level.clear({ gte: prefix, lt: afterAll })
      return
    }
    await this.#level.clear({ gte: prefix, lt: generationKey(generation) })
    await this.#level.clear({ gte: generationKey(generation + 1), lt: afterAll })
    await this.#level.compactRange(prefix, generationKey(generation))
  }

  async #loadManifest(key: string): Promise<Manifest> {
    const row = await this.#level.get(key)
    const manifest = row === undefined ? undefined : decodeManifest(row)
    if (manifest === undefined) throw this.#corrupt('the manifest of its checkpoint is damaged')
    if (manifest.format > storeFormat) {
      throw new StoreVersionError(this.#dataDir, manifest.format, storeFormat)
    }
    if (manifest.storageId !== this.#storageId) {
      throw this.#corrupt('its checkpoint belongs to another data directory')
    }
    return manifest
  }

  async *#pages({ generation, pages }: Manifest): AsyncGenerator<Uint8Array> {
    for (const [index, expected] of pages.entries()) {
      const page = await this.#level.get(pageKey(generation, index), { fillCache: false })
      const name = `page ${index + 1} of the ${pages.length} of its checkpoint`
      if (page === undefined) throw this.#corrupt(`${name} is missing`)
      if (hash('sha256', page, 'hex') !== expected) throw this.#corrupt(`${name} is damaged`)
      yield page
    }
  }

  #corrupt(problem: string): StoreCorruptError {
    return new StoreCorruptError(this.#dataDir, problem)
  }
}

function generationKey(generation: number): string {
  return `${prefix}${String(generation).padStart(12, '0')}/`
}

function manifestKey(generation: number): string {
  return `${generationKey(generation)}manifest`
}

function pageKey(generation: number, index: number): string {
  return `${generationKey(generation)}page/${String(index).padStart(8, '0')}`
}

function generationOf(key: string): number {
  const generation = Number(key.split('/')[1])
  return Number.isSafeInteger(generation) ? generation : 0
}
