import { InvalidParametersError } from '@libp2p/interface'
import type { Entry } from '../core/entries.ts'
import type { Lsn } from '../core/ids.ts'
import type { Opened, Store } from '../driver/ports.ts'
import { encodeAppend, encodeEntry } from './encode-entries.ts'
import type { Durability, EntryCodec } from './entry-codec.ts'
import {
  reasonOf,
  StoreClosedError,
  StoreCorruptError,
  StoreFailedError,
  StoreLockedError,
  StoreVersionError,
} from './errors.ts'
import { GroupCommit } from './group-commit.ts'
import { storeFormat } from './journal-format.ts'
import { Listeners } from './listeners.ts'
import { MemoryDisk } from './memory-disk.ts'

export interface MemoryStoreInit {
  readonly codec: EntryCodec
  /** @default 'process' */
  readonly durability?: Durability | undefined
  /** Kept by the caller to open it again; a new one if absent. */
  readonly disk?: MemoryDisk | undefined
  /**
   * Size of the journal from which on a checkpoint is wanted, in bytes.
   *
   * @default 67_108_864
   */
  readonly checkpointBytes?: number | undefined
}

/** Entries that `replay` gives at a time. */
const sliceEntries = 500

/** A store whose entries are gone with the process, or stay on a `MemoryDisk` of the caller. */
export function memoryStore(init: MemoryStoreInit): Store {
  return new MemoryStore(init)
}

class MemoryStore implements Store {
  readonly #codec: EntryCodec
  readonly #durability: Durability
  readonly #disk: MemoryDisk
  readonly #checkpointBytes: number
  readonly #listeners = new Listeners()
  #opened: Opened | undefined
  #open = false
  #closed = false
  #commit: GroupCommit | undefined
  #lsn: Lsn = 0
  #journalBytes = 0
  #checkpoints: Promise<unknown> = Promise.resolve()
  #checkpointsDue = 0
  #toleratedBytes = 0
  #checkpointLsn: Lsn = 0

  constructor(init: MemoryStoreInit) {
    this.#codec = init.codec
    this.#durability = init.durability ?? 'process'
    this.#disk = init.disk ?? new MemoryDisk()
    this.#checkpointBytes = init.checkpointBytes ?? 64 * 2 ** 20
  }

  async open(): Promise<Opened> {
    const disk = this.#disk
    if (this.#closed) throw new StoreClosedError(disk.name)
    if (this.#opened !== undefined) return this.#opened
    if (disk.format > storeFormat) {
      throw new StoreVersionError(disk.name, disk.format, storeFormat)
    }
    if (!disk.lock(this)) throw new StoreLockedError(disk.name)
    const problem = disk.problem()
    if (problem !== undefined) {
      disk.unlock(this)
      throw new StoreCorruptError(disk.name, problem)
    }
    const { storageId, lsn, intact } = disk
    disk.begin()
    this.#opened = { storageId, lsn, intact }
    this.#open = true
    this.#lsn = lsn
    this.#journalBytes = disk.journalBytes
    if (this.#durability === 'disk') this.#commit = this.#groupCommit(lsn)
    return this.#opened
  }

  replay(): AsyncIterable<readonly Entry[]> {
    this.#use()
    return this.#slices(this.#disk.bodies())
  }

  append(entries: readonly Entry[]): Lsn {
    this.#use()
    if (entries.length === 0) return this.#lsn
    const bodies = encodeAppend(this.#codec, entries)
    this.#lsn += entries.length
    const lsn = this.#lsn
    if (this.#listeners.failure !== undefined) return lsn
    try {
      this.#disk.write(bodies)
    } catch (error) {
      this.#fail('cannot be written', error)
      return lsn
    }
    for (const { byteLength } of bodies) this.#journalBytes += byteLength
    if (this.#commit === undefined) {
      this.#disk.settle(lsn, 'process')
      this.#listeners.durable(lsn)
    } else {
      this.#commit.written(lsn)
    }
    return lsn
  }

  onDurable(listener: (lsn: Lsn) => void): void {
    this.#listeners.onDurable(listener)
  }

  onFailed(listener: (error: Error) => void): void {
    this.#listeners.onFailed(listener)
  }

  get wantsCheckpoint(): boolean {
    if (!this.#open || this.#checkpointsDue > 0) return false
    if (this.#listeners.failure !== undefined) return false
    return this.#journalBytes > this.#checkpointBytes + this.#toleratedBytes
  }

  async checkpoint(lsn: Lsn, entries: Iterable<Entry>): Promise<void> {
    this.#use()
    if (this.#listeners.failure !== undefined) throw this.#listeners.failure
    if (lsn > this.#lsn || lsn < this.#checkpointLsn) {
      throw new InvalidParametersError(
        `A checkpoint at ${lsn} does not fit a journal that ends at ${this.#lsn}`,
      )
    }
    const bodies = Array.from(entries, entry => encodeEntry(this.#codec, entry))
    this.#checkpointsDue += 1
    const written = this.#checkpoints.then(() => this.#write(lsn, bodies))
    this.#checkpoints = written.catch(() => undefined)
    try {
      await written
      this.#toleratedBytes = 0
    } catch (error) {
      this.#toleratedBytes = this.#journalBytes
      throw error
    } finally {
      this.#checkpointsDue -= 1
    }
  }

  async close(): Promise<void> {
    const wasOpen = this.#open
    this.#open = false
    this.#closed = true
    if (!wasOpen) return
    await this.#checkpoints
    await this.#commit?.idle()
    this.#commit?.stop()
    if (!this.#disk.isLockedBy(this)) return
    if (this.#listeners.failure === undefined) this.#disk.endClean()
    this.#disk.unlock(this)
  }

  #groupCommit(durable: Lsn): GroupCommit {
    return new GroupCommit({
      durable,
      sync: () => this.#disk.onSync(),
      onDurable: lsn => {
        // A store whose process was killed has nobody left to tell.
        if (!this.#disk.isLockedBy(this)) return
        this.#disk.settle(lsn, 'disk')
        this.#listeners.durable(lsn)
      },
      onFailed: error => {
        this.#disk.fail()
        this.#fail('cannot be synced', error)
      },
    })
  }

  async #write(lsn: Lsn, bodies: readonly Uint8Array[]): Promise<void> {
    const { name } = this.#disk
    const durable = (await this.#commit?.reached(lsn)) ?? true
    if (!durable) throw this.#listeners.failure ?? new StoreClosedError(name)
    try {
      await this.#disk.onCheckpoint()
    } catch (error) {
      const problem = `cannot take a checkpoint: ${reasonOf(error)}`
      throw new StoreFailedError(name, problem, { cause: error })
    }
    if (!this.#disk.isLockedBy(this)) return
    this.#disk.replaceUpTo(lsn, bodies)
    this.#checkpointLsn = lsn
    this.#journalBytes = this.#disk.journalBytes
  }

  // oxlint-disable-next-line typescript/require-await
  async *#slices(bodies: readonly Uint8Array[]): AsyncGenerator<readonly Entry[]> {
    for (let at = 0; at < bodies.length; at += sliceEntries) {
      yield bodies.slice(at, at + sliceEntries).map(body => this.#decode(body))
    }
  }

  #decode(body: Uint8Array): Entry {
    try {
      return this.#codec.decode(body)
    } catch (error) {
      const problem = `an entry cannot be read: ${reasonOf(error)}`
      throw new StoreCorruptError(this.#disk.name, problem, { cause: error })
    }
  }

  #fail(what: string, error: unknown): void {
    this.#commit?.stop()
    const problem = `${what}: ${reasonOf(error)}`
    this.#listeners.fail(new StoreFailedError(this.#disk.name, problem, { cause: error }))
  }

  #use(): void {
    const { name } = this.#disk
    if (!this.#open || !this.#disk.isLockedBy(this)) throw new StoreClosedError(name)
  }
}
