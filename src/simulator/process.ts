import type { Effect, Persist, Send } from '../core/effects.ts'
import { type LedgerId, type Lsn, type Millis, nodeId, type PeerId } from '../core/ids.ts'
import type { Input } from '../core/inputs.ts'
import type { Machine } from '../core/machine.ts'
import { decodeEnvelope, encodeEnvelope, encodeHints } from '../wire/codec.ts'
import { Call } from './agenda.ts'
import { AlarmClock } from './alarm-clock.ts'
import { Backlog } from './backlog.ts'
import type { Gossip } from './gossip.ts'
import { type NodeProcess, type ProcessInit, remembersLedger } from './node-process.ts'
import type { Actor } from './observer.ts'
import { Outgoing } from './outgoing.ts'
import { Worker } from './worker.ts'
import type { World } from './world.ts'

/**
 * One start of a node's process: performs the effects of its core as the driver does. What
 * happens to it waits while it is paused.
 */
export class Process implements NodeProcess {
  readonly actor: Actor
  readonly worker: Worker
  readonly #world: World
  readonly #init: ProcessInit
  readonly #machine: Machine
  readonly #alarm: AlarmClock
  readonly #outgoing = new Outgoing()
  readonly #backlog = new Backlog()
  /** What the next turn takes in. */
  #inputs: Input[] = []
  /** How far the journal is durable, as this process has been told. */
  #durable: Lsn = 0
  #turnIsDue = false
  readonly #nextTurn = new Call(() => this.whenAble(this.#takeTurns))
  #busy = false

  constructor(world: World, init: ProcessInit) {
    this.#world = world
    this.#init = init
    const { options, trace, core } = world
    const { index, peer, guest, capacity, disk, clock, prng } = init
    const incarnation = prng.hex(16)
    const { storageId } = disk
    this.actor = { index, peer, node: nodeId(peer, incarnation), storageId, guest }
    trace.add(world.now(), peer, { type: 'fault', text: `starts as ${incarnation}` })
    this.worker = this.#newWorker()
    this.#alarm = new AlarmClock({ ...world, prng }, clock, spins => this.#ring(spins))
    this.#machine = core.createMachine({
      peer,
      incarnation,
      storageId,
      seed: [prng.uint32(), prng.uint32(), prng.uint32(), prng.uint32()],
      guest,
      voters: options.voters,
      leaseMs: options.leaseMs,
      maxDeliveries: options.maxDeliveries,
      queues: capacity.queues,
      concurrency: capacity.concurrency,
      labels: [],
      maxBytes: world.faults().maxBytes || options.maxBytes,
      orphans: options.orphans,
      smallMesh: options.smallMeshOf?.(index),
      wallOffsetMs: clock.wallOffsetMs(world.now()),
      intact: disk.intact,
      pageTasks: options.pageTasks,
      keepMs: options.keepMs,
    })
  }

  get running(): boolean {
    return this.#backlog.running
  }

  get paused(): boolean {
    return this.#backlog.paused
  }

  start(): void {
    const { core, observers, tamper } = this.#world
    const { lsn, entries } = this.#init.disk.recover()
    this.#durable = lsn
    const found = tamper.recovered?.(this.actor, entries) ?? entries
    observers.started(this.actor, entries)
    this.#turn(() => {
      const now = this.#now()
      for (const entry of found) core.replay(this.#machine, entry, now)
      return core.start(this.#machine, lsn, now)
    })
    if (!this.running) return
    this.input({ type: 'listening', addresses: [addressOf(this.#init.index)] })
  }

  end(): void {
    this.#backlog.end()
    this.#inputs = []
    this.#alarm.stop()
    this.worker.stop()
  }

  pause(): void {
    this.#backlog.paused = true
  }

  resume(sleptMs: number): void {
    if (!this.running || !this.paused) return
    this.#init.clock.slept(sleptMs)
    this.#world.trace.add(this.#world.now(), this.actor.peer, { type: 'fault', text: 'resumes' })
    if (sleptMs > 1_000) this.clockJumped()
    this.#backlog.resume()
    this.#alarm.check()
  }

  /** Gives the core an input, in the next turn that the process is able to take. */
  input(input: Input): void {
    this.whenAble(() => this.#input(input))
  }

  whenAble(call: () => void): void {
    this.#backlog.whenAble(call)
  }

  clockJumped(): void {
    const wallOffsetMs = this.#init.clock.wallOffsetMs(this.#world.now())
    this.input({ type: 'clock-jumped', wallOffsetMs })
  }

  durable(lsn: Lsn): void {
    this.whenAble(() => {
      this.#durable = lsn
      this.#world.observers.durable(this.actor, lsn)
      this.#outgoing.release(lsn, send => this.#leave(send))
      this.#input({ type: 'durable', lsn })
    })
  }

  frame(from: PeerId, bytes: Uint8Array): void {
    this.whenAble(() => {
      const envelope = decodeEnvelope(bytes)
      if (envelope === undefined) return
      const { tamper, observers, count } = this.#world
      const sender = this.#world.actorOf(from)
      const message =
        tamper.message === undefined || sender === undefined
          ? envelope.message
          : tamper.message(sender, this.actor, envelope.message)
      if (message === undefined) return
      observers.received(this.actor, from, message)
      count('received', message.type)
      this.#input({ type: 'received', from, lsn: envelope.lsn, message })
    })
  }

  hints(from: PeerId, { hints }: Gossip): void {
    this.input({ type: 'hinted', from, hints })
  }

  checkpoint(): void {
    if (!this.running || this.paused) return
    const { disk } = this.#init
    const { lsn } = disk
    this.#guarded(() => {
      const entries = this.#world.core.checkpoint(this.#machine, this.#now())
      disk.checkpoint(lsn, entries, written => {
        this.#world.count('checkpoint')
        this.#world.observers.checkpointed(this.actor, written)
      })
    })
  }

  remembers(ledger: LedgerId): boolean {
    return remembersLedger(this.#machine, ledger)
  }

  quiet(): void {
    this.#guarded(() => {
      const kept = [...this.#world.core.checkpoint(this.#machine, this.#now())]
      this.#world.observers.quiet(this.actor, kept)
    })
  }

  #newWorker(): Worker {
    const { agenda, now, history, count, block } = this.#world
    const { prng, index } = this.#init
    return new Worker({
      agenda,
      prng,
      now,
      capacity: this.#init.capacity,
      whenAble: call => this.whenAble(call),
      finished: finished => {
        this.#world.finished(this.actor, finished)
        this.input(finished)
      },
      reported: reported => this.input(reported),
      killed: () => {
        count('poisoned')
        this.#init.end('kill')
      },
      blocked: ms => {
        count('handler blocks')
        block(index, ms)
      },
      throwsOf: uid => history.throwsOf(uid),
    })
  }

  #input(input: Input): void {
    const { tamper } = this.#world
    if (tamper.input === undefined) this.#inputs.push(input)
    else this.#inputs.push(...tamper.input(this.actor, input))
    if (this.#turnIsDue || this.#busy) return
    const { faults, agenda, now } = this.#world
    const { prng, slow } = this.#init
    const { turnMs, slowBy } = faults()
    const ms = prng.between(...turnMs) * (slow ? slowBy : 1)
    if (ms === 0) return this.#takeTurns()
    this.#turnIsDue = true
    agenda.add(now() + ms, this.#nextTurn)
  }

  /** Takes in what has come, all of it in one turn; then what has followed from that at once. */
  readonly #takeTurns = (): void => {
    this.#turnIsDue = false
    for (let rounds = 0; this.running && this.#inputs.length > 0; rounds++) {
      if (rounds === roundsMax) return this.#spins('Turns follow from turns without end')
      const inputs = this.#inputs
      this.#inputs = []
      const { trace, now, core } = this.#world
      for (const input of inputs) trace.add(now(), this.actor.peer, input)
      this.#turn(() => core.stepAll(this.#machine, inputs, this.#now()))
    }
  }

  #turn(step: () => Effect[]): void {
    this.#busy = true
    this.#guarded(() => {
      this.#perform(step())
      if (!this.running) return
      this.#init.disk.flush()
      this.#alarm.set(this.#world.core.wakeAt(this.#machine))
    })
    this.#busy = false
  }

  #perform(asked: Effect[]): void {
    const { trace, tamper, now } = this.#world
    const effects = tamper.effects?.(this.actor, asked) ?? asked
    for (const effect of effects) {
      if (effect.type === 'persist' && this.#diesAt(weightOf(effect))) return
      if (!this.running) return
      trace.add(now(), this.actor.peer, effect)
      this.#performOne(effect)
    }
  }

  #diesAt(weight: number): boolean {
    const how = this.#init.point(weight)
    if (how === undefined) return false
    this.#init.end(how)
    return true
  }

  #performOne(effect: Effect): void {
    const { actor } = this
    const { observers, network, options } = this.#world
    const { disk, index } = this.#init
    switch (effect.type) {
      case 'persist': {
        const bytes = disk.append(effect.entry)
        if (bytes === undefined) {
          this.#world.count('disk full')
          return this.#init.end('exit')
        }
        this.#world.trace.bytes(bytes)
        if (disk.lsn !== effect.lsn) throw new RangeError(`${effect.lsn} follows ${disk.lsn - 1}`)
        observers.wrote(actor, effect.lsn, effect.entry)
        break
      }
      case 'send':
        if (effect.to === actor.peer) throw new RangeError('A message to oneself is sent')
        observers.asked(actor, effect.to, effect.message)
        if (effect.after > this.#durable) this.#outgoing.put(effect)
        else this.#leave(effect)
        break
      case 'gossip':
        if (options.gossip) network.gossip(index, encodeHints(effect.hints))
        break
      case 'run':
        observers.ran(actor, effect)
        this.worker.run(effect)
        break
      case 'abort':
        observers.aborted(actor, effect)
        this.worker.abort(effect)
        break
      case 'dial':
        this.#toward(effect.peer, to => network.dial(index, to))
        break
      case 'hangup':
        this.#toward(effect.peer, to => network.hangup(index, to))
        break
      case 'published':
      case 'publish-refused':
      case 'outcomes':
      case 'outcomes-collected':
      case 'cancel-ended':
      case 'progress-seen':
      case 'report':
        this.#world.application(actor, effect)
        break
      case 'quarantine':
        this.#init.end('exit')
        this.#world.quarantined(index, effect.reason)
        break
      default:
        effect satisfies never
    }
  }

  #toward(peer: PeerId, act: (to: number) => void): void {
    const to = this.#world.network.indexOf(peer)
    if (to >= 0 && to !== this.#init.index) act(to)
  }

  #leave(send: Send): void {
    if (!this.running || this.#diesAt(weightOf(send))) return
    const { to, message } = send
    const { observers, trace, count, network } = this.#world
    observers.sent(this.actor, to, message)
    const bytes = encodeEnvelope({ lsn: this.#durable, message })
    trace.bytes(bytes)
    count('sent', message.type)
    this.#toward(to, index => network.send(this.#init.index, index, bytes))
  }

  #ring(spins: boolean): void {
    if (this.paused) return
    if (!spins) return this.input({ type: 'tick' })
    this.#spins('wakeAt does not move on')
  }

  #spins(message: string): void {
    this.#guarded(() => {
      throw new RangeError(message)
    })
  }

  #now(): Millis {
    return this.#init.clock.now(this.#world.now())
  }

  /** What the core throws is a bug; the driver would end the node. */
  #guarded(call: () => void): void {
    try {
      call()
    } catch (error) {
      const text = error instanceof Error ? (error.stack ?? error.message) : String(error)
      const message = `${this.actor.peer}: ${text}`
      this.#world.report({ property: 'core', atMs: this.#world.now(), message })
      this.#init.end('exit')
    }
  }
}

/** Turns that may follow from each other at one moment. */
const roundsMax = 1_000

/** How much likelier a crash is where a task or its outcome hangs on what is next. */
const weightMost = 20

const weighty: ReadonlySet<string> = new Set(['settle', 'accepted', 'open', 'store', 'stored'])

function weightOf(effect: Persist | Send): number {
  const { type } = effect.type === 'send' ? effect.message : effect.entry
  return weighty.has(type) ? weightMost : 1
}

/** The multiaddr of a simulated node. */
export function addressOf(index: number): string {
  return `/ip4/10.0.0.${index + 1}/tcp/4001`
}
