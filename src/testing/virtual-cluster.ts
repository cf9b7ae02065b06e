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
import { Pauses } from './pauses.ts'
import { Pump } from './pump.ts'
import { RealWork } from './real-work.ts'
import type { CrashOptions, Published, SettleOptions, TestCluster } from './test-cluster.ts'
import { tracked } from './track.ts'
import * as check from './verb-checks.ts'

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
  readonly #pauses: Pauses
  /** What wall clocks were wrong by before the test set them. */
  readonly #skews = new Map<number, number>()
  #isSlow = false
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
          began: index => this.#pauses.began(index),
          networkOf: index => {
            const process = this.simulation.nodes[index]?.process
            return process instanceof MeshProcess ? process.network : undefined
          },
        }),
    })
    watchErrors(this.simulation)
    this.#pauses = new Pauses(this.simulation)
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
    await this.#pass(500)
    const peers = faults.length > 0 ? 0 : nodes - 1
    const ready = this.#running.slice(0, nodes).flatMap(node => {
      return node === undefined ? [] : [node.ready({ peers, timeoutMs: readyMsMax })]
    })
    await this.#pump.track(Promise.all(ready), { drives: true })
  }

  node(index: number): MeshNode {
    check.checkNode(index, this.size)
    const node = this.#nodes[index]
    if (node === undefined) throw new InvalidParametersError(`Node ${index} has not started yet`)
    return node
  }

  async advance(ms: number): Promise<void> {
    check.checkMs('advance', ms)
    await this.#pass(ms)
  }

  async sleep(ms: number): Promise<void> {
    check.checkMs('sleep', ms)
    await this.#pass(ms)
  }

  async settle(options: SettleOptions = {}): Promise<void> {
    check.checkSettle(options)
    const { limitMs = settleMsMax } = options
    const { simulation } = this
    const began = simulation.now()
    for (;;) {
      await this.#pass(settleEveryMs)
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
    check.checkGroups(groups, this.size)
    for (const [i, some] of groups.entries()) {
      for (const others of groups.slice(i + 1)) this.simulation.mishaps.partition(some, others)
    }
  }

  loss(probability: number): void {
    check.checkProbability('loss', probability)
    this.simulation.change({ lossP: probability })
  }

  latency(ms: number | readonly [number, number]): void {
    const latencyMs = check.checkLatency(ms)
    this.#isSlow = true
    this.simulation.change({ latencyMs })
  }

  hold(filter: HoldFilter = {}): () => void {
    check.checkFilter(filter, this.size)
    return this.#held.hold(filter)
  }

  release(): void {
    this.#held.releaseAll()
  }

  heal(): void {
    const { simulation } = this
    const { latencyMs } = simulation.mix.faults
    // A simulation keeps the latency of its network when it heals.
    if (this.#isSlow) simulation.change({ latencyMs })
    this.#isSlow = false
    this.#held.releaseAll()
    this.#pauses.clear()
    for (const [index, ms] of this.#skews) simulation.nodes[index]?.setWall(ms)
    this.#skews.clear()
    simulation.heal({ restart: this.#config.faults.length > 0 })
  }

  async crash(index: number, options: CrashOptions = {}): Promise<void> {
    check.checkNode(index, this.size)
    check.checkCrash(options)
    this.simulation.mishaps.crash(index, options.power === true ? 'power' : 'kill')
    await this.#pass(0)
  }

  async restart(index: number): Promise<void> {
    check.checkNode(index, this.size)
    this.simulation.mishaps.restart(index)
    const out = this.simulation.nodes[index]?.out
    if (out !== undefined) {
      throw this.#failure(`Node ${index} cannot start again`, [`its disk is of no use: ${out}`])
    }
    await this.#pass(0)
  }

  pause(index: number, ms?: number): void {
    check.checkNode(index, this.size)
    check.checkPause(ms)
    this.#pauses.pause(index, ms ?? Infinity)
  }

  resume(index: number): void {
    check.checkNode(index, this.size)
    this.#pauses.resume(index)
  }

  skew(index: number, ms: number): void {
    check.checkNode(index, this.size)
    check.checkSkew(ms)
    const node = this.simulation.nodes[index]
    if (node !== undefined && !this.#skews.has(index)) this.#skews.set(index, node.wallSkewMs)
    this.simulation.disturbed.clocks = true
    node?.setWall(ms)
  }

  async loseDisk(index: number): Promise<void> {
    await this.crash(index, { power: true })
    this.simulation.mishaps.wipe(index)
  }

  assertCompleted(tasks: readonly Published[]): void {
    check.checkPublished(tasks)
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
    this.#handlers.stop()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop()
  }

  #made(index: number, node: RunningNode): void {
    this.#running[index] = node
    this.#nodes[index] = tracked<MeshNode>(node, work =>
      this.#handlers.waiting(drives => {
        return this.#pump.track(
          explained(work, () => this.#lost()),
          { drives },
        )
      }),
    )
  }

  #configOf(index: number): MeshNodeConfig {
    const { tasks, nodes, concurrency, voters, leaseMs, gossip, orphans } = this.#config
    const guest = index >= nodes
    const own = typeof tasks === 'function' ? tasks(index) : tasks
    if (guest) return resolveConfig({ guest })
    return resolveConfig({ tasks: own, concurrency, voters, leaseMs, gossip, orphans })
  }

  /** Lets time pass; a handler waits until it has. */
  #pass(ms: number): Promise<void> {
    return this.#handlers.waiting(drives => this.#pump.advance(ms, { drives }))
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
    const { waitMs } = this.#config
    const remedy = 'let time pass with advance(), or raise waitMs'
    const what = `Nothing has come of it in ${waitMs} virtual ms; ${remedy}`
    const { guessed } = this.#handlers
    const guess = guessed === 0 ? [] : [guessText(guessed)]
    return this.#failure(what, [...guess, ...undecidedProblems(this.simulation)])
  }

  #failure(what: string, problems: readonly string[]): Error {
    const { seed, simulation } = this
    return failureOf(what, problems, { seed, faults: simulation.mix.kinds, file: this.#file })
  }
}

function guessText(handlers: number): string {
  const what = `${handlers} ${handlers === 1 ? 'handler has' : 'handlers have'} not ended`
  const real = 'an answer on an open connection or from a thread that takes over a second'
  return `${what}, and may wait for something real that cannot be seen, such as ${real}`
}
