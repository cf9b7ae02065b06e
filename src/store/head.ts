import * as fs from 'node:fs'
import { crc32 } from 'node:zlib'
import type { Durability } from './entry-codec.ts'
import { readUint64, writeUint64, type Position } from './journal-format.ts'
import { writeAll, type System } from './system.ts'

/*
 * The head is a small file that says how far the journal is known to be durable, and how the
 * last process ended. It is overwritten in place and not synced on its own account, so what it
 * names may be less than the truth and is never more. Two slots are written in turn: a slot torn
 * by a power loss leaves the one before.
 *
 * Slot, 96 bytes:
 *    0 magic (4)   4 flags (1)   5 durability (1)   6 length of the boot id (2)   8 sequence (8)
 *   16 durable lsn (8)   24 chain there (4)   28 boot id (64)   92 CRC of the 92 bytes above (4)
 */

const slotBytes = 96
const slotOffsets = [0, 512] as const
const magic = 0x4448534d
const cleanFlag = 1
const failedFlag = 2
const outdatedFlag = 4
const bootIdBytesMax = 64

/** What a head says. */
export interface HeadState {
  /** Up to here the journal is durable, in the sense of `durability`. */
  readonly durable: Position
  readonly durability: Durability
  /** The start of the machine in which it was written; '' if unknown. */
  readonly bootId: string
  /** The journal was synced and closed; nothing was written after that. */
  readonly clean: boolean
  /** A sync failed: nobody can say any more what is on the disk. */
  readonly failed: boolean
  /** Other nodes have seen more of the journal than there is. */
  readonly outdated?: boolean | undefined
}

/** Keeps a journal's head. */
export class Head {
  readonly #system: System
  readonly #fd: number
  readonly #slot = Buffer.alloc(slotBytes)
  #state: HeadState
  #sequence: number

  private constructor(system: System, fd: number, state: HeadState, sequence: number) {
    this.#system = system
    this.#fd = fd
    this.#state = state
    this.#sequence = sequence
  }

  /** Makes or takes over the head of a journal and writes its state to both slots, synced. */
  static begin(system: System, path: string, state: HeadState): Head {
    const sequence = fs.existsSync(path) ? (newest(fs.readFileSync(path))?.sequence ?? 0) : 0
    const fd = fs.openSync(path, fs.constants.O_RDWR | fs.constants.O_CREAT, 0o600)
    const head = new Head(system, fd, state, sequence)
    try {
      head.#write()
      head.#write()
      system.syncNow(fd)
    } catch (error) {
      fs.closeSync(fd)
      throw error
    }
    return head
  }

  /** Notes that the journal is durable up to a position. */
  advance(durable: Position): void {
    this.#state = { ...this.#state, durable }
    this.#write()
  }

  /** Notes how this process ended, synced. */
  end(how: { clean: boolean; failed: boolean }): void {
    // What must not be started on stays so, however well it is closed.
    const clean = how.clean && this.#state.outdated !== true
    this.#state = { ...this.#state, ...how, clean }
    this.#write()
    this.#system.syncNow(this.#fd)
  }

  /** Notes that other nodes have seen more of the journal, synced. */
  outdate(): void {
    this.#state = { ...this.#state, outdated: true }
    this.#write()
    this.#system.syncNow(this.#fd)
  }

  close(): void {
    fs.closeSync(this.#fd)
  }

  #write(): void {
    this.#sequence += 1
    encode(this.#slot, this.#state, this.#sequence)
    writeAll(this.#system, this.#fd, this.#slot, slotOffsets[this.#sequence % 2 === 0 ? 0 : 1])
  }
}

/** Reads a head, or `undefined` if it is missing or both slots are damaged. */
export function readHead(path: string): HeadState | undefined {
  if (!fs.existsSync(path)) return undefined
  return newest(fs.readFileSync(path))?.state
}

type Slot = { readonly state: HeadState; readonly sequence: number }

function newest(file: Buffer): Slot | undefined {
  let best: Slot | undefined
  for (const offset of slotOffsets) {
    if (file.byteLength < offset + slotBytes) continue
    const slot = decode(file.subarray(offset, offset + slotBytes))
    if (slot !== undefined && slot.sequence > (best?.sequence ?? -1)) best = slot
  }
  return best
}

function encode(slot: Buffer, state: HeadState, sequence: number): void {
  slot.fill(0)
  slot.writeUInt32LE(magic, 0)
  slot.writeUInt8(flagsOf(state), 4)
  slot.writeUInt8(state.durability === 'disk' ? 1 : 0, 5)
  slot.writeUInt16LE(slot.write(state.bootId, 28, bootIdBytesMax, 'latin1'), 6)
  writeUint64(slot, sequence, 8)
  writeUint64(slot, state.durable.lsn, 16)
  slot.writeUInt32LE(state.durable.chain, 24)
  slot.writeUInt32LE(crc32(slot.subarray(0, 92)), 92)
}

function decode(slot: Buffer): Slot | undefined {
  if (slot.readUInt32LE(0) !== magic) return undefined
  if (crc32(slot.subarray(0, 92)) !== slot.readUInt32LE(92)) return undefined
  const flags = slot.readUInt8(4)
  const bootIdBytes = Math.min(slot.readUInt16LE(6), bootIdBytesMax)
  return {
    sequence: readUint64(slot, 8),
    state: {
      durable: { lsn: readUint64(slot, 16), chain: slot.readUInt32LE(24) },
      durability: slot.readUInt8(5) === 1 ? 'disk' : 'process',
      bootId: slot.toString('latin1', 28, 28 + bootIdBytes),
      clean: (flags & cleanFlag) !== 0,
      failed: (flags & failedFlag) !== 0,
      outdated: (flags & outdatedFlag) !== 0,
    },
  }
}

// A version that does not know the last flag must not start on it, either.
function flagsOf({ clean, failed, outdated }: HeadState): number {
  const bad = outdated === true ? failedFlag | outdatedFlag : failed ? failedFlag : 0
  return (clean ? cleanFlag : 0) | bad
}
