import type { Faults } from './faults.ts'
import type { SimulatedNode } from './node.ts'
import type { Simulation } from './simulation.ts'

/** What lets things go wrong: crashes, pauses, partitions, as often as the faults say. */
export class Nemesis {
  readonly #simulation: Simulation
  #active = true

  constructor(simulation: Simulation, faults: Faults) {
    this.#simulation = simulation
    this.#repeat(faults.crashEveryMs, () => this.#crash(faults))
    this.#repeat(faults.leaveEveryMs, () => this.#leave())
    this.#repeat(faults.pauseEveryMs, () => this.#pause(faults))
    this.#repeat(faults.partitionEveryMs, () => this.#partition(faults))
    this.#repeat(faults.flapEveryMs, () => this.#flap())
    this.#repeat(faults.wallJumpEveryMs, () => this.#setWall())
    this.#repeat(faults.checkpointEveryMs, () => this.#pick()?.checkpoint(), true)
  }

  /** Ends all of it, except for what is no fault. */
  stop(): void {
    this.#active = false
  }

  #repeat(everyMs: number, act: () => void, harmless = false): void {
    if (everyMs === 0) return
    const { prng } = this.#simulation
    const again = (): void => {
      this.#simulation.after(prng.between(0.1, 1.9) * everyMs, () => {
        if (!this.#active && !harmless) return
        act()
        again()
      })
    }
    again()
  }

  #pick(): SimulatedNode | undefined {
    const running = this.#simulation.nodes.filter(node => node.running && !node.paused)
    return running.length === 0 ? undefined : this.#simulation.prng.pick(running)
  }

  #crash({ powerP }: Faults): void {
    const node = this.#pick()
    if (node === undefined) return
    this.#simulation.crash(node.index, this.#simulation.prng.chance(powerP) ? 'power' : 'kill')
  }

  #leave(): void {
    const node = this.#pick()
    if (node !== undefined) this.#simulation.leave(node.index)
  }

  #pause({ pauseMs, sleepP }: Faults): void {
    const { prng } = this.#simulation
    const node = this.#pick()
    if (node === undefined) return
    const ms = prng.between(...pauseMs)
    this.#simulation.pause(node.index, ms, { sleeps: prng.chance(sleepP) })
  }

  #partition({ partitionMs, oneWayP }: Faults): void {
    const { prng, nodes } = this.#simulation
    const shuffled = nodes.map(node => node.index)
    for (let i = shuffled.length - 1; i > 0; i--) {
      const j = prng.below(i + 1)
      const swapped = shuffled[i] as number
      shuffled[i] = shuffled[j] as number
      shuffled[j] = swapped
    }
    const cut = 1 + prng.below(Math.max(1, shuffled.length - 1))
    const sides = [shuffled.slice(0, cut), shuffled.slice(cut)] as const
    const oneWay = prng.chance(oneWayP)
    const undo = this.#simulation.partition(...sides, { oneWay })
    this.#simulation.after(prng.between(...partitionMs), undo)
  }

  #flap(): void {
    const { prng, nodes, network } = this.#simulation
    if (nodes.length < 2) return
    const a = prng.below(nodes.length)
    const b = (a + 1 + prng.below(nodes.length - 1)) % nodes.length
    network.breakStream(a, b)
  }

  #setWall(): void {
    this.#pick()?.setWall(this.#simulation.prng.between(-3_600_000, 3_600_000))
    this.#simulation.count('wall clock set')
  }
}
