import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { InvalidParametersError } from '../errors.ts'
import type { MeshNode } from '../mesh-node.ts'
import type { RunningNode } from '../running-node.ts'
import { checkPublished } from './assertions.ts'
import type { TestClusterConfig } from './cluster-init.ts'
import { failureOf } from './failure.ts'
import type { Published, SettleOptions, TestCluster } from './test-cluster.ts'

/** How long `settle` may take, and how often it looks, in milliseconds. */
const settleMsMax = 60_000
const settleEveryMs = 50

/** States of tasks that are over. */
const finalStates: ReadonlySet<string> = new Set(['done', 'failed', 'cancelled'])

/** A test cluster of real nodes in this process, on 127.0.0.1, in real time. */
export class TcpCluster implements TestCluster {
  readonly seed: number
  readonly #config: TestClusterConfig
  readonly #file: string | undefined
  readonly #nodes: RunningNode[] = []
  readonly #down = new Set<number>()
  readonly #began = performance.now()
  #folder = ''

  constructor(config: TestClusterConfig, file: string | undefined) {
    this.#config = config
    this.#file = file
    this.seed = config.seed
    if (config.faults.length > 0) throw this.#needsVirtual('faults')
  }

  get size(): number {
    return this.#nodes.length
  }

  get nowMs(): number {
    return Math.round(performance.now() - this.#began)
  }

  async start(): Promise<void> {
    const { nodes, guests } = this.#config
    this.#folder = await mkdtemp(join(tmpdir(), 'meshwork-test-'))
    for (let index = 0; index < nodes + guests; index++)
      this.#nodes[index] = await this.#make(index)
    await this.#ready()
  }

  node(index: number): MeshNode {
    return this.#at(index)
  }

  async advance(ms: number): Promise<void> {
    await pause(ms)
  }

  sleep(ms: number): Promise<void> {
    return pause(ms)
  }

  async settle({ limitMs = settleMsMax }: SettleOptions = {}): Promise<void> {
    const until = performance.now() + limitMs
    for (let open = this.#open(); open.length > 0; open = this.#open()) {
      if (performance.now() > until) throw this.#failure(`Not settled after ${limitMs} ms`, open)
      await pause(settleEveryMs)
    }
  }

  partition(): void {
    throw this.#needsVirtual('partition')
  }

  loss(): void {
    throw this.#needsVirtual('loss')
  }

  latency(): void {
    throw this.#needsVirtual('latency')
  }

  hold(): () => void {
    throw this.#needsVirtual('hold')
  }

  release(): void {}

  heal(): void {}

  async crash(index: number): Promise<void> {
    const node = this.#at(index)
    this.#down.add(index)
    // No goodbye: its connections close, as those of a killed process do.
    node.fail(new Error(`Node ${index} has crashed, as the test wanted it`))
    await node.stopped
  }

  async restart(index: number): Promise<void> {
    if (!this.#down.has(index)) return
    this.#nodes[index] = await this.#make(index)
    this.#down.delete(index)
    await this.#ready()
  }

  pause(): void {
    throw this.#needsVirtual('pause')
  }

  resume(): void {
    throw this.#needsVirtual('resume')
  }

  skew(): void {
    throw this.#needsVirtual('skew')
  }

  async loseDisk(index: number): Promise<void> {
    await this.crash(index)
    await rm(this.#dataDir(index), { recursive: true, force: true })
  }

  assertCompleted(tasks: readonly Published[]): void {
    checkPublished(tasks)
    const problems = tasks.flatMap(({ id }) => {
      const state = this.#stateOf(id)
      return state === 'done' ? [] : [`Task ${id} is ${state ?? 'known to no node that is up'}`]
    })
    const what = `${problems.length} of ${tasks.length} tasks are not done`
    if (problems.length > 0) throw this.#failure(what, problems)
  }

  assertConverged(): void {
    const problems = [...this.#open(), ...this.#apart()]
    if (problems.length > 0) throw this.#failure('The nodes are not of one mind', problems)
  }

  async stop(): Promise<void> {
    await Promise.all(this.#up().map(node => node.stop()))
    for (const index of this.#nodes.keys()) this.#down.add(index)
    if (this.#folder !== '') await rm(this.#folder, { recursive: true, force: true })
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop()
  }

  async #make(index: number): Promise<RunningNode> {
    const { tasks, nodes, concurrency, voters, leaseMs, gossip, orphans } = this.#config
    const { createNode } = await import('../node.ts')
    const bootstrap = this.#up().flatMap(node => node.addresses)
    const base = { mdns: false, bootstrap, mesh: 'test' }
    if (index >= nodes) return (await createNode({ ...base, guest: true })) as RunningNode
    const node = await createNode({
      ...base,
      listen: ['/ip4/127.0.0.1/tcp/0'],
      dataDir: this.#dataDir(index),
      durability: 'process',
      tasks: typeof tasks === 'function' ? tasks(index) : tasks,
      ...{ concurrency, voters, leaseMs, gossip, orphans },
    })
    return node as RunningNode
  }

  /** Waits until the nodes that are up know each other. */
  async #ready(): Promise<void> {
    const up = this.#up()
    const full = up.filter(node => this.#nodes.indexOf(node) < this.#config.nodes)
    await Promise.all(
      up.map(node => node.ready({ peers: full.includes(node) ? full.length - 1 : full.length })),
    )
  }

  #up(): RunningNode[] {
    return this.#nodes.filter((_, index) => !this.#down.has(index))
  }

  /** Tasks that are not over, as those who keep them see it. */
  #open(): string[] {
    return this.#up().flatMap(node =>
      node.local.queues().flatMap(({ ledger, queue, pending, delayed, running }) => {
        const open = pending + delayed + running
        return open > 0 ? [`${open} tasks of ${queue} are open in ledger ${ledger}`] : []
      }),
    )
  }

  /** Nodes that are up and not connected. */
  #apart(): string[] {
    const up = this.#up()
    return up.flatMap(node => {
      const known = new Set(node.peers().flatMap(peer => (peer.connected ? [peer.peerId] : [])))
      const missing = up.filter(other => other !== node && !known.has(other.peerId))
      return missing.map(other => `${node.peerId} is not connected to ${other.peerId}`)
    })
  }

  #stateOf(id: string): string | undefined {
    const states = this.#up().flatMap(node => node.local.find(id)?.state ?? [])
    return states.find(state => finalStates.has(state)) ?? states[0]
  }

  #at(index: number): RunningNode {
    const node = this.#nodes[index]
    if (node !== undefined) return node
    throw new InvalidParametersError(`There is no node ${index}; the last is ${this.size - 1}`)
  }

  #dataDir(index: number): string {
    return join(this.#folder, `node-${index}`)
  }

  #needsVirtual(what: string): Error {
    return new InvalidParametersError(`${what} needs a cluster with transport: 'virtual'`)
  }

  #failure(what: string, problems: readonly string[]): Error {
    return failureOf(what, problems, { seed: this.seed, faults: [], file: this.#file })
  }
}
