import { InvalidParametersError } from '@libp2p/interface'
import type { Entry } from '../core/entries.ts'
import type { Lsn } from '../core/ids.ts'
import type { Opened, Store } from '../driver/ports.ts'
import { layoutOf, type Layout } from './directory.ts'
import { encodeAppend, encodeEntry } from './encode-entries.ts'
import type { Durability, EntryCodec } from './entry-codec.ts'
import { reasonOf, StoreClosedError, StoreFailedError } from './errors.ts'
import { GroupCommit } from './group-commit.ts'
import type { Head } from './head.ts'
import type { Position } from './journal-format.ts'
import { Listeners } from './listeners.ts'
import { openDirectory, type OpenParts } from './opening.ts'
import { packPages } from './pages.ts'
import { replayEntries } from './replay.ts'
import { openOrSetAside } from './set-aside.ts'
import { nodeSystem, type System } from './system.ts'

export interface DiskStoreInit {
  /** Made with mode 0700 if it does not exist. */
  readonly dataDir: string
  readonly codec: EntryCodec
  readonly durability: Durability
  /**
   * Size at which a segment of the journal is followed by another one, in bytes.
   *
   * @default 16_777_216
   */
  readonly segmentBytes?: number | undefined
  /**
   * Size of the journal from which on a checkpoint is wanted, in bytes.
   *
   * @default 67_108_864
   */
  readonly checkpointBytes?: number | undefined
  /**
   * Size of a checkpoint's rows in LevelDB, in bytes.
   *
   * @default 131_072
   */
  readonly pageBytes?: number | undefined
  /**
   * Whether a storage that has lost something is set aside when this opens, and another one made,
   * rather than refused.
   *
   * @default false
   */
  readonly setAside?: boolean | undefined
  /** The calls to the operating system; replaced where faults are tried. */
  readonly system?: System | undefined
}

const sizeMax = 256 * 2 ** 20

/** A store in a directory: a journal of segments, and checkpoints in LevelDB. */
export function diskStore(init: DiskStoreInit): Store {
  return new DiskStore(init)
}

class DiskStore implements Store {
  readonly #codec: EntryCodec
  readonly #durability: Durability
  readonly #segmentBytes: number
  readonly #checkpointBytes: number
  readonly #pageBytes: number
  readonly #system: System
  readonly #setAside: boolean
  readonly #layout: Layout
  readonly #listeners = new Listeners()
  #opening: Promise<Opened> | undefined
  #closing: Promise<void> | undefined
  #parts: OpenParts | undefined
  #commit: GroupCommit | undefined
  #lsn: Lsn = 0
  /** Where the sync in flight will have brought the journal. */
  #syncing: Position | undefined
  #lastCheckpoint: Promise<unknown> = Promise.resolve()
  #checkpointsDue = 0
  /** Size of the journal that a failed checkpoint left behind. */
  #toleratedBytes = 0

  constructor(init: DiskStoreInit) {
    this.#codec = init.codec
    this.#durability = init.durability
    this.#segmentBytes = sizeOf('segmentBytes', init.segmentBytes ?? 16 * 2 ** 20)
    this.#checkpointBytes = init.checkpointBytes ?? 64 * 2 ** 20
    this.#pageBytes = sizeOf('pageBytes', init.pageBytes ?? 128 * 2 ** 10)
    this.#system = init.system ?? nodeSystem
    this.#setAside = init.setAside ?? false
    this.#layout = layoutOf(init.dataDir)
  }

  async open(): Promise<Opened> {
    if (this.#closing !== undefined) throw new StoreClosedError(this.#layout.dataDir)
    this.#opening ??= this.#open()
    return this.#opening
  }

  replay(): AsyncIterable<readonly Entry[]> {
    const { opened, checkpoints, journal } = this.#use()
    return replayEntries({
      dataDir: this.#layout.dataDir,
      storageId: opened.storageId,
      codec: this.#codec,
      checkpoints,
      files: journal.files(),
    })
  }

  append(entries: readonly Entry[]): Lsn {
    const parts = this.#use()
    if (entries.length === 0) return this.#lsn
    const bodies = encodeAppend(this.#codec, entries)
    this.#lsn += entries.length
    const lsn = this.#lsn
    // After a failure entries are only numbered: what the caller awaits never becomes durable.
    if (this.#listeners.failure !== undefined) return lsn
    try {
      parts.journal.append(bodies, this.#commit?.durable ?? lsn - entries.length)
      if (this.#commit === undefined) parts.head.advance(parts.journal.last)
    } catch (error) {
      this.#fail('cannot be written', error)
      return lsn
    }
    if (this.#commit === undefined) this.#listeners.durable(lsn)
    else this.#commit.written(lsn)
    return lsn
  }

  onDurable(listener: (lsn: Lsn) => void): void {
    this.#listeners.onDurable(listener)
  }

  onFailed(listener: (error: Error) => void): void {
    this.#listeners.onFailed(listener)
  }

  get wantsCheckpoint(): boolean {
    if (this.#parts === undefined || this.#checkpointsDue > 0) return false
    if (this.#listeners.failure !== undefined) return false
    return this.#parts.journal.bytes > this.#checkpointBytes + this.#toleratedBytes
  }

  // The entries are a view of a state that changes: they are drained before the first await.
  async checkpoint(lsn: Lsn, entries: Iterable<Entry>): Promise<void> {
    const parts = this.#use()
    const { journal, checkpoints } = parts
    if (this.#listeners.failure !== undefined) throw this.#listeners.failure
    if (lsn > journal.last.lsn || lsn < (checkpoints.current?.lsn ?? 0)) {
      throw new InvalidParametersError(
        `A checkpoint at ${lsn} does not fit a journal that ends at ${journal.last.lsn}`,
      )
    }
    let count = 0
    const codec = this.#codec
    const bodies = (function* () {
      for (const entry of entries) {
        count += 1
        yield encodeEntry(codec, entry)
      }
    })()
    const pages = packPages(bodies, this.#pageBytes)
    journal.roll()
    const start = journal.startAfter(lsn)

    this.#checkpointsDue += 1
    const written = this.#lastCheckpoint.then(() =>
      this.#write(parts, { lsn, start, entries: count, pages }),
    )
    this.#lastCheckpoint = written.catch(() => undefined)
    try {
      await written
      this.#toleratedBytes = 0
    } catch (error) {
      this.#toleratedBytes = journal.bytes
      throw error
    } finally {
      this.#checkpointsDue -= 1
    }
  }

  outdate(): void {
    this.#use().head.outdate()
  }

  async close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #open(): Promise<Opened> {
    const init = {
      system: this.#system,
      layout: this.#layout,
      durability: this.#durability,
      segmentBytes: this.#segmentBytes,
    }
    const parts = await (this.#setAside
      ? openOrSetAside({ ...init, codec: this.#codec })
      : openDirectory(init))
    this.#parts = parts
    this.#lsn = parts.opened.lsn
    if (this.#durability === 'disk') this.#commit = this.#groupCommit(parts)
    return parts.opened
  }

  #groupCommit({ journal, head, opened }: OpenParts): GroupCommit {
    return new GroupCommit({
      durable: opened.lsn,
      sync: () => {
        this.#syncing = journal.last
        return journal.sync()
      },
      onDurable: lsn => {
        this.#listeners.durable(lsn)
        // After the listeners: the head may lag, and they should not wait for it.
        try {
          if (this.#syncing !== undefined) head.advance(this.#syncing)
        } catch (error) {
          this.#fail('cannot be written', error)
        }
      },
      onFailed: error => this.#failSync(head, error),
    })
  }

  async #write(
    { checkpoints, journal }: OpenParts,
    checkpoint: Parameters<OpenParts['checkpoints']['write']>[0],
  ): Promise<void> {
    const { dataDir } = this.#layout
    // Were the journal to end before its checkpoint after a crash, the next entry would leave
    // a gap.
    const durable = (await this.#commit?.reached(checkpoint.lsn)) ?? true
    if (!durable) throw this.#listeners.failure ?? new StoreClosedError(dataDir)
    try {
      await checkpoints.write(checkpoint)
      journal.cut(checkpoint.start)
      await checkpoints.sweep()
    } catch (error) {
      const problem = `cannot take a checkpoint: ${reasonOf(error)}`
      throw new StoreFailedError(dataDir, problem, { cause: error })
    }
  }

  async #close(): Promise<void> {
    await this.#opening?.catch(() => undefined)
    const parts = this.#parts
    this.#parts = undefined
    if (parts === undefined) return
    await this.#lastCheckpoint
    await this.#commit?.idle()
    this.#commit?.stop()
    const before = this.#listeners.failure
    if (before === undefined) await this.#endClean(parts)
    parts.journal.close()
    parts.head.close()
    await parts.level.close()
    const after = this.#listeners.failure
    if (before === undefined && after !== undefined) throw after
  }

  async #endClean({ journal, head }: OpenParts): Promise<void> {
    try {
      await journal.sync()
      head.advance(journal.last)
      head.end({ clean: true, failed: false })
    } catch (error) {
      this.#failSync(head, error)
    }
  }

  #failSync(head: Head, error: unknown): void {
    try {
      head.end({ clean: false, failed: true })
    } catch {
      // The disk is failing: the mark is one chance more to notice it at the next start.
    }
    this.#fail('cannot be synced', error)
  }

  #fail(what: string, error: unknown): void {
    this.#commit?.stop()
    const problem = `${what}: ${reasonOf(error)}`
    this.#listeners.fail(new StoreFailedError(this.#layout.dataDir, problem, { cause: error }))
  }

  #use(): OpenParts {
    if (this.#parts === undefined) throw new StoreClosedError(this.#layout.dataDir)
    return this.#parts
  }
}

function sizeOf(name: string, bytes: number): number {
  if (Number.isInteger(bytes) && bytes > 0 && bytes <= sizeMax) return bytes
  throw new InvalidParametersError(`${name} must be a whole number from 1 to ${sizeMax}`)
}
