import { hash, randomBytes } from 'node:crypto'
import type { Lsn, StorageId } from '../core/ids.ts'
import type { Durability } from './entry-codec.ts'

/** An entry's bytes with a checksum, so that a flipped bit is noticed as on a real disk. */
interface Row {
  readonly body: Uint8Array
  readonly sum: string
}

/**
 * What memory stores keep their entries on. It outlives them, as a disk outlives processes, so
 * that a node can be "restarted"; and it can be hurt.
 */
export class MemoryDisk {
  /** Appears in errors in place of a directory. */
  readonly name: string
  readonly storageId: StorageId
  /** Layout version; a newer one than the store's is refused. */
  format = 1
  /** Called before each write to the journal; a throw is what the write fails with. */
  onWrite: () => void = () => undefined
  /** Called for each sync; durable is what was written before, once it resolves. */
  onSync: () => Promise<void> = () => Promise.resolve()
  /** Called before each checkpoint takes effect; a rejection leaves the earlier one. */
  onCheckpoint: () => Promise<void> = () => Promise.resolve()
  #rows: Row[] = []
  /** Entries before the first row; the checkpoint covers them. */
  #cut: Lsn = 0
  #checkpoint: { readonly lsn: Lsn; readonly rows: readonly Row[] } | undefined
  #durable: Lsn = 0
  #synced: Lsn = 0
  #intact = true
  /** The last store was closed, not killed. */
  #clean = false
  #failed = false
  #owner: object | undefined

  constructor(name = 'memory') {
    this.name = name
    this.storageId = randomBytes(16).toString('hex')
  }

  /** The last entry that is there. */
  get lsn(): Lsn {
    return this.#cut + this.#rows.length
  }

  /** Whether nothing that was written can be missing. */
  get intact(): boolean {
    return this.#intact
  }

  /** Bytes of the journal since the last checkpoint. */
  get journalBytes(): number {
    return this.#rows.reduce((sum, { body }) => sum + body.byteLength, 0)
  }

  /** Gives the disk to a store, unless another one has it. */
  lock(owner: object): boolean {
    this.#owner ??= owner
    return this.#owner === owner
  }

  /** Whether a store has the disk. */
  isLockedBy(owner: object): boolean {
    return this.#owner === owner
  }

  unlock(owner: object): void {
    if (this.#owner === owner) this.#owner = undefined
  }

  /** The process that has the disk dies; what it wrote stays. */
  kill(): void {
    this.#owner = undefined
  }

  /** The machine goes down: what was written and not synced is gone. */
  cutPower(): void {
    this.#owner = undefined
    this.#intact &&= this.#clean
    this.#rows.length = Math.min(this.#rows.length, Math.max(0, this.#synced - this.#cut))
  }

  /** Loses the journal behind an entry, synced or not. */
  loseAfter(lsn: Lsn): void {
    this.#rows.length = Math.min(this.#rows.length, Math.max(0, lsn - this.#cut))
  }

  /** Flips a bit of an entry in the journal. */
  flipBit(lsn: Lsn): void {
    const row = this.#rows[lsn - this.#cut - 1]
    if (row === undefined) throw new Error(`there is no entry ${lsn} in the journal`)
    const body = new Uint8Array(row.body)
    body[0] = (body[0] ?? 0) ^ 1
    this.#rows[lsn - this.#cut - 1] = { ...row, body }
  }

  /** Loses the checkpoint in force. */
  loseCheckpoint(): void {
    this.#checkpoint = undefined
  }

  /** @internal */
  write(bodies: readonly Uint8Array[]): void {
    this.onWrite()
    for (const body of bodies) this.#rows.push(rowOf(body))
  }

  /** @internal What is durable in the sense of `durability` must be there at the next start. */
  settle(lsn: Lsn, durability: Durability): void {
    this.#durable = Math.max(this.#durable, lsn)
    if (durability === 'disk') this.#synced = Math.max(this.#synced, lsn)
  }

  /** @internal A sync failed: nobody knows any more what is there. */
  fail(): void {
    this.#failed = true
  }

  /** @internal A clean end syncs everything. */
  endClean(): void {
    this.settle(this.lsn, 'disk')
    this.#clean = true
  }

  /** @internal A start syncs whatever it found. */
  begin(): void {
    this.settle(this.lsn, 'disk')
    this.#intact = true
    this.#clean = false
  }

  /** @internal */
  replaceUpTo(lsn: Lsn, bodies: readonly Uint8Array[]): void {
    this.#checkpoint = { lsn, rows: bodies.map(rowOf) }
    this.#rows.splice(0, lsn - this.#cut)
    this.#cut = lsn
  }

  /** @internal What is wrong, or `undefined`. */
  problem(): string | undefined {
    if (this.#failed) return 'the disk failed to sync what was written to it'
    if (this.#cut > 0 && this.#checkpoint?.lsn !== this.#cut) return 'its checkpoint is missing'
    for (const [index, row] of this.#rows.entries()) {
      if (!isGood(row)) return `entry ${this.#cut + index + 1} has a damaged body`
    }
    if (this.#checkpoint?.rows.every(isGood) === false) return 'its checkpoint is damaged'
    if (this.lsn < this.#durable) {
      return `its journal ends at entry ${this.lsn}, but entry ${this.#durable} was durable`
    }
    return undefined
  }

  /** @internal The checkpoint's entries, then the journal's. */
  bodies(): Uint8Array[] {
    return [...(this.#checkpoint?.rows ?? []), ...this.#rows].map(
      ({ body }) => new Uint8Array(body),
    )
  }
}

function rowOf(body: Uint8Array): Row {
  return { body: new Uint8Array(body), sum: hash('sha1', body) }
}

function isGood({ body, sum }: Row): boolean {
  return hash('sha1', body) === sum
}
