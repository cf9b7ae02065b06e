import type { Entry } from '../core/entries.ts'
import type { Lsn, StorageId } from '../core/ids.ts'
import { decodeEntry, encodeEntry } from '../wire/codec.ts'
import { type Agenda, Call } from './agenda.ts'
import type { Faults } from './faults.ts'
import type { Prng } from './prng.ts'

/** What a disk shares with the simulation. */
export interface DiskInit {
  readonly agenda: Agenda
  readonly prng: Prng
  readonly now: () => number
  readonly faults: () => Faults
}

/** What was found on the disk at a start. */
export interface Recovered {
  readonly lsn: Lsn
  /** The checkpoint's entries, then the journal's. */
  readonly entries: readonly Entry[]
}

/** The virtual disk of one node: a journal of encoded entries and a checkpoint below it. */
export class Disk {
  readonly storageId: StorageId
  readonly #init: DiskInit
  /** Told of every sync, while the process that wrote is alive. */
  readonly #onDurable: (lsn: Lsn) => void
  #checkpoint: readonly Uint8Array[] = []
  /** Lsn of the last entry that the checkpoint covers. */
  #base: Lsn = 0
  #journal: Uint8Array[] = []
  #durable: Lsn = 0
  #syncing = false
  /** Rises with every crash: what was under way then never ends. */
  #age = 0
  #intact = true

  constructor(init: DiskInit, onDurable: (lsn: Lsn) => void) {
    this.#init = init
    this.#onDurable = onDurable
    this.storageId = init.prng.hex(32)
  }

  /** Whether nothing that was written can be missing. */
  get intact(): boolean {
    return this.#intact
  }

  /** The last entry written. */
  get lsn(): Lsn {
    return this.#base + this.#journal.length
  }

  /** The last entry that no crash takes away. */
  get durable(): Lsn {
    return this.#durable
  }

  /** Appends an entry; it is durable when that is told. */
  append(entry: Entry): Uint8Array {
    const bytes = encodeEntry(entry)
    this.#journal.push(bytes)
    return bytes
  }

  /** Sees to it that what was appended gets durable: one sync at a time, for all that is there. */
  flush(): void {
    if (this.#syncing || this.lsn === this.#durable) return
    const { prng, now, agenda } = this.#init
    const ms = prng.between(...this.#init.faults().fsyncMs)
    const target = this.lsn
    if (ms === 0) return this.#synced(target)
    this.#syncing = true
    const age = this.#age
    agenda.add(
      now() + ms,
      new Call(() => {
        if (age !== this.#age) return
        this.#syncing = false
        this.#synced(target)
        this.flush()
      }),
    )
  }

  /**
   * Puts a checkpoint of the state at `lsn` in the place of all entries up to there. `done` is
   * told all that is durable then: the checkpoint and what has come after it.
   */
  checkpoint(lsn: Lsn, entries: Iterable<Entry>, done: (entries: readonly Entry[]) => void): void {
    const bytes = Array.from(entries, entry => encodeEntry(entry))
    const { prng, now, agenda } = this.#init
    const age = this.#age
    agenda.add(
      now() + prng.between(1, 200),
      new Call(() => {
        // The journal up to `lsn` must be safe first: the checkpoint speaks of what it holds.
        if (age !== this.#age || this.#durable < lsn || this.#base > lsn) return
        this.#journal.splice(0, lsn - this.#base)
        this.#base = lsn
        this.#checkpoint = bytes
        const above = this.#journal.slice(0, this.#durable - lsn)
        done([...bytes, ...above].map(readEntry))
      }),
    )
  }

  /** The process has ended; with `power` an unsynced end of the journal may be gone. */
  crash(power: boolean): void {
    this.#age += 1
    this.#syncing = false
    this.#intact = !power
    if (!power) return
    const kept = this.#durable + this.#init.prng.below(this.lsn - this.#durable + 1)
    this.#journal.length = kept - this.#base
  }

  /** What a new process finds. It syncs that before it relies on it. */
  recover(): Recovered {
    this.#durable = this.lsn
    const entries = [...this.#checkpoint, ...this.#journal].map(readEntry)
    return { lsn: this.lsn, entries }
  }

  #synced(lsn: Lsn): void {
    this.#durable = lsn
    this.#onDurable(lsn)
  }
}

/** Decodes a copy, since what is decoded shares its memory and the disk must keep its own. */
function readEntry(bytes: Uint8Array): Entry {
  return decodeEntry(bytes.slice())
}
