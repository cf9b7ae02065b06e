import type { Effect, Persist, Send } from '../core/effects.ts'
import type { Entry } from '../core/entries.ts'
import type { Lsn, PeerId } from '../core/ids.ts'
import type { Input } from '../core/inputs.ts'
import type { Core } from './core.ts'
import { QuarantinedError } from './errors.ts'
import { systemTimers } from '../time/system-timers.ts'
import type { Timers } from '../time/timers.ts'
import { Outbox } from './outbox.ts'
import { perform, type Performers } from './perform.ts'
import { Pressure, pressureLimits, type PressureLimits } from './pressure.ts'
import type { ApplicationEffect, Clock, Network, NetworkEvents, Store, Worker } from './ports.ts'

/** What a driver runs, and on what. */
export interface DriverInit {
  /** Replayed, started and stepped by the driver alone. */
  readonly core: Core
  readonly network: Network
  readonly store: Store
  readonly worker: Worker
  readonly clock: Clock
  /** Called synchronously with what concerns the application, in the core's order. */
  readonly onEffect: (effect: ApplicationEffect) => void
  /** Called once if the node can go on no longer; nothing is performed after that. */
  readonly onFailed: (error: Error) => void
  /** Called with what went wrong without harm. */
  readonly onWarning?: ((message: string, error: Error) => void) | undefined
  /** Sees each input before it is stepped. */
  readonly trace?: ((input: Input) => void) | undefined
  readonly pressure?: PressureLimits | undefined
  /** @default the system's */
  readonly timers?: Timers | undefined
}

/** Inputs stepped before the event loop gets its chance again. */
const turnInputsMax = 1_024

/**
 * Rounds of one turn. A journal that is durable as it is written answers within the turn, and
 * what follows from that need not wait for the next one.
 */
const turnRoundsMax = 4

/** Turns that `flush` takes: an end to whatever feeds itself. */
const flushTurnsMax = 64

/** A wall clock that moved this much against the monotonic one has been set, or the machine slept. */
const clockJumpMs = 1_000

/**
 * Runs the core: one queue of inputs, one timer, one turn at a time.
 *
 * A turn steps every input that is queued, appends what all of them write at once and then lets
 * messages leave, each not before the journal is durable as far as it rests on it. An error
 * anywhere in a turn ends the node: what its state is worth after that, nobody can say.
 */
export class Driver {
  readonly #init: DriverInit
  readonly #outbox = new Outbox()
  readonly #pressure: Pressure
  readonly #performers: Performers
  readonly #timers: Timers
  #state: 'new' | 'running' | 'ended' = 'new'
  #inputs: Input[] = []
  #scheduled = false
  #written: Lsn = 0
  #durable: Lsn = 0
  #wallOffsetMs = 0
  #checkpointing: Promise<void> | undefined
  #flushed: (() => void) | undefined
  #failure: Error | undefined

  constructor(init: DriverInit) {
    this.#init = init
    this.#timers = init.timers ?? systemTimers
    this.#pressure = new Pressure(init.pressure ?? pressureLimits)
    this.#performers = {
      append: this.#append,
      send: this.#send,
      network: init.network,
      worker: init.worker,
      application: effect => init.onEffect(effect),
    }
  }

  /** Opens the store, replays it, starts worker and network, and takes the first step. */
  async start(): Promise<void> {
    const { core, store, network, worker, clock } = this.#init
    const opened = await store.open()
    store.onDurable(this.#onDurable)
    store.onFailed(error => this.fail(error))

    this.#wallOffsetMs = clock.wallOffsetMs()
    for await (const entries of store.replay()) {
      const now = clock.now()
      for (const entry of entries) core.replay(entry, now)
    }
    this.#written = opened.lsn
    this.#durable = opened.lsn

    await worker.start({
      finished: finished => this.input(finished),
      reported: reported => this.input(reported),
    })
    await network.start(this.#networkEvents())
    if (this.#state === 'new') this.#state = 'running'
    this.#guarded(() => {
      this.#perform(core.start(opened.lsn, clock.now()))
      this.#setAlarm()
    })
    if (this.#failure !== undefined) throw this.#failure
    this.input({ type: 'listening', addresses: network.addresses() })
  }

  /** Queues an input for the next turn. */
  input(input: Input): void {
    if (this.#state === 'ended') return
    this.#inputs.push(input)
    this.#pressure.queued(this.#inputs.length)
    this.#schedule()
  }

  /** Resolves when the node can take in more; `undefined` where it can. */
  get room(): Promise<void> | undefined {
    return this.#pressure.room
  }

  get isRunning(): boolean {
    return this.#state === 'running'
  }

  /** Highest entry written, and how far the journal is durable. */
  get lsns(): { readonly written: Lsn; readonly durable: Lsn } {
    return { written: this.#written, durable: this.#durable }
  }

  /** Takes all turns that are due, then resolves when no message waits for the disk any more. */
  async flush(): Promise<void> {
    for (let turn = 0; turn < flushTurnsMax && this.#inputs.length > 0; turn++) this.#turn()
    if (this.#outbox.size === 0 || this.#state !== 'running') return
    await new Promise<void>(resolve => {
      this.#flushed = resolve
    })
  }

  /** Takes no more turns. The ports stay open: who made them closes them. */
  async stop(): Promise<void> {
    this.#end()
    await this.#checkpointing
  }

  /** Ends the node for a reason that it cannot go on after. */
  fail(error: Error): void {
    if (this.#state === 'ended') return
    this.#failure = error
    this.#end()
    this.#init.onFailed(error)
  }

  #end(): void {
    this.#state = 'ended'
    this.#inputs = []
    this.#outbox.clear()
    this.#pressure.release()
    this.#init.clock.stop()
    this.#flushed?.()
  }

  #networkEvents(): NetworkEvents {
    return {
      up: peer => this.input({ type: 'peer-up', peer }),
      down: peer => this.input({ type: 'peer-down', peer }),
      unreachable: (peer, refused) => this.input({ type: 'peer-unreachable', peer, refused }),
      message: (from, envelope) => {
        this.input({ type: 'received', from, lsn: envelope.lsn, message: envelope.message })
        return this.#pressure.room
      },
      hints: (from, hints) => this.input({ type: 'hinted', from, hints }),
      listening: addresses => this.input({ type: 'listening', addresses }),
    }
  }

  // After the poll phase: everything that the sockets had for us makes one turn, and an idle
  // loop goes there at once.
  #schedule(): void {
    if (this.#scheduled || this.#state !== 'running') return
    this.#scheduled = true
    this.#timers.soon(() => {
      this.#turn()
      this.#scheduled = false
      if (this.#inputs.length > 0) this.#schedule()
    })
  }

  #turn(): void {
    this.#guarded(() => {
      this.#watchClock()
      for (let round = 0; round < turnRoundsMax && this.#inputs.length > 0; round++) this.#round()
      this.#checkpoint()
      this.#setAlarm()
    })
  }

  #round(): void {
    const { core } = this.#init
    const inputs = this.#inputs.splice(0, turnInputsMax)
    this.#pressure.queued(this.#inputs.length)

    if (this.#init.trace !== undefined) for (const input of inputs) this.#init.trace(input)
    this.#perform(core.step(inputs, this.#init.clock.now()))
  }

  #perform(effects: readonly Effect[]): void {
    perform(effects, this.#performers)
    for (const effect of effects) {
      if (effect.type === 'quarantine') this.#quarantine(effect.reason)
    }
  }

  #quarantine(reason: string): void {
    if (this.#state === 'ended') return
    try {
      this.#init.store.outdate?.()
    } catch (error) {
      // Others will say it again when the node starts the next time.
      this.#init.onWarning?.('The storage could not be marked as outdated', asError(error))
    }
    this.fail(new QuarantinedError(reason))
  }

  // Everything within a turn that throws is a bug or a broken port.
  #guarded(work: () => void): void {
    if (this.#state !== 'running') return
    try {
      work()
    } catch (error) {
      this.fail(asError(error))
    }
  }

  readonly #append = (writes: readonly Persist[]): void => {
    const entries: Entry[] = []
    let lsn = this.#written
    for (const write of writes) {
      lsn++
      if (write.lsn !== lsn) {
        throw new Error(`The core numbered an entry ${write.lsn} where the journal is at ${lsn}`)
      }
      entries.push(write.entry)
    }
    this.#written = lsn
    this.#pressure.appended(lsn, entries)
    const appended = this.#init.store.append(entries)
    if (appended !== lsn) {
      throw new Error(`The store numbered an entry ${appended} where the core is at ${lsn}`)
    }
  }

  readonly #send = (send: Send): void => {
    if (send.after > this.#durable) this.#outbox.put(send)
    else this.#leave(send.to, send)
  }

  #leave(to: PeerId, { message }: Send): void {
    this.#init.network.send(to, { lsn: this.#durable, message })
  }

  readonly #onDurable = (lsn: Lsn): void => {
    if (this.#state === 'ended' || lsn <= this.#durable) return
    this.#durable = lsn
    this.#pressure.durable(lsn)
    this.#guarded(() => {
      for (const send of this.#outbox.release(lsn)) this.#leave(send.to, send)
    })
    if (this.#outbox.size === 0) this.#flushed?.()
    this.#announceDurable()
  }

  #announceDurable(): void {
    if (this.#inputs.at(-1)?.type === 'durable') this.#inputs.pop()
    this.input({ type: 'durable', lsn: this.#durable })
  }

  // Before anything else of a turn: after a sleep, what the node believes about its leases is
  // older than its monotonic clock says.
  #watchClock(): void {
    const wallOffsetMs = this.#init.clock.wallOffsetMs()
    if (Math.abs(wallOffsetMs - this.#wallOffsetMs) <= clockJumpMs) return
    this.#wallOffsetMs = wallOffsetMs
    this.#inputs.unshift({ type: 'clock-jumped', wallOffsetMs })
  }

  #setAlarm(): void {
    const { core, clock } = this.#init
    if (this.#state !== 'running') return
    clock.wake(core.wakeAt(), this.#tick)
  }

  readonly #tick = (): void => {
    this.input({ type: 'tick' })
  }

  // Taken between turns; the store reads the entries at once, before a turn changes the state.
  #checkpoint(): void {
    const { core, store, clock } = this.#init
    if (this.#state !== 'running') return
    if (this.#checkpointing !== undefined) return
    if (!store.wantsCheckpoint && !core.wantsCheckpoint) return
    this.#checkpointing = this.#writeCheckpoint(core.checkpoint(clock.now()))
  }

  // Without a checkpoint the journal is longer, and as good.
  async #writeCheckpoint(entries: Iterable<Entry>): Promise<void> {
    try {
      await this.#init.store.checkpoint(this.#written, entries)
    } catch (error) {
      this.#init.onWarning?.('The checkpoint could not be written', asError(error))
    }
    this.#checkpointing = undefined
  }
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error))
}
