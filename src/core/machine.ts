import type { Effect } from './effects.ts'
import type { Entry } from './entries.ts'
import type { Incarnation, LedgerId, Millis, PeerId, StorageId } from './ids.ts'
import type { Input } from './inputs.ts'
import type { TaskSpec, Values } from './messages.ts'

/** What a node is when it starts, and its limits. */
export interface MachineInit {
  readonly peer: PeerId
  readonly incarnation: Incarnation
  readonly storageId: StorageId
  /** Four random 32-bit numbers: all that the core draws comes from them. */
  readonly seed: readonly [number, number, number, number]
  /** A guest neither works nor votes nor owns a ledger. */
  readonly guest: boolean
  /** Voters of a new ledger; odd. */
  readonly voters: number
  readonly leaseMs: number
  /** Run grants after which a task has failed, since its runs never end. */
  readonly maxDeliveries: number
  /** Tasks run at the same time, per queue and in all; an empty list serves nothing. */
  readonly queues: readonly { readonly queue: string; readonly concurrency: number }[]
  readonly concurrency: number
  /** Canonical labels of this node, `name=value`. */
  readonly labels: readonly string[]
  /** Bytes of open records and kept results that this voter takes. */
  readonly maxBytes: number
  /** Wall clock minus monotonic clock at the start, in milliseconds. */
  readonly wallOffsetMs: number
  /** Whether nothing written before the start can be missing, synced or not. */
  readonly intact: boolean
  /** Registers per page; small only where states are enumerated. */
  readonly pageTasks: number
}

/** The whole protocol state of one node. */
export interface Machine {
  readonly init: MachineInit
}

export type TaskState = 'pending' | 'delayed' | 'running' | 'done' | 'failed' | 'cancelled'

/** What this node knows of a task. */
export interface TaskView {
  readonly ledger: LedgerId
  readonly seq: number
  readonly state: TaskState
  readonly spec: TaskSpec
  readonly failures: number
  readonly grants: number
  /** Who holds its lease, while it runs. */
  readonly holder: PeerId | undefined
  /** Time until it is due, in milliseconds; 0 when due. */
  readonly dueMs: number
  readonly ageMs: number
  readonly payload: Uint8Array | undefined
  readonly outcome: Values | undefined
}

/** A node before its first input. Its journal is then replayed into it. */
export declare function createMachine(init: MachineInit): Machine

/** Takes in one entry of the journal or of a checkpoint; in order, before the first step. */
export declare function replay(machine: Machine, entry: Entry, now: Millis): void

/** Ends the replay: `lsn` is the journal's last entry. Returns what is to be done first. */
export declare function start(machine: Machine, lsn: number, now: Millis): Effect[]

/** What follows from an input. `now` never falls. */
export declare function step(machine: Machine, input: Input, now: Millis): Effect[]

/** When the next `tick` is due; it may come earlier, never later. Infinity when idle. */
export declare function wakeAt(machine: Machine): Millis

/** Entries that make the same state again, for a checkpoint. */
export declare function checkpoint(machine: Machine, now: Millis): Iterable<Entry>
