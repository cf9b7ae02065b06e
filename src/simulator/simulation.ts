import type { PeerId } from '../core/ids.ts'
import type { Finished } from '../core/inputs.ts'
import { Agenda, Call } from './agenda.ts'
import { Application, type ApplicationEffect } from './application.ts'
import { createCheckers } from './checkers/create-checkers.ts'
import type { Violation } from './checkers/checker.ts'
import type { CorePort } from './core-port.ts'
import { Coverage } from './coverage.ts'
import { calm, type Faults, faultsOf, healed } from './faults.ts'
import { History } from './history.ts'
import { owedBy } from './liveness.ts'
import { Nemesis } from './nemesis.ts'
import { Network } from './network.ts'
import { SimulatedNode } from './node.ts'
import type { Actor } from './observer.ts'
import { Observers } from './observers.ts'
import { resolveOptions, type SimulationConfig, type SimulationOptions } from './options.ts'
import { Prng } from './prng.ts'
import type { Ending } from './process.ts'
import type { Tamper } from './tamper.ts'
import { Trace } from './trace.ts'
import type { World } from './world.ts'

/** Violations after which nothing more is collected. */
const violationsMax = 20

/** How long an idle worker may overlook a due task, beyond two leases. */
const overlookedMsMax = 60_000

/** A simulated cluster on the real core, in virtual time. The seed decides everything. */
export class Simulation implements World {
  readonly options: SimulationConfig
  readonly core: CorePort
  readonly tamper: Tamper
  readonly prng: Prng
  readonly agenda = new Agenda()
  readonly trace: Trace
  readonly history: History
  readonly observers: Observers
  readonly network: Network
  readonly nodes: SimulatedNode[] = []
  readonly applications: Application[] = []
  readonly violations: Violation[] = []
  /** Called when handlers have ended, before the core is told. */
  onFinished: (actor: Actor, finished: Finished) => void = () => {}
  /** How often what has happened, by name. */
  readonly counts = new Map<string, number>()
  /** What goes wrong before `heal`. */
  readonly drawnFaults: Faults
  #faults: Faults
  #nemesis: Nemesis | undefined
  #nowMs = 0
  #events = 0
  #uids = 0

  constructor(options: SimulationOptions) {
    const config = resolveOptions(options)
    this.options = config
    this.core = config.core
    this.tamper = config.tamper
    this.prng = new Prng(config.seed)
    this.trace = new Trace(config.onTrace)
    const { faults } = config
    this.drawnFaults = typeof faults === 'string' ? faultsOf(faults, this.prng.fork()) : faults
    this.#faults = this.drawnFaults
    this.history = new History(this.now)
    const checkers = createCheckers({
      history: this.history,
      now: this.now,
      report: this.report,
      maxDeliveries: config.maxDeliveries,
      faults: this.drawnFaults,
    })
    this.observers = new Observers([
      this.history,
      ...checkers,
      new Coverage(this.history, this.count),
    ])
    this.network = new Network(this)
    for (let index = 0; index < config.nodes + config.guests; index++) this.#addNode(index)
    this.#introduce()
    this.#nemesis = new Nemesis(this, this.drawnFaults)
  }

  /** Global virtual time since the start, in milliseconds. */
  readonly now = (): number => this.#nowMs

  readonly faults = (): Faults => this.#faults

  readonly count = (name: string): void => {
    this.counts.set(name, (this.counts.get(name) ?? 0) + 1)
  }

  readonly report = (violation: Violation): void => {
    if (this.options.only?.includes(violation.property) === false) return
    if (this.violations.length < violationsMax) this.violations.push(violation)
  }

  get stats(): { simulatedMs: number; events: number; tasks: number; runs: number } {
    let tasks = 0
    let runs = 0
    for (const task of this.history.tasks()) {
      tasks += 1
      runs += task.runs.length
    }
    return { simulatedMs: Math.round(this.#nowMs), events: this.#events, tasks, runs }
  }

  /** Stands for everything that has happened; the same for every run of a seed. */
  get hash(): string {
    return this.trace.hash
  }

  actorOf(peer: PeerId): Actor | undefined {
    return this.nodes[this.network.indexOf(peer)]?.actor
  }

  /** Calls at a later moment of virtual time. */
  after(ms: number, call: () => void): void {
    this.agenda.add(this.#nowMs + ms, new Call(call))
  }

  /** Lets virtual time pass. Stops early at a violation: what follows only blurs its cause. */
  run(ms: number): void {
    const until = this.#nowMs + ms
    while (this.agenda.nextAt <= until && this.violations.length === 0) {
      this.#nowMs = this.agenda.nextAt
      this.#events += 1
      this.agenda.take().fire()
    }
    if (this.violations.length === 0) this.#nowMs = until
  }

  /** Ends all faults: the network is whole, who was paused goes on, who was down comes back. */
  heal(): void {
    this.#note('everything heals')
    const { lossP } = this.#faults
    this.#faults = healed(this.#faults)
    this.#nemesis?.stop()
    this.network.unblockAll()
    for (const node of this.nodes) {
      node.resume(0)
      if (!node.running) this.after(this.prng.between(0, 2_000), () => this.restart(node.index))
    }
    if (lossP > 0) this.#breakAllStreams()
  }

  /**
   * Lets time pass until nobody is owed anything, at most so long. What is owed then is a
   * violation: liveness holds once faults have stopped.
   */
  settle(limitMs: number): void {
    const begun = this.#nowMs
    const until = begun + limitMs
    const overlookedMs = 2 * this.options.leaseMs + overlookedMsMax
    let owed: string[] = []
    do {
      this.run(1_000)
      // What faults have held up is not overlooked.
      const since = this.#nowMs - overlookedMs
      owed = owedBy(this, since < begun ? -Infinity : since)
      const overlooked = owed.find(text => text.includes('overlooked'))
      if (overlooked !== undefined) this.#owe(overlooked)
    } while (owed.length > 0 && this.#nowMs < until && this.violations.length === 0)
    if (this.violations.length > 0) return
    for (const text of owed.slice(0, 10)) this.#owe(text)
  }

  /** Ends a node's process. Nobody restarts it but `restart`, `heal` or `autoRestart`. */
  crash(index: number, how: Ending = 'kill'): void {
    this.count(how === 'power' ? 'power lost' : 'killed')
    this.node(index).end(how)
  }

  restart(index: number): void {
    const node = this.node(index)
    if (node.running) return
    this.count('restarted')
    node.start()
    this.applications[index]?.began()
  }

  /** Stops a node on purpose: it gives back what has not started, and says goodbye. */
  leave(index: number): void {
    const node = this.node(index)
    const { actor } = node
    if (actor === undefined) return
    this.count('left')
    const onlyNow = (call: () => void) => (): void => {
      if (node.actor === actor) call()
    }
    node.input({ type: 'drain' })
    node.whenAble(() => node.worker?.drain())
    const goodbyeMs = this.prng.between(0, 3_000)
    this.after(
      goodbyeMs,
      onlyNow(() => node.input({ type: 'leave' })),
    )
    this.after(
      goodbyeMs + 500,
      onlyNow(() => node.end('exit')),
    )
  }

  /** Stops a node from taking anything in, for a while. */
  pause(index: number, ms: number, options: { readonly sleeps?: boolean } = {}): void {
    const node = this.node(index)
    const { actor } = node
    if (actor === undefined || node.paused) return
    this.count('paused')
    this.#note(`${node.peer} is paused for ${Math.round(ms)} ms`)
    node.pause()
    this.after(ms, () => {
      if (node.actor === actor) node.resume(options.sleeps === true ? ms : 0)
    })
  }

  /** Keeps two groups of nodes apart, or only the first from reaching the second. */
  partition(
    some: readonly number[],
    others: readonly number[],
    options: { readonly oneWay?: boolean } = {},
  ): () => void {
    const { oneWay = false } = options
    this.count(oneWay ? 'one-way partition' : 'partition')
    this.#note(`${some.join()} ${oneWay ? '-|' : '|'} ${others.join()}`)
    const pairs = some.flatMap(from => others.map(to => [from, to] as const))
    for (const [from, to] of pairs) {
      this.network.block(from, to)
      if (!oneWay) this.network.block(to, from)
    }
    return () => {
      this.#note(`${some.join()} & ${others.join()}`)
      for (const [from, to] of pairs) {
        this.network.unblock(from, to)
        if (!oneWay) this.network.unblock(to, from)
      }
    }
  }

  /** Switches all faults off for good, as `heal` does, without repairing anything. */
  calmDown(): void {
    this.#faults = calm
    this.#nemesis?.stop()
  }

  node(index: number): SimulatedNode {
    const node = this.nodes[index]
    if (node === undefined) throw new RangeError(`There is no node ${index}`)
    return node
  }

  finished(actor: Actor, finished: Finished): void {
    this.observers.finished(actor, finished)
    this.onFinished(actor, finished)
  }

  application(actor: Actor, effect: ApplicationEffect): void {
    this.applications[actor.index]?.effect(actor, effect)
  }

  ended(node: SimulatedNode): void {
    if (!this.options.autoRestart) return
    this.after(this.prng.between(...this.#faults.downMs), () => this.restart(node.index))
  }

  #addNode(index: number): void {
    const { nodes, concurrency, queues } = this.options
    const guest = index >= nodes
    const served = guest ? [] : queues.map(queue => ({ queue, concurrency }))
    const node = new SimulatedNode(this, {
      index,
      peer: guest ? `g${index}` : `n${index}`,
      guest,
      capacity: { queues: served, concurrency: guest ? 0 : concurrency },
    })
    this.nodes.push(node)
    this.network.add(node)
    this.applications.push(new Application(this, node, () => this.#uids++))
    this.after(this.prng.between(0, 500), () => this.restart(index))
  }

  #introduce(): void {
    const { nodes, known } = this.options
    for (const { index, guest } of this.nodes) {
      for (let to = 0; to < nodes; to++) {
        if (to === index) continue
        const meets = guest ? (index + to) % 2 === 0 || nodes < 3 : known === 'all' || to === 0
        if (meets) this.network.introduce(index, to)
      }
    }
  }

  #breakAllStreams(): void {
    for (const { index: a } of this.nodes) {
      for (let b = 0; b < a; b++) this.network.breakStream(a, b)
    }
  }

  #note(text: string): void {
    this.trace.add(this.#nowMs, '', { type: 'fault', text })
  }

  #owe(message: string): void {
    this.report({ property: 'liveness', atMs: this.#nowMs, message })
  }
}

/** Makes a cluster. Nothing happens before `run`. */
export function simulate(options: SimulationOptions): Simulation {
  return new Simulation(options)
}
