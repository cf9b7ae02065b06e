import type { LedgerId, Lsn, PeerId } from '../core/ids.ts'
import type { Input } from '../core/inputs.ts'
import type { Machine } from '../core/machine.ts'
import type { Disk } from './disk.ts'
import type { NodeClock } from './node-clock.ts'
import type { Actor } from './observer.ts'
import type { Prng } from './prng.ts'
import type { Capacity } from './worker.ts'
import type { Gossip } from './gossip.ts'
import type { World } from './world.ts'

/** How a process ends: with its machine, by a signal, or on purpose. */
export type Ending = 'power' | 'kill' | 'exit'

/** What a process starts on. */
export interface ProcessInit {
  readonly index: number
  readonly peer: PeerId
  readonly guest: boolean
  readonly capacity: Capacity
  readonly disk: Disk
  readonly clock: NodeClock
  readonly prng: Prng
  /** Whether its turns take `slowBy` times as long. */
  readonly slow: boolean
  /** A write or a message is next, that so much hangs on: tells how the process dies of it. */
  readonly point: (weight: number) => Ending | undefined
  /** Ends this process. */
  readonly end: (how: Ending) => void
}

/** One start of a node's process, as its machine, its disk and the network deal with it. */
export interface NodeProcess {
  readonly actor: Actor
  readonly worker: Slots
  /** False once it has ended. */
  readonly running: boolean
  readonly paused: boolean
  /** Takes in what the disk holds, and begins. */
  start(): void
  /** Nothing happens to it any more. */
  end(): void
  /** Stops it from taking anything in, until it is resumed. */
  pause(): void
  /** Goes on, `sleptMs` of the pause having escaped the monotonic clock. */
  resume(sleptMs: number): void
  input(input: Input): void
  /** Calls now, or when the process is resumed; never if it ends before. */
  whenAble(call: () => void): void
  /** The wall clock has moved against the monotonic one. */
  clockJumped(): void
  /** The journal is durable up to here. */
  durable(lsn: Lsn): void
  frame(from: PeerId, bytes: Uint8Array): void
  hints(from: PeerId, gossip: Gossip): void
  /** Writes a checkpoint, if it is able to right now. */
  checkpoint(): void
  /** Whether a ledger is voted in here, or known to be over. */
  remembers(ledger: LedgerId): boolean
  /** Tells observers all that is kept, after a long time in which nothing has happened. */
  quiet(): void
}

/** Whether a core votes in a ledger, or knows that it is over. */
export function remembersLedger({ voter }: Machine, ledger: LedgerId): boolean {
  return voter.ledgers.has(ledger) || voter.retention.retired.has(ledger)
}

/** What runs on a node, as far as others judge it. */
export interface Slots {
  /** Since when there has always been a free slot; Infinity if there is none. */
  readonly roomSince: number
  /** Gives back what has not started. */
  drain(): void
}

/** Makes the process of a node that starts. */
export type ProcessFactory = (world: World, init: ProcessInit) => NodeProcess
