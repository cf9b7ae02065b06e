import { defaultLogger } from '@libp2p/logger'
import { type MeshNodeConfig, resolveConfig } from '../config.ts'
import { InvalidParametersError } from '../errors.ts'
import type { MeshNode } from '../mesh-node.ts'
import type { RunningNode } from '../running-node.ts'
import { debtsOf } from '../simulator/liveness/debts.ts'
import { Simulation } from '../simulator/simulation.ts'
import {
  completedProblems,
  convergedProblems,
  debtText,
  lostProblems,
  undecidedProblems,
  violationProblems,
} from './assertions.ts'
import type { TestClusterConfig } from './cluster-init.ts'
import { explained, failureOf } from './failure.ts'
import { watchErrors } from './handler-errors.ts'
import { Handlers } from './handlers.ts'
import { HeldMessages, type HoldFilter } from './held-messages.ts'
import { MeshProcess } from './mesh-process.ts'
import { Pump } from './pump.ts'
import { RealWork } from './real-work.ts'
import type { CrashOptions, Published, SettleOptions, TestCluster } from './test-cluster.ts'
import { tracked } from './track.ts'

/** How long `settle` may take, and how often it looks, in virtual milliseconds. */
const settleMsMax = 30 * 60_000
const settleEveryMs = 500

/** How long nodes may take to find each other, in virtual milliseconds. */
const readyMsMax = 120_000

/** A test cluster in virtual time. */
export class VirtualCluster implements TestCluster {
  readonly seed: number
  readonly simulation: Simulation
  readonly #config: TestClusterConfig
  readonly #file: string | undefined
  readonly #handlers = new Handlers()
  readonly #held = new HeldMessages()
  readonly #pump: Pump
  readonly #running: (RunningNode | undefined)[] = []
  readonly #nodes: (MeshNode | undefined)[] = []
  readonly #partitions: (() => void)[] = []
  #stopped = false

  constructor(config: TestClusterConfig, file: string | undefined) {
    this.#config = config
    this.#file = file
    this.seed = config.seed
    const { nodes, guests, seed, concurrency, voters, leaseMs, gossip, faults, without } = config
    const logger = defaultLogger()
    this.simulation = new Simulation({
      ...{ nodes, guests, seed, concurrency, voters, leaseMs, gossip, faults, without },
      plans: false,
      autoRestart: faults.length > 0,
      // Where a test publishes.
      spared: [0],
      queuesOf: index => this.#configOf(index).tasks.map(({ name }) => name),
      createProcess: (world, init) =>
        new MeshProcess(world, init, {
          handlers: this.#handlers,
          held: this.#held,
          logger,
          configOf: index => this.#configOf(index),
          touch: () => this.#pump.touch(),
          made: (index, node) => this.#made(index, node),
          networkOf: index => {
            const process = this.simulation.nodes[index]?.process
            return process instanceof MeshProcess ? process.network : undefined
          },
        }),
    })
    watchErrors(this.simulation)
    this.#pump = new Pump({
      simulation: this.simulation,
      real: new RealWork(this.#handlers, config.realWorkMs),
      waitMsMax: config.waitMs,
      problem: () => this.#brokenRule(),
      stuck: () => this.#stuck(),
    })
  }

  get size(): number {
    return this.simulation.nodes.length
  }

  get nowMs(): number {
    return Math.round(this.simulation.now())
  }

  /** Lets the nodes start and find each other. */
  async start(): Promise<void> {
    const { nodes, faults } = this.#config
    // All have started by then, unless they join late.
    await this.advance(500)
    const peers = faults.length > 0 ? 0 : nodes - 1
    const ready = this.#running.slice(0, nodes).flatMap(node => {
      return node === undefined ? [] : [node.ready({ peers, timeoutMs: readyMsMax })]
    })
    await this.#pump.track(Promise.all(ready))
  }

  node(index: number): MeshNode {
    const node = this.#nodes[this.#check(index)]
    if (node === undefined) throw new InvalidParametersError(`Node ${index} has not started yet`)
    return node
  }

  async advance(ms: number): Promise<void> {
    await this.#pump.advance(ms)
  }

  sleep(ms: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.simulation.after(ms, () => {
      this.#pump.touch()
      resolve()
    })
    return this.#handlers.waiting(this.#pump.track(promise))
  }

  async settle({ limitMs = settleMsMax }: SettleOptions = {}): Promise<void> {
    const { simulation } = this
    const began = simulation.now()
    for (;;) {
      await this.#pump.advance(settleEveryMs)
      const lost = this.#lost()
      if (lost !== undefined) throw lost
      const debts = debtsOf(simulation, began)
      if (debts.length === 0) return
      const isOver = simulation.now() - began >= limitMs
      const due = debts.filter(({ overdue }) => isOver || overdue).map(debtText)
      if (due.length === 0) continue
      const what = `Not settled after ${Math.round(simulation.now() - began)} virtual ms`
      throw this.#failure(what, [...undecidedProblems(simulation), ...due])
    }
  }

  partition(...groups: readonly (readonly number[])[]): void {
    for (const index of groups.flat()) this.#check(index)
    for (const [i, some] of groups.entries()) {
      for (const others of groups.slice(i + 1)) {
        this.#partitions.push(this.simulation.mishaps.partition(some, others))
      }
    }
  }

  loss(probability: number): void {
    this.simulation.change({ lossP: probability })
  }

  latency(ms: number | readonly [number, number]): void {
    const latencyMs = typeof ms === 'number' ? ([ms, ms] as const) : ms
    this.simulation.change({ latencyMs })
  }

  hold(filter: HoldFilter = {}): () => void {
    return this.#held.hold(filter)
  }

  release(): void {
    this.#held.releaseAll()
  }

  heal(): void {
    this.#partitions.length = 0
    this.#held.releaseAll()
    const down = this.#config.faults.length > 0
    this.simulation.heal({ restart: down })
  }

  async crash(index: number, { power = false }: CrashOptions = {}): Promise<void> {
    this.simulation.mishaps.crash(this.#check(index), power ? 'power' : 'kill')
    await this.#pump.advance(0)
  }

  async restart(index: number): Promise<void> {
    const node = this.simulation.nodes[this.#check(index)]
    this.simulation.mishaps.restart(index)
    if (node?.out !== undefined) {
      throw this.#failure(`Node ${index} cannot start again`, [
        `its disk is of no use: ${node.out}`,
      ])
    }
    await this.#pump.advance(0)
  }

  pause(index: number, ms?: number): void {
    this.simulation.mishaps.pause(this.#check(index), ms ?? Infinity)
  }

  resume(index: number): void {
    this.simulation.nodes[this.#check(index)]?.resume(0)
  }

  skew(index: number, ms: number): void {
    this.simulation.disturbed.clocks = true
    this.simulation.nodes[this.#check(index)]?.setWall(ms)
  }

  async loseDisk(index: number): Promise<void> {
    await this.crash(index, { power: true })
    this.simulation.mishaps.wipe(index)
  }

  assertCompleted(tasks: readonly Published[]): void {
    const problems = completedProblems(this.simulation, tasks)
    const what = `${problems.length} of ${tasks.length} tasks are not done`
    if (problems.length > 0) throw this.#failure(what, problems)
  }

  assertConverged(): void {
    const problems = convergedProblems(this.simulation)
    if (problems.length > 0) throw this.#failure('The nodes are not of one mind', problems)
  }

  async stop(): Promise<void> {
    if (this.#stopped) return
    this.#stopped = true
    for (const { index } of this.simulation.nodes) this.simulation.nodes[index]?.end('kill')
    this.#pump.fail(new Error('The cluster was stopped'))
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop()
  }

  #made(index: number, node: RunningNode): void {
    this.#running[index] = node
    this.#nodes[index] = tracked<MeshNode>(node, work =>
      this.#handlers.waiting(this.#pump.track(explained(work, () => this.#lost()))),
    )
  }

  #configOf(index: number): MeshNodeConfig {
    const { tasks, nodes, concurrency, voters, leaseMs, gossip, orphans } = this.#config
    const guest = index >= nodes
    const own = typeof tasks === 'function' ? tasks(index) : tasks
    if (guest) return resolveConfig({ guest })
    return resolveConfig({ tasks: own, concurrency, voters, leaseMs, gossip, orphans })
  }

  #check(index: number): number {
    if (this.simulation.nodes[index] === undefined) {
      throw new InvalidParametersError(`There is no node ${index}; the last is ${this.size - 1}`)
    }
    return index
  }

  #lost(): Error | undefined {
    const problems = lostProblems(this.simulation)
    return problems.length === 0 ? undefined : this.#failure('Tasks are lost', problems)
  }

  #brokenRule(): Error | undefined {
    const problems = violationProblems(this.simulation)
    if (problems.length === 0) return undefined
    return this.#failure('A rule of the protocol was broken', problems)
  }

  #stuck(): Error {
    const what = `Nothing has come of it in ${this.#config.waitMs} virtual ms`
    return this.#failure(what, undecidedProblems(this.simulation))
  }

  #failure(what: string, problems: readonly string[]): Error {
    const { seed, simulation } = this
    return failureOf(what, problems, { seed, faults: simulation.mix.kinds, file: this.#file })
  }
}
