import type { DiskImage } from './disk.ts'
import type { SimulatedNode } from './node.ts'
import { Prng } from './prng.ts'
import type { Ending } from './node-process.ts'
import type { Simulation } from './simulation.ts'

/** What may befall the nodes of a simulation and the connections between them. */
export class Mishaps {
  readonly #simulation: Simulation
  readonly #prng: Prng
  /** Nodes whose disks are gone, or about to be. */
  readonly #doomed = new Set<number>()
  /** Nodes that have come back with an old copy of their disk. */
  readonly #rolledBack = new Set<number>()

  constructor(simulation: Simulation) {
    this.#simulation = simulation
    this.#prng = Prng.named(simulation.options.seed, 'mishaps')
  }

  /** Ends a node's process. Nobody restarts it but `restart`, `heal` or `autoRestart`. */
  crash(index: number, how: Ending = 'kill'): void {
    const { count, disturbed } = this.#simulation
    count(how === 'power' ? 'power lost' : 'killed')
    disturbed.any = true
    this.#node(index).end(how)
  }

  /** Starts a node's process, unless it runs or is gone for good; on another disk if it has to. */
  restart(index: number): void {
    const node = this.#node(index)
    const { count, options, applications } = this.#simulation
    if (node.running || node.out !== undefined) return
    this.#setAside(node)
    if (node.disk.full) {
      count('start refused: disk full')
      if (options.autoRestart) this.#simulation.after(1_000, () => this.restart(index))
      return
    }
    count('restarted')
    node.start()
    applications[index]?.began()
  }

  /** Stops a node on purpose: it gives back what has not started, and says goodbye. */
  leave(index: number, { forGood = false }: { readonly forGood?: boolean } = {}): void {
    const node = this.#node(index)
    const { actor } = node
    if (actor === undefined) return
    this.#simulation.count(forGood ? 'departed' : 'left')
    if (forGood) this.#doomed.add(index)
    const onlyNow = (call: () => void) => (): void => {
      if (node.actor === actor) call()
    }
    node.input({ type: 'drain' })
    if (!node.guest) node.input({ type: 'hand-over' })
    node.whenAble(() => node.worker?.drain())
    const goodbyeMs = this.#prng.between(0, 3_000)
    this.#simulation.after(
      goodbyeMs,
      onlyNow(() => node.input({ type: 'leave' })),
    )
    this.#simulation.after(
      goodbyeMs + 500,
      onlyNow(() => {
        node.end('exit')
        if (forGood) this.#goesOut(node, 'it has departed')
      }),
    )
  }

  /** Stops a node from taking anything in, for a while. */
  pause(index: number, ms: number, options: { readonly sleeps?: boolean } = {}): void {
    const node = this.#node(index)
    const { actor } = node
    if (actor === undefined || node.paused) return
    const { disturbed } = this.#simulation
    disturbed.any = true
    disturbed.clocks = true
    this.#simulation.note(`${node.peer} is paused for ${Math.round(ms)} ms`)
    node.pause()
    this.#simulation.network.stalled(index)
    if (ms === Infinity) return
    const { pauses } = node
    this.#simulation.after(ms, () => {
      // It may have been resumed before, and be paused again.
      if (node.actor === actor && node.pauses === pauses)
        node.resume(options.sleeps === true ? ms : 0)
    })
  }

  /** Keeps two groups of nodes apart, or only the first from reaching the second. */
  partition(
    some: readonly number[],
    others: readonly number[],
    options: { readonly oneWay?: boolean } = {},
  ): () => void {
    const { oneWay = false } = options
    const { network, count, note, disturbed } = this.#simulation
    disturbed.any = true
    count(oneWay ? 'one-way partition' : 'partition')
    note(`${some.join()} ${oneWay ? '-|' : '|'} ${others.join()}`)
    const pairs = some.flatMap(from => others.map(to => [from, to] as const))
    for (const [from, to] of pairs) {
      network.block(from, to)
      if (!oneWay) network.block(to, from)
    }
    return () => {
      note(`${some.join()} & ${others.join()}`)
      for (const [from, to] of pairs) {
        network.unblock(from, to)
        if (!oneWay) network.unblock(to, from)
      }
    }
  }

  /** Empties the disk of a node that does not run: it comes back as another voter. */
  wipe(index: number): void {
    const node = this.#node(index)
    this.#simulation.count('disk wiped')
    this.#lose(node)
    node.replaceDisk()
  }

  /** Gives a node that does not run an old copy of its disk. */
  rollBack(index: number, copy: DiskImage): void {
    const node = this.#node(index)
    this.#simulation.count('disk rolled back')
    this.#rolledBack.add(index)
    this.#lose(node)
    node.replaceDisk(copy)
  }

  /** A node has been shown that its disk has lost something: it must not start on it again. */
  quarantine(index: number, reason: string): void {
    const node = this.#node(index)
    const { note, report, now } = this.#simulation
    note(`${node.peer} stops: ${reason}`)
    if (!this.#rolledBack.has(index)) {
      const message = `${node.peer} is quarantined without a reason: ${reason}`
      report({ property: 'core', atMs: now(), message })
    }
    node.outdateDisk()
  }

  /**
   * Whether a node's disk may be lost: with more than a minority of the voters gone, tasks would
   * be lost that nobody can bring back, unless a survivor may go on with them.
   */
  mayLose(index: number): boolean {
    const { voters, nodes, orphans } = this.#simulation.options
    const most = orphans === 'fork' ? nodes - 1 : (Math.min(voters, nodes) - 1) >>> 1
    const bearable = Math.max(1, most)
    return this.#doomed.has(index) || this.#doomed.size < bearable
  }

  /** A node's disk is going to be lost. */
  doom(index: number): void {
    this.#doomed.add(index)
  }

  /** Puts an empty disk in the place of one that has lost something, as a store does. */
  #setAside(node: SimulatedNode): void {
    const { problem } = node.disk
    if (problem === undefined) return
    const { count, note } = this.#simulation
    count(`quarantined: ${problem}`)
    note(`the disk of ${node.peer} is set aside: ${problem}`)
    this.#lose(node)
    node.replaceDisk()
  }

  /** A node never comes back. Who may have known no other is told of another one. */
  #goesOut(node: SimulatedNode, reason: string): void {
    node.out = reason
    this.#lose(node)
    const { nodes, network } = this.#simulation
    const known = nodes.find(({ guest, out }) => !guest && out === undefined)
    if (known === undefined) return
    for (const { index } of nodes) if (index !== known.index) network.introduce(index, known.index)
  }

  #lose(node: SimulatedNode): void {
    const { index, peer } = node
    this.#doomed.add(index)
    this.#simulation.observers.lost(index, { peer, storageId: node.disk.storageId })
    this.#simulation.applications[index]?.lostDisk()
  }

  #node(index: number): SimulatedNode {
    const node = this.#simulation.nodes[index]
    if (node === undefined) throw new RangeError(`There is no node ${index}`)
    return node
  }
}
