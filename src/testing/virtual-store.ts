import type { Entry } from '../core/entries.ts'
import type { Lsn } from '../core/ids.ts'
import type { Opened, Store } from '../driver/ports.ts'
import type { Disk } from '../simulator/disk.ts'
import { StoreFailedError } from '../store/errors.ts'

/** What a simulated store shares with its process. */
export interface VirtualStoreInit {
  readonly disk: Disk
  readonly recovered: readonly Entry[]
  /** An entry is on the disk, though it may not be durable. */
  readonly wrote: (bytes: Uint8Array) => void
  /** A checkpoint has taken the place of what was written before; these are durable. */
  readonly checkpointed: (entries: readonly Entry[]) => void
}

/** A node's store on a simulated disk. */
export class VirtualStore implements Store {
  readonly #init: VirtualStoreInit
  #lsn: Lsn
  #onDurable: (lsn: Lsn) => void = () => {}
  #onFailed: (error: Error) => void = () => {}
  #failed = false
  #checkpointDue = false

  constructor(init: VirtualStoreInit) {
    this.#init = init
    this.#lsn = init.disk.lsn
  }

  get opened(): Opened {
    const { storageId, intact } = this.#init.disk
    return { storageId, lsn: this.#lsn, intact }
  }

  async open(): Promise<Opened> {
    return this.opened
  }

  async *replay(): AsyncGenerator<readonly Entry[]> {
    yield this.#init.recovered
  }

  append(entries: readonly Entry[]): Lsn {
    const { disk, wrote } = this.#init
    this.#lsn += entries.length
    for (const entry of this.#failed ? [] : entries) {
      const bytes = disk.append(entry)
      if (bytes === undefined) this.fail('is on a full disk')
      else wrote(bytes)
      if (this.#failed) break
    }
    if (!this.#failed) disk.flush()
    return this.#lsn
  }

  onDurable(listener: (lsn: Lsn) => void): void {
    this.#onDurable = listener
  }

  onFailed(listener: (error: Error) => void): void {
    this.#onFailed = listener
  }

  get wantsCheckpoint(): boolean {
    return this.#checkpointDue
  }

  async checkpoint(lsn: Lsn, entries: Iterable<Entry>): Promise<void> {
    this.#checkpointDue = false
    this.#init.disk.checkpoint(lsn, entries, this.#init.checkpointed)
  }

  async close(): Promise<void> {}

  /** Asks for a checkpoint. */
  wantCheckpoint(): void {
    this.#checkpointDue = true
  }

  /** The disk has made everything durable up to here. */
  durable(lsn: Lsn): void {
    this.#onDurable(lsn)
  }

  fail(problem: string): void {
    this.#failed = true
    this.#onFailed(new StoreFailedError('of the simulation', problem))
  }
}
