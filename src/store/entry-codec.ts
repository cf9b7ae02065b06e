import type { Entry } from '../core/entries.ts'

/** Turns entries into bytes and back; given to a store so that it knows no wire format. */
export interface EntryCodec {
  /** The bytes are the caller's: they may not be overwritten by the next call. */
  encode(entry: Entry): Uint8Array
  /** Throws for bytes that are no entry. The entry may keep views of the bytes. */
  decode(bytes: Uint8Array): Entry
}

/** When an entry counts as durable: once it is synced, or once the kernel has it. */
export type Durability = 'disk' | 'process'
