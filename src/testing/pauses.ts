import type { Actor } from '../simulator/observer.ts'
import type { Simulation } from '../simulator/simulation.ts'

interface Pause {
  /** When it is over, in virtual time. */
  readonly untilMs: number
  /** The process that it stops; undefined while it waits for the node to start. */
  readonly actor: Actor | undefined
}

/** The pauses that a test has asked for. The longest counts; a crash ends one. */
export class Pauses {
  readonly #simulation: Simulation
  readonly #pauses = new Map<number, Pause>()

  constructor(simulation: Simulation) {
    this.#simulation = simulation
  }

  /** Stops a node for so long, from its start on if it is down. */
  pause(index: number, ms: number): void {
    const { actor } = this.#simulation.nodes[index] ?? {}
    const before = this.#pauses.get(index)
    const untilMs = this.#simulation.now() + ms
    if (before !== undefined && before.actor === actor && before.untilMs >= untilMs) return
    this.#pauses.set(index, { untilMs, actor })
    this.#stop(index)
    if (ms < Infinity) this.#simulation.after(ms, () => this.#end(index))
  }

  /** A node has started. */
  began(index: number): void {
    const pause = this.#pauses.get(index)
    const actor = this.#simulation.nodes[index]?.actor
    if (pause === undefined) return
    const isOver = pause.untilMs <= this.#simulation.now()
    if (isOver || (pause.actor !== undefined && pause.actor !== actor)) {
      this.#pauses.delete(index)
      return
    }
    this.#pauses.set(index, { ...pause, actor })
    this.#stop(index)
  }

  resume(index: number): void {
    this.#pauses.delete(index)
    this.#simulation.nodes[index]?.resume(0)
  }

  /** Forgets all of them; who is paused goes on by other means. */
  clear(): void {
    this.#pauses.clear()
  }

  #stop(index: number): void {
    const node = this.#simulation.nodes[index]
    // Nobody else who has paused it shall wake it; and one that starts is paused when it is up.
    if (node?.paused === true) node.pause()
    else this.#simulation.mishaps.pause(index, Infinity)
  }

  #end(index: number): void {
    const pause = this.#pauses.get(index)
    if (pause === undefined || pause.untilMs > this.#simulation.now()) return
    this.#pauses.delete(index)
    const node = this.#simulation.nodes[index]
    if (node?.actor === pause.actor) node?.resume(0)
  }
}
