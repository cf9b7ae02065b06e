import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { InvalidParametersError } from '../errors.ts'
import type { MeshNode } from '../mesh-node.ts'
import type { RunningNode } from '../running-node.ts'
import { systemTimers } from '../time/system-timers.ts'
import { delay } from '../time/timers.ts'
import type { TestClusterConfig } from './cluster-init.ts'
import { failureOf } from './failure.ts'
import type { CrashOptions, Published, SettleOptions, TestCluster } from './test-cluster.ts'
import * as check from './verb-checks.ts'

/** How long `settle` may take, and how often it looks, in milliseconds. */
const settleMsMax = 60_000
const settleEveryMs = 50

/** States of tasks that are over. */
const finalStates: ReadonlySet<string> = new Set(['done', 'failed', 'cancelled'])

/** A test cluster of real nodes in this process, on 127.0.0.1, in real time. */
export class TcpCluster implements TestCluster {
  readonly seed: number
  readonly #config: TestClusterConfig
  readonly #nodes: RunningNode[] = []
  readonly #down = new Set<number>()
  /** Tasks that a majority holds and that are not over, as far as the nodes have told. */
  readonly #owed = new Set<string>()
  /** How tasks have ended. */
  readonly #ended = new Map<string, string>()
  readonly #began = performance.now()
  #folder = ''

  constructor(config: TestClusterConfig) {
    this.#config = config
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
    check.checkMs('advance', ms)
    await delay(systemTimers, ms)
  }

  async sleep(ms: number): Promise<void> {
    check.checkMs('sleep', ms)
    await delay(systemTimers, ms)
  }

  async settle(options: SettleOptions = {}): Promise<void> {
    check.checkSettle(options)
    const { limitMs = settleMsMax } = options
    const until = performance.now() + limitMs
    for (;;) {
      const missing = this.#missing()
      // Who is down may still have it.
      if (missing.length > 0 && this.#down.size === 0) {
        throw failureOf('Tasks are lost', missing)
      }
      const open = [...missing, ...this.#open()]
      if (open.length === 0) return
      if (performance.now() > until) throw failureOf(`Not settled after ${limitMs} ms`, open)
      await delay(systemTimers, settleEveryMs)
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

  async crash(index: number, options: CrashOptions = {}): Promise<void> {
    const node = this.#at(index)
    check.checkCrash(options)
    if (options.power === true) throw this.#needsVirtual('crash with power')
    this.#down.add(index)
    // No goodbye: its connections close, as those of a killed process do.
    node.fail(new Error(`Node ${index} has crashed, as the test wanted it`))
    await node.stopped
  }

  async restart(index: number): Promise<void> {
    this.#at(index)
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
    check.checkPublished(tasks)
    const problems = tasks.flatMap(({ id }) => {
      const state = this.#stateOf(id)
      if (state === 'done') return []
      return [state === undefined ? this.#missingText(id) : `Task ${id} is ${state}`]
    })
    const what = `${problems.length} of ${tasks.length} tasks are not done`
    if (problems.length > 0) throw failureOf(what, problems)
  }

  assertConverged(): void {
    const problems = [...this.#missing(), ...this.#open(), ...this.#apart()]
    if (problems.length > 0) throw failureOf('The nodes are not of one mind', problems)
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
    if (index >= nodes) return this.#watched(await createNode({ ...base, guest: true }))
    const node = await createNode({
      ...base,
      listen: ['/ip4/127.0.0.1/tcp/0'],
      dataDir: this.#dataDir(index),
      durability: 'process',
      tasks: typeof tasks === 'function' ? tasks(index) : tasks,
      ...{ concurrency, voters, leaseMs, gossip, orphans },
    })
    return this.#watched(node)
  }

  /** Remembers what is published there, and what ends. */
  #watched(node: MeshNode): RunningNode {
    const end = (id: string, state: string): void => {
      this.#owed.delete(id)
      this.#ended.set(id, state)
    }
    node.addEventListener('task:published', ({ detail }) => {
      if (!this.#ended.has(detail.taskId)) this.#owed.add(detail.taskId)
    })
    node.addEventListener('task:done', ({ detail }) => end(detail.taskId, 'done'))
    node.addEventListener('task:failed', ({ detail }) => end(detail.taskId, 'failed'))
    node.addEventListener('task:cancelled', ({ detail }) => end(detail.taskId, 'cancelled'))
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

  /** Tasks that are owed, and that nobody who is up knows. */
  #missing(): string[] {
    const missing = [...this.#owed].filter(id => this.#stateOf(id) === undefined)
    return missing.map(id => this.#missingText(id))
  }

  #missingText(id: string): string {
    const isLost = this.#down.size === 0 && this.#owed.has(id)
    const why = isLost ? 'lost: no node keeps it any more' : 'known to no node that is up'
    return `Task ${id} is ${why}`
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
    return states.find(state => finalStates.has(state)) ?? this.#ended.get(id) ?? states[0]
  }

  #at(index: number): RunningNode {
    check.checkNode(index, this.size)
    const node = this.#nodes[index]
    if (node !== undefined) return node
    throw new InvalidParametersError(`Node ${index} has not started yet`)
  }

  #dataDir(index: number): string {
    return join(this.#folder, `node-${index}`)
  }

  #needsVirtual(what: string): Error {
    return new InvalidParametersError(`${what} needs a cluster with transport: 'virtual'`)
  }
}
