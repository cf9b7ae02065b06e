import type { PeerId } from '../core/ids.ts'
import type { Input } from '../core/inputs.ts'
import { Disk } from './disk.ts'
import type { Host } from './network.ts'
import { NodeClock } from './node-clock.ts'
import type { Actor } from './observer.ts'
import { type Ending, Process } from './process.ts'
import type { Capacity, Worker } from './worker.ts'
import type { World } from './world.ts'

/** What a node is, over all its process starts. */
export interface NodeInit {
  readonly index: number
  readonly peer: PeerId
  readonly guest: boolean
  readonly capacity: Capacity
}

/** One simulated node: a machine with a disk, and the process that may run on it. */
export class SimulatedNode implements Host {
  readonly index: number
  readonly peer: PeerId
  readonly guest: boolean
  readonly capacity: Capacity
  powered = true
  starts = 0
  readonly #world: World
  #disk: Disk
  #clock: NodeClock
  #process: Process | undefined
  #wallSkewMs: number

  constructor(world: World, { index, peer, guest, capacity }: NodeInit) {
    this.#world = world
    this.index = index
    this.peer = peer
    this.guest = guest
    this.capacity = capacity
    this.#wallSkewMs = world.prng.between(-60_000, 60_000)
    this.#disk = this.#newDisk()
    this.#clock = this.#newClock()
  }

  get running(): boolean {
    return this.#process !== undefined
  }

  get paused(): boolean {
    return this.#process?.paused ?? false
  }

  /** The process that runs now. */
  get actor(): Actor | undefined {
    return this.#process?.actor
  }

  get worker(): Worker | undefined {
    return this.#process?.worker
  }

  /** Starts a process on what the disk holds. */
  start(): void {
    if (this.running) return
    // A guest keeps nothing, so that each start is another node to others.
    if (this.guest) this.#disk = this.#newDisk()
    this.powered = true
    this.starts += 1
    this.#clock = this.#newClock()
    const { index, peer, guest, capacity } = this
    const process = new Process(this.#world, {
      index,
      peer,
      guest,
      capacity,
      disk: this.#disk,
      clock: this.#clock,
      end: how => {
        if (this.#process === process) this.end(how)
      },
    })
    this.#process = process
    process.start()
    if (process.running) this.#world.network.started(index)
  }

  /** Ends the process, at once. */
  end(how: Ending): void {
    const process = this.#process
    if (process === undefined) return
    const { trace, now, observers, network } = this.#world
    trace.add(now(), this.peer, { type: 'fault', text: `ends by ${how}` })
    process.end()
    this.#process = undefined
    this.powered = how !== 'power'
    this.#disk.crash(how === 'power')
    observers.stopped(process.actor, this.#disk.lsn)
    network.stopped(this.index)
    this.#world.ended(this)
  }

  /** Stops the process from taking anything in, until it is resumed. */
  pause(): void {
    this.#process?.pause()
  }

  /** Goes on, `sleptMs` of the pause having escaped the monotonic clock. */
  resume(sleptMs: number): void {
    this.#process?.resume(sleptMs)
  }

  /** Somebody sets this machine's wall clock. */
  setWall(skewMs: number): void {
    this.#wallSkewMs = skewMs
    this.#clock.setWall(skewMs)
    this.#process?.clockJumped()
  }

  /** Gives the core an input, now or when the process is able to. */
  input(input: Input): void {
    this.#process?.input(input)
  }

  /** Calls when the process is able to; never if it ends before. */
  whenAble(call: () => void): void {
    this.#process?.whenAble(call)
  }

  checkpoint(): void {
    this.#process?.checkpoint()
  }

  peerUp(peer: PeerId): void {
    this.input({ type: 'peer-up', peer })
  }

  peerDown(peer: PeerId): void {
    this.input({ type: 'peer-down', peer })
  }

  unreachable(peer: PeerId, refused: boolean): void {
    this.input({ type: 'peer-unreachable', peer, refused })
  }

  frame(from: Host, bytes: Uint8Array): void {
    this.#process?.frame(from.peer, bytes)
  }

  hints(from: Host, bytes: Uint8Array): void {
    this.#process?.hints(from.peer, bytes)
  }

  #newDisk(): Disk {
    return new Disk(this.#world, lsn => this.#process?.durable(lsn))
  }

  /** The monotonic clock of a machine that has just been switched on. */
  #newClock(): NodeClock {
    const { prng, faults } = this.#world
    const { drift } = faults()
    const rate = 1 + (drift === 0 ? 0 : prng.between(-drift, drift))
    return new NodeClock(rate, prng.between(0, 100_000), this.#wallSkewMs)
  }
}
