import type { PeerId } from '../core/ids.ts'
import type { Finished } from '../core/inputs.ts'
import { orphanMs } from '../core/orphans.ts'
import { Agenda, Call } from './agenda.ts'
import { Application, type ApplicationEffect } from './application.ts'
import type { Disturbed, Violation } from './checkers/checker.ts'
import { createCheckers } from './checkers/create-checkers.ts'
import type { CorePort } from './core-port.ts'
import { Coverage } from './coverage.ts'
import { drawFaults, type FaultMix } from './fault-kinds.ts'
import { type Faults, healed, saneClocks } from './faults.ts'
import { History } from './history.ts'
import { debtsOf } from './liveness/debts.ts'
import { Mishaps } from './mishaps.ts'
import { Nemesis } from './nemesis.ts'
import { Network } from './network.ts'
import { SimulatedNode } from './node.ts'
import type { Actor } from './observer.ts'
import { Observers } from './observers.ts'
import { resolveOptions, type SimulationConfig, type SimulationOptions } from './options.ts'
import type { NodeProcess, ProcessInit } from './node-process.ts'
import { Prng } from './prng.ts'
import { Process } from './process.ts'
import type { Tamper } from './tamper.ts'
import { Trace } from './trace.ts'
import type { World } from './world.ts'

/** Violations after which nothing more is collected. */
const violationsMax = 20

/** How long results are kept at the most where they are collected, in milliseconds. */
const keptAtMostMs = 90_000

/** How long nothing may have ended for what is owed to be overdue, in milliseconds. */
const stalledMs = 300_000

/** A simulated cluster on the real core, in virtual time. The seed decides everything. */
export class Simulation implements World {
  readonly options: SimulationConfig
  readonly core: CorePort
  readonly tamper: Tamper
  readonly agenda = new Agenda()
  readonly trace: Trace
  readonly history: History
  readonly observers: Observers
  readonly network: Network
  readonly nodes: SimulatedNode[] = []
  readonly applications: Application[] = []
  readonly violations: Violation[] = []
  readonly mishaps: Mishaps
  /** What goes wrong before `heal`. */
  readonly mix: FaultMix
  readonly disturbed: Disturbed
  /** When every node went down at once, if they did. */
  restartedAt = -Infinity
  /** Called when handlers have ended, before the core is told. */
  onFinished: (actor: Actor, finished: Finished) => void = () => {}
  readonly #prng: Prng
  readonly #counts = new Map<string, Map<string, number>>()
  #faults: Faults
  #nemesis: Nemesis
  #nowMs = 0
  #events = 0
  #uids = 0

  constructor(options: SimulationOptions) {
    const config = resolveOptions(options)
    const { seed } = config
    this.options = config
    this.core = config.core
    this.tamper = config.tamper
    this.#prng = Prng.named(seed, 'cluster')
    this.trace = new Trace(config.onTrace)
    const { kinds, faults } = drawFaults(seed, { names: config.faults, without: config.without })
    this.mix = { kinds, faults: { ...faults, ...config.parameters } }
    this.#faults = this.mix.faults
    this.disturbed = { any: this.mix.kinds.length > 0, clocks: !saneClocks(this.#faults) }
    this.history = new History(this.now, config.plans)
    const { history, now, report, disturbed } = this
    const { maxDeliveries } = config
    const checkers = createCheckers({ history, now, report, maxDeliveries, disturbed })
    this.observers = new Observers([history, ...checkers, new Coverage(history, this.count, now)])
    this.network = new Network({ ...this.#shared(), prng: Prng.named(seed, 'network') })
    this.mishaps = new Mishaps(this)
    for (let index = 0; index < config.nodes + config.guests; index++) this.#addNode(index)
    this.#introduce()
    this.#nemesis = new Nemesis(this, this.#faults)
  }

  /** Global virtual time since the start, in milliseconds. */
  readonly now = (): number => this.#nowMs

  readonly faults = (): Faults => this.#faults

  readonly count = (name: string, of = ''): void => {
    let counts = this.#counts.get(name)
    if (counts === undefined) this.#counts.set(name, (counts = new Map()))
    counts.set(of, (counts.get(of) ?? 0) + 1)
  }

  /** How often what has happened, by name. */
  get counts(): ReadonlyMap<string, number> {
    const all = new Map<string, number>()
    for (const [name, counts] of this.#counts) {
      for (const [of, count] of counts) all.set(of === '' ? name : `${name} ${of}`, count)
    }
    return all
  }

  readonly report = (violation: Violation): void => {
    if (this.options.only?.includes(violation.property) === false) return
    if (this.violations.length < violationsMax) this.violations.push(violation)
  }

  readonly block = (index: number, ms: number): void => this.mishaps.pause(index, ms)

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
    while (this.violations.length === 0 && this.step(until));
  }

  /** Lets the next thing happen that is due by then. False if nothing is: then it is then. */
  step(until: number): boolean {
    const { nextAt } = this.agenda
    if (nextAt > until) {
      this.#nowMs = Math.max(this.#nowMs, until)
      return false
    }
    this.#nowMs = nextAt
    this.#events += 1
    this.agenda.take().fire()
    return true
  }

  /** Changes what goes wrong from now on. */
  change(faults: Partial<Faults>): void {
    this.#faults = { ...this.#faults, ...faults }
    this.disturbed.any = true
  }

  /** Ends all faults: the network is whole, who was paused goes on, who was down comes back. */
  heal({ restart = true }: { readonly restart?: boolean } = {}): void {
    this.note('everything heals')
    const { lossP } = this.#faults
    this.#faults = healed(this.#faults)
    this.#nemesis.stop()
    this.network.unblockAll()
    for (const node of this.nodes) {
      node.disk.full = false
      node.disk.failsNext = false
      node.resume(0)
      if (node.running || !restart) continue
      this.after(this.#prng.between(0, 2_000), () => this.mishaps.restart(node.index))
    }
    if (lossP > 0) this.#breakAllStreams()
  }

  /**
   * Lets time pass until nobody is owed anything, at most so long. What is owed then is a
   * violation: liveness holds once faults have stopped.
   */
  settle(limitMs: number): void {
    const healedAt = this.#nowMs
    let owed = 0
    let done = 0
    let doneAt = healedAt
    do {
      this.run(1_000)
      const debts = debtsOf(this, healedAt)
      owed = debts.length
      const isLate = this.#nowMs >= healedAt + limitMs
      const before = done
      if (isLate) done = this.#countDone()
      if (done > before) doneAt = this.#nowMs
      // Few slots may take long for many tasks: it is over when nothing comes of it any more.
      const isOver = isLate && this.#nowMs >= doneAt + stalledMs
      const due = debts.filter(({ overdue }) => isOver || overdue)
      if (this.violations.length > 0) return
      for (const { property, message } of due) {
        this.report({ property, atMs: this.#nowMs, message })
      }
      if (isOver) return
    } while (owed > 0 && this.violations.length === 0)
  }

  /** Lets so much time pass that nothing is kept any more, and looks at what every node keeps. */
  quiet(): void {
    const { keepMs, orphans } = this.options
    const keptMs = keepMs + keptAtMostMs
    // What was never acknowledged is owed to nobody, and may take its time; where its voters are
    // lost, it begins anew only after a long wait.
    const isOpen =
      this.applications.some(({ isPublishing }) => isPublishing) || this.#countOpen() > 0
    // A copy that there was no room for may be made late, and what it says is kept from then on.
    const isCramped = this.mix.faults.maxBytes > 0
    if (isOpen || isCramped) this.run(keptMs + (orphans === 'fork' ? orphanMs : 0))
    for (let rounds = 0; rounds < 2 && this.violations.length === 0; rounds++) {
      this.#runUntilNothingEnds(keptMs)
      for (const node of this.nodes) if (node.running && !node.guest) node.quiet()
    }
  }

  /** Lets time pass until no task has ended for so long. */
  #runUntilNothingEnds(ms: number): void {
    let open: number
    do {
      open = this.#countOpen()
      this.run(ms)
    } while (this.#countOpen() < open && this.violations.length === 0)
  }

  /** How many tasks and attempts at tasks have ended. */
  #countDone(): number {
    return this.history.tasks().reduce((done, { decided, retries }) => {
      return done + retries.length + (decided === undefined ? 0 : 1)
    }, 0)
  }

  #countOpen(): number {
    return this.history
      .tasks()
      .filter(({ decided }) => decided === undefined)
      .toArray().length
  }

  /** Takes every node down at once. */
  restartAll(): void {
    this.restartedAt = this.#nowMs
    this.count('full restart')
    for (const { index, running } of this.nodes) {
      const power = this.#prng.chance(this.#faults.powerP)
      if (running) this.mishaps.crash(index, power ? 'power' : 'kill')
    }
  }

  createProcess(init: ProcessInit): NodeProcess {
    return this.options.createProcess?.(this, init) ?? new Process(this, init)
  }

  finished(actor: Actor, finished: Finished): void {
    this.observers.finished(actor, finished)
    this.onFinished(actor, finished)
  }

  application(actor: Actor, effect: ApplicationEffect): void {
    this.applications[actor.index]?.effect(actor, effect)
  }

  quarantined(index: number, reason: string): void {
    this.mishaps.quarantine(index, reason)
  }

  ended(node: SimulatedNode): void {
    if (!this.options.autoRestart) return
    const ms = this.#prng.between(...this.#faults.downMs)
    this.after(ms, () => this.mishaps.restart(node.index))
  }

  readonly note = (text: string): void => {
    this.trace.add(this.#nowMs, '', { type: 'fault', text })
  }

  #shared(): Pick<World, 'agenda' | 'now' | 'faults' | 'count'> {
    const { agenda, now, faults, count } = this
    return { agenda, now, faults, count }
  }

  #addNode(index: number): void {
    const { nodes, concurrency, queues, queuesOf, seed } = this.options
    const guest = index >= nodes
    const served = guest ? [] : (queuesOf?.(index) ?? queues).map(queue => ({ queue, concurrency }))
    const node = new SimulatedNode(this, {
      index,
      peer: guest ? `g${index}` : `n${index}`,
      guest,
      capacity: { queues: served, concurrency: guest ? 0 : concurrency },
    })
    this.nodes.push(node)
    this.network.add(node)
    this.applications.push(new Application(this, node, () => this.#uids++))
    const prng = Prng.named(seed, `start ${index}`)
    const isLate = index > 0 && prng.chance(this.#faults.lateP)
    if (isLate) this.count('joins late')
    const startMs = prng.between(0, isLate ? this.#faults.lateMs : 500)
    this.after(startMs, () => this.mishaps.restart(index))
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
}

/** Makes a cluster. Nothing happens before `run`. */
export function simulate(options: SimulationOptions): Simulation {
  return new Simulation(options)
}
