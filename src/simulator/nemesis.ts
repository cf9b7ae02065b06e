import type { DiskImage } from './disk.ts'
import type { Faults } from './faults.ts'
import type { SimulatedNode } from './node.ts'
import { Prng } from './prng.ts'
import type { Simulation } from './simulation.ts'

/** What lets things go wrong: crashes, pauses, partitions, bad disks, as often as the faults say. */
export class Nemesis {
  readonly #simulation: Simulation
  readonly #copies = new Map<number, DiskImage>()
  #active = true

  constructor(simulation: Simulation, faults: Faults) {
    this.#simulation = simulation
    this.#repeat('crash', faults.crashEveryMs, prng => this.#crash(prng, faults))
    this.#repeat('leave', faults.leaveEveryMs, prng => this.#leave(prng))
    this.#repeat('depart', faults.departEveryMs, prng => this.#depart(prng))
    this.#repeat('pause', faults.pauseEveryMs, prng => this.#pause(prng, faults))
    this.#repeat('partition', faults.partitionEveryMs, prng => this.#partition(prng, faults))
    this.#repeat('flap', faults.flapEveryMs, prng => this.#flap(prng))
    this.#repeat('wall', faults.wallJumpEveryMs, prng => this.#setWall(prng))
    this.#repeat('fsync error', faults.fsyncErrorEveryMs, prng => this.#failSync(prng))
    this.#repeat('bit flip', faults.bitFlipEveryMs, prng => this.#flipBit(prng))
    this.#repeat('full disk', faults.fullDiskEveryMs, prng => this.#fillDisk(prng, faults))
    this.#repeat('wipe', faults.wipeEveryMs, prng => this.#wipe(prng))
    this.#repeat('disaster', faults.disasterEveryMs, prng => this.#disaster(prng))
    this.#repeat('rollback', faults.rollbackEveryMs, prng => this.#rollBack(prng))
    const checkpoint = (prng: Prng): void => this.#pick(prng)?.checkpoint()
    this.#repeat('checkpoint', faults.checkpointEveryMs, checkpoint, true)
  }

  /** Ends all of it, except for what is no fault. */
  stop(): void {
    this.#active = false
  }

  #repeat(name: string, everyMs: number, act: (prng: Prng) => void, harmless = false): void {
    if (everyMs === 0) return
    const prng = Prng.named(this.#simulation.options.seed, `nemesis ${name}`)
    const again = (): void => {
      this.#simulation.after(prng.between(0.1, 1.9) * everyMs, () => {
        if (!this.#active && !harmless) return
        act(prng)
        again()
      })
    }
    again()
  }

  /** Any node that runs; with `fatal`, one whose disk may be lost. */
  #pick(prng: Prng, fatal = false): SimulatedNode | undefined {
    const { nodes, options } = this.#simulation
    const some = nodes.filter(({ running, paused, index, guest }) => {
      if (options.spared.includes(index)) return false
      return running && !paused && !(fatal && (guest || !this.#simulation.mishaps.mayLose(index)))
    })
    return some.length === 0 ? undefined : prng.pick(some)
  }

  #crash(prng: Prng, { powerP }: Faults): void {
    const node = this.#pick(prng)
    if (node !== undefined) this.#simulation.mishaps.crash(node.index, endingOf(prng, powerP))
  }

  #leave(prng: Prng): void {
    const node = this.#pick(prng)
    if (node !== undefined) this.#simulation.mishaps.leave(node.index)
  }

  #depart(prng: Prng): void {
    const node = this.#pick(prng, true)
    if (node !== undefined) this.#simulation.mishaps.leave(node.index, { forGood: true })
  }

  #pause(prng: Prng, { pauseMs, sleepP }: Faults): void {
    const node = this.#pick(prng)
    if (node === undefined) return
    const ms = prng.between(...pauseMs)
    this.#simulation.count('paused')
    this.#simulation.mishaps.pause(node.index, ms, { sleeps: prng.chance(sleepP) })
  }

  #partition(prng: Prng, { partitionMs, oneWayP, bridgeP }: Faults): void {
    const shuffled = this.#simulation.nodes.map(node => node.index)
    for (let i = shuffled.length - 1; i > 0; i--) {
      const j = prng.below(i + 1)
      const swapped = shuffled[i] as number
      shuffled[i] = shuffled[j] as number
      shuffled[j] = swapped
    }
    if (shuffled.length > 2 && prng.chance(bridgeP)) {
      shuffled.pop()
      this.#simulation.count('bridged partition')
    }
    const cut = 1 + prng.below(Math.max(1, shuffled.length - 1))
    const sides = [shuffled.slice(0, cut), shuffled.slice(cut)] as const
    const oneWay = prng.chance(oneWayP)
    const undo = this.#simulation.mishaps.partition(...sides, { oneWay })
    this.#simulation.after(prng.between(...partitionMs), undo)
  }

  #flap(prng: Prng): void {
    const { nodes, network } = this.#simulation
    if (nodes.length < 2) return
    const a = prng.below(nodes.length)
    const b = (a + 1 + prng.below(nodes.length - 1)) % nodes.length
    const times = prng.chance(0.2) ? 5 + prng.below(15) : 1
    if (times > 1) this.#simulation.count('flapping connection')
    for (let time = 0, ms = 0; time < times; time++, ms += prng.between(50, 1_000)) {
      this.#simulation.after(ms, () => {
        if (this.#active) network.breakStream(a, b)
      })
    }
  }

  #setWall(prng: Prng): void {
    const { keepMs } = this.#simulation.options
    // What is kept for days is not forgotten by a clock that is an hour wrong.
    const mostMs = Math.min(3_600_000, keepMs / 10)
    this.#pick(prng)?.setWall(prng.between(-mostMs, mostMs))
    this.#simulation.count('wall clock set')
  }

  #failSync(prng: Prng): void {
    const node = this.#pick(prng, true)
    if (node === undefined) return
    this.#simulation.mishaps.doom(node.index)
    node.disk.failsNext = true
  }

  #flipBit(prng: Prng): void {
    const node = this.#pick(prng, true)
    if (node === undefined || !node.flipBit()) return
    this.#simulation.mishaps.doom(node.index)
    this.#simulation.count('bit flipped')
    this.#simulation.mishaps.crash(node.index, endingOf(prng, 0.5))
  }

  #fillDisk(prng: Prng, { fullDiskMs }: Faults): void {
    const node = this.#pick(prng)
    if (node === undefined) return
    const { disk } = node
    disk.full = true
    this.#simulation.after(prng.between(...fullDiskMs), () => {
      disk.full = false
    })
  }

  #wipe(prng: Prng): void {
    const node = this.#pick(prng, true)
    if (node === undefined) return
    this.#simulation.mishaps.crash(node.index, 'power')
    this.#simulation.mishaps.wipe(node.index)
  }

  /** The disks of several nodes go together. */
  #disaster(prng: Prng): void {
    this.#simulation.count('disaster')
    for (let left = 1 + prng.below(this.#simulation.options.nodes); left > 0; left--) {
      this.#wipe(prng)
    }
  }

  /** Takes a copy of a disk, or puts one that was taken earlier in its place. */
  #rollBack(prng: Prng): void {
    const node = this.#pick(prng, true)
    if (node === undefined) return
    const copy = this.#copies.get(node.index)
    if (copy?.storageId !== node.disk.storageId) this.#copies.set(node.index, node.copyDisk())
    else {
      this.#copies.delete(node.index)
      this.#simulation.mishaps.crash(node.index, endingOf(prng, 0.5))
      this.#simulation.mishaps.rollBack(node.index, copy)
    }
  }
}

function endingOf(prng: Prng, powerP: number): 'power' | 'kill' {
  return prng.chance(powerP) ? 'power' : 'kill'
}
