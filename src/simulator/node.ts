import type { Gossip } from './gossip.ts'
import type { LedgerId, PeerId, StorageId } from '../core/ids.ts'
import type { Input } from '../core/inputs.ts'
import { Disk, type DiskImage } from './disk.ts'
import type { Host } from './network.ts'
import { NodeClock } from './node-clock.ts'
import type { Actor } from './observer.ts'
import { Prng } from './prng.ts'
import type { Ending, NodeProcess, Slots } from './node-process.ts'
import type { Capacity } from './worker.ts'
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
  /** How often a process of it has been paused. */
  pauses = 0
  /** Why it never starts again; undefined while it may. */
  out: string | undefined
  readonly #world: World
  readonly #prng: Prng
  /** Whether its turns, and its syncs, take `slowBy` times as long. */
  readonly #slow: { readonly turns: boolean; readonly disk: boolean }
  #disk: Disk
  #clock: NodeClock
  #awakeSince = 0
  #process: NodeProcess | undefined
  #wallSkewMs: number
  /** Writes and messages so far. */
  #points = 0

  constructor(world: World, { index, peer, guest, capacity }: NodeInit) {
    this.#world = world
    this.#prng = Prng.named(world.options.seed, `node ${index}`)
    this.index = index
    this.peer = peer
    this.guest = guest
    this.capacity = capacity
    const { slowNodeP, slowDiskP } = world.faults()
    this.#slow = { turns: this.#prng.chance(slowNodeP), disk: this.#prng.chance(slowDiskP) }
    this.#wallSkewMs = this.#prng.between(-60_000, 60_000)
    this.#disk = this.#newDisk()
    this.#clock = this.#newClock()
  }

  get running(): boolean {
    return this.#process !== undefined
  }

  get paused(): boolean {
    return this.#process?.paused ?? false
  }

  /** Since when its process has been running without a pause; Infinity if it does not. */
  get awakeSince(): number {
    return this.running && !this.paused ? this.#awakeSince : Infinity
  }

  /** The process that runs now. */
  get actor(): Actor | undefined {
    return this.#process?.actor
  }

  get worker(): Slots | undefined {
    return this.#process?.worker
  }

  /** The process that runs now, with all that it can do. */
  get process(): NodeProcess | undefined {
    return this.#process
  }

  get disk(): Pick<Disk, 'storageId' | 'problem' | 'full' | 'failsNext'> {
    return this.#disk
  }

  /** Writes and messages of all its processes so far. */
  get points(): number {
    return this.#points
  }

  /** Whether a process runs that knows of a ledger, or that it is over. */
  remembers(ledger: LedgerId): boolean {
    return this.#process?.remembers(ledger) ?? false
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
    const process = this.#world.createProcess({
      index,
      peer,
      guest,
      capacity,
      prng: this.#prng,
      disk: this.#disk,
      clock: this.#clock,
      slow: this.#slow.turns,
      point: weight => this.#point(weight),
      end: how => {
        if (this.#process === process) this.end(how)
      },
    })
    this.#process = process
    this.#awakeSince = this.#world.now()
    process.start()
    if (process.running) this.#world.network.started(index)
  }

  /** Ends the process, at once. */
  end(how: Ending): void {
    const process = this.#process
    if (process === undefined) return
    const { trace, now, observers, network } = this.#world
    trace.add(now(), this.peer, { type: 'fault', text: `ends by ${how}` })
    this.#process = undefined
    process.end()
    this.powered = how !== 'power'
    this.#disk.crash(how === 'power')
    observers.stopped(process.actor, this.#disk.lsn)
    network.stopped(this.index)
    this.#world.ended(this)
  }

  /** Stops the process from taking anything in, until it is resumed. */
  pause(): void {
    this.pauses += 1
    this.#process?.pause()
  }

  /** Goes on, `sleptMs` of the pause having escaped the monotonic clock. */
  resume(sleptMs: number): void {
    this.#awakeSince = this.#world.now()
    this.#process?.resume(sleptMs)
  }

  /** How far its wall clock is ahead of the truth. */
  get wallSkewMs(): number {
    return this.#wallSkewMs
  }

  /** Somebody sets this machine's wall clock. */
  setWall(skewMs: number): void {
    this.#wallSkewMs = skewMs
    this.#clock.setWall(skewMs)
    this.#process?.clockJumped()
  }

  /** A copy of what is on its disk. */
  copyDisk(): DiskImage {
    return this.#disk.copy()
  }

  /** Puts a copy, or nothing at all, in the place of what is on its disk. It must not run. */
  replaceDisk(image?: DiskImage): StorageId {
    const { storageId } = this.#disk
    if (image === undefined) this.#disk = this.#newDisk()
    else this.#disk.restore(image)
    return storageId
  }

  /** Others have seen more of what is on its disk: no process starts on it any more. */
  outdateDisk(): void {
    this.#disk.outdate()
  }

  /** Flips a bit on its disk; false if there is nothing on it. */
  flipBit(): boolean {
    return this.#disk.flipBit()
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

  quiet(): void {
    this.#process?.quiet()
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

  hints(from: Host, gossip: Gossip): void {
    this.#process?.hints(from.peer, gossip)
  }

  /** Whether the process dies at a write or a message, and how. */
  #point(weight: number): Ending | undefined {
    this.#points += 1
    const { options, faults, count, disturbed } = this.#world
    const { crashAt } = options
    if (crashAt?.index === this.index && crashAt.point === this.#points) {
      disturbed.any = true
      return crashAt.how
    }
    const { crashPointP, powerP } = faults()
    if (options.spared.includes(this.index)) return undefined
    if (!this.#prng.chance(crashPointP * weight)) return undefined
    count('crash within a turn')
    return this.#prng.chance(powerP) ? 'power' : 'kill'
  }

  #newDisk(): Disk {
    const { agenda, now, faults, count } = this.#world
    const prng = this.#prng
    const { disk: slow } = this.#slow
    return new Disk(
      { agenda, prng, now, faults, count, slow },
      {
        durable: lsn => this.#process?.durable(lsn),
        failed: () => {
          count('sync failed')
          this.end('exit')
        },
      },
    )
  }

  /** The monotonic clock of a machine that has just been switched on. */
  #newClock(): NodeClock {
    const { drift } = this.#world.faults()
    const rate = 1 + (drift === 0 ? 0 : this.#prng.between(-drift, drift))
    return new NodeClock(rate, this.#prng.between(0, 100_000), this.#wallSkewMs)
  }
}
