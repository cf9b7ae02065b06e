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
  /** Counts what has happened, by name. */
  readonly count: (name: string) => void
  /** Whether its syncs take `slowBy` times as long. */
  readonly slow?: boolean | undefined
}

/** Whom a disk tells how its syncs end, while the process that wrote is alive. */
export interface DiskEvents {
  durable(lsn: Lsn): void
  /** A sync has failed: nothing is durable any more after that. */
  failed(): void
}

/** What was found on the disk at a start. */
export interface Recovered {
  readonly lsn: Lsn
  /** The checkpoint's entries, then the journal's. */
  readonly entries: readonly Entry[]
}

/** All that is on a disk at one moment. */
export interface DiskImage {
  readonly storageId: StorageId
  readonly checkpoint: readonly Uint8Array[]
  /** Lsn of the last entry that the checkpoint covers. */
  readonly base: Lsn
  readonly journal: readonly Uint8Array[]
}

/** The virtual disk of one node: a journal of encoded entries and a checkpoint below it. */
export class Disk {
  readonly storageId: StorageId
  /** Whether it takes nothing more. */
  full = false
  /** Whether the next sync fails. */
  failsNext = false
  readonly #init: DiskInit
  readonly #events: DiskEvents
  #checkpoint: readonly Uint8Array[] = []
  #base: Lsn = 0
  #journal: Uint8Array[] = []
  #durable: Lsn = 0
  #syncing = false
  /** Rises with every crash: what was under way then never ends. */
  #age = 0
  #intact = true
  /** What is there of an entry that was written in part only. */
  #torn: Uint8Array | undefined
  #problem: string | undefined

  constructor(init: DiskInit, events: DiskEvents) {
    this.#init = init
    this.#events = events
    this.storageId = init.prng.hex(32)
  }

  /** Whether nothing that was written can be missing. */
  get intact(): boolean {
    return this.#intact
  }

  /** Why no process must start on it; undefined where nothing is wrong. */
  get problem(): string | undefined {
    return this.#problem
  }

  /** The last entry written. */
  get lsn(): Lsn {
    return this.#base + this.#journal.length
  }

  /** The last entry that no crash takes away. */
  get durable(): Lsn {
    return this.#durable
  }

  /** Appends an entry; it is durable when that is told. Nothing is written where it is full. */
  append(entry: Entry): Uint8Array | undefined {
    if (this.full) return undefined
    const bytes = encodeEntry(entry)
    this.#journal.push(bytes)
    return bytes
  }

  /** Sees to it that what was appended gets durable: one sync at a time, for all that is there. */
  flush(): void {
    if (this.#syncing || this.lsn === this.#durable || this.#problem !== undefined) return
    const { prng, now, agenda, slow } = this.#init
    const { fsyncMs, slowBy } = this.#init.faults()
    const ms = prng.between(...fsyncMs) * (slow === true ? slowBy : 1)
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
        if (age !== this.#age || this.#durable < lsn || this.#base > lsn || this.full) return
        this.#journal.splice(0, lsn - this.#base)
        this.#base = lsn
        this.#checkpoint = bytes
        const above = this.#journal.slice(0, this.#durable - lsn)
        done([...bytes, ...above].map(readEntry))
      }),
    )
  }

  /** The process has ended; with `power` an unsynced end of the journal may be gone or torn. */
  crash(power: boolean): void {
    this.#age += 1
    this.#syncing = false
    this.#intact = !power
    if (!power) return
    const { prng } = this.#init
    const { lsn } = this
    const kept = this.#durable + prng.below(lsn - this.#durable + 1)
    if (kept === lsn) return
    const next = this.#journal[kept - this.#base] as Uint8Array
    this.#journal.length = kept - this.#base
    this.#init.count('unsynced entries lost')
    if (prng.chance(0.5)) this.#torn = next.subarray(0, prng.below(next.length))
  }

  /** What a new process finds. It cuts what is torn, and syncs the rest before it relies on it. */
  recover(): Recovered {
    if (this.#torn !== undefined) this.#init.count('torn write cut')
    this.#torn = undefined
    this.#durable = this.lsn
    const entries = [...this.#checkpoint, ...this.#journal].map(readEntry)
    return { lsn: this.lsn, entries }
  }

  /** A copy of what no crash takes away. */
  copy(): DiskImage {
    const journal = this.#journal.slice(0, this.#durable - this.#base)
    return { storageId: this.storageId, checkpoint: this.#checkpoint, base: this.#base, journal }
  }

  /** Takes the place of what is there by a copy; no process may run on it. */
  restore({ checkpoint, base, journal }: DiskImage): void {
    this.#checkpoint = checkpoint
    this.#base = base
    this.#journal = [...journal]
    this.#durable = base + journal.length
    this.#torn = undefined
  }

  /** Flips a bit of what is durable; the next start finds that. False if there is nothing. */
  flipBit(): boolean {
    const { prng } = this.#init
    const rows = [...this.#checkpoint, ...this.#journal.slice(0, this.#durable - this.#base)]
    if (rows.length === 0) return false
    const row = prng.pick(rows)
    const at = prng.below(row.length)
    row[at] = (row[at] as number) ^ (1 << prng.below(8))
    this.#problem ??= 'an entry has another checksum'
    return true
  }

  /** Others have seen more of what is on it. */
  outdate(): void {
    this.#problem ??= 'others have seen more of it'
  }

  #synced(lsn: Lsn): void {
    if (this.failsNext) {
      this.failsNext = false
      this.#problem = 'a sync has failed'
      return this.#events.failed()
    }
    this.#durable = lsn
    this.#events.durable(lsn)
  }
}

/** Decodes a copy, since what is decoded shares its memory and the disk must keep its own. */
function readEntry(bytes: Uint8Array): Entry {
  return decodeEntry(bytes.slice())
}
