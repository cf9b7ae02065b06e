import { type AbortOptions, InvalidParametersError, type Logger } from '@libp2p/interface'
import { TypedEventEmitter } from 'main-event'
import { Cancels } from './cancels.ts'
import type { MeshNodeConfig } from './config.ts'
import type { Blobs } from './blobs/blobs.ts'
import { type BlobSource, isByteSource } from './blobs/chunks.ts'
import type { MeshBlob } from './blobs/mesh-blob.ts'
import { heirsOf } from './core/heal.ts'
import { type LedgerId, parseTaskId } from './core/ids.ts'
import type { Machine } from './core/machine.ts'
import { metricsOf, peersOf } from './core/query.ts'
import { seqsOf } from './core/ranges.ts'
import type { Driver } from './driver/driver.ts'
import type { ApplicationEffect, Clock, SetAside, Store } from './driver/ports.ts'
import { asError, NodeStoppedError } from './errors.ts'
import type { MeshNodeEvents } from './events.ts'
import { LocalTasks } from './local-tasks.ts'
import type { MeshNode, ReadyOptions, TaskFilter } from './mesh-node.ts'
import { LostTasks } from './lost-tasks.ts'
import { MeshTask, type TaskAccess } from './mesh-task.ts'
import { MeshCancels } from './mesh-cancels.ts'
import { MeshView } from './mesh-view.ts'
import { optionsOf } from './options.ts'
import { healthOf, type NodeHealth, type NodeNetwork } from './node-health.ts'
import type { Ending } from './outcome.ts'
import { packageVersion } from './package-version.ts'
import { PeerQueries } from './peer-queries.ts'
import { abortable, type Placed } from './publish.ts'
import type { PublishOptions } from './publish-options.ts'
import { type Publishable, Publishing } from './publishing.ts'
import { Readiness } from './readiness.ts'
import { Reports } from './reports.ts'
import { type MeshCommands, ShellAccess } from './shell-access.ts'
import { noteStart } from './start-notes.ts'
import type { TaskHandle } from './task-handle.ts'
import type { NodeInfo, PeerInfo, QueueInfo, TaskInfo } from './task-info.ts'
import { systemTimers } from './time/system-timers.ts'
import type { Timers } from './time/timers.ts'
import type { WatchedWorker } from './watched-worker.ts'
import { Watches } from './watches.ts'
import type { TaskDefaults } from './worker/definition.ts'
import type { ShellRuns } from './worker/shell-runs.ts'

/** What a node is made of. */
export interface RunningNodeInit {
  readonly config: MeshNodeConfig
  /** The queues that it serves, with what publishes of them take from their definitions. */
  readonly definitions: ReadonlyMap<string, TaskDefaults>
  readonly machine: Machine
  readonly network: NodeNetwork
  readonly store: Store
  readonly worker: WatchedWorker
  /** Commands of others that run here, if any may. */
  readonly shellRuns?: ShellRuns | undefined
  readonly blobs: Blobs
  readonly clock: Clock
  readonly driver: Driver
  readonly log: Logger
  /** The storage that was there before, if it had lost something. */
  readonly setAside?: SetAside | undefined
  /** @default the system's */
  readonly timers?: Timers | undefined
}

/** How long messages may take to leave when the node stops, in milliseconds. */
const leaveMs = 2_000

/** How long others may take to keep what the node votes on when it stops, in milliseconds. */
const handOverMs = 10_000

const decoder = new TextDecoder()

/** A node with all its parts: hands the application's wishes in and the core's answers out. */
export class RunningNode extends TypedEventEmitter<MeshNodeEvents> implements MeshNode {
  readonly #init: RunningNodeInit
  readonly #publishing: Publishing
  readonly #watches: Watches
  readonly #cancels: Cancels
  readonly #reports: Reports
  readonly #lostTasks: LostTasks
  readonly #access: TaskAccess
  readonly #queries: PeerQueries
  readonly #view: MeshView
  /** What this node itself knows of tasks. */
  readonly local: LocalTasks
  readonly commands: MeshCommands
  readonly #timers: Timers
  readonly #readiness: Readiness
  readonly #stopped = Promise.withResolvers<Error | undefined>()
  #drained: PromiseWithResolvers<void> | undefined
  readonly #handedOver = Promise.withResolvers<void>()
  #stopping: Promise<void> | undefined
  #failure: Error | undefined

  constructor(init: RunningNodeInit) {
    super()
    this.#init = init
    const timers = init.timers ?? systemTimers
    this.#timers = timers
    const { driver, machine, network, clock, definitions, blobs, shellRuns, config } = init
    const { voters, guest } = config
    this.#readiness = new Readiness({
      peers: () => this.#fullPeers().length,
      ...{ voters, guest, timers },
    })
    const servers = (queue: string): number => this.#servers(queue)
    this.#publishing = new Publishing({
      input: input => driver.input(input),
      get room() {
        return driver.room
      },
      definitions,
      blobs,
      servers,
      voters: guest ? undefined : voters,
      timers,
      onUnserved: queue => this.warn(`No connected node serves queue ${queue} yet`, queue),
    })
    this.#watches = new Watches(input => driver.input(input))
    this.#cancels = new Cancels(input => driver.input(input))
    this.#reports = new Reports(this, network.peer, (ledger, large) => blobs.shown(ledger, large))

    const local = new LocalTasks(machine, () => clock.now())
    this.local = local
    const peers = (): string[] => this.#fullPeers()
    const describe = (): NodeInfo => this.#describe()
    const queries: PeerQueries = new PeerQueries({
      ...{ network, local, peers, describe, shellRuns, timers },
      cancel: (...asked) => cancels.cancelHere(...asked),
    })
    this.#queries = queries
    this.#lostTasks = new LostTasks({ watches: this.#watches, local, queries, peers, timers })
    this.#view = new MeshView({ local, queries, peers, describe })
    this.commands = new ShellAccess({ peer: network.peer, runs: shellRuns, queries })
    const connected = (): number => peers().length
    const cancels = new MeshCancels({ queries, connected, local, cancels: this.#cancels })
    this.#access = {
      peerId: network.peer,
      watches: this.#watches,
      queries,
      load: (ledger, ending, options) => this.#load(ledger, ending, options),
      cancel: (...asked) => cancels.cancel(...asked),
      servers,
      connected,
      timers,
    }
  }

  get peerId(): string {
    return this.#init.network.peer
  }

  get addresses(): readonly string[] {
    return this.#init.network.addresses()
  }

  get stopped(): Promise<Error | undefined> {
    return this.#stopped.promise
  }

  /** Starts the driver, and with it everything. */
  async start(): Promise<void> {
    const { driver, blobs } = this.#init
    await blobs.start()
    await driver.start()
    noteStart(this, { ...this.#init, timers: this.#timers })
  }

  ready(options: ReadyOptions = {}): Promise<void> {
    return this.#readiness.wait(options)
  }

  async publish<Output>(
    task: Publishable | string,
    input?: unknown,
    options: PublishOptions = {},
  ): Promise<TaskHandle<Output>> {
    return this.#handle(await this.#publishing.one(task, input, options))
  }

  async publishMany<Output>(
    task: Publishable | string,
    inputs: readonly unknown[],
    options: PublishOptions = {},
  ): Promise<TaskHandle<Output>[]> {
    const places = await this.#publishing.many(task, inputs, options)
    return places.map(place => this.#handle<Output>(place))
  }

  async store(source: BlobSource, { signal }: AbortOptions = {}): Promise<MeshBlob> {
    signal?.throwIfAborted()
    this.#throwIfStopped()
    const { blobs } = this.#init
    const kept = await (isByteSource(source)
      ? blobs.keep('raw', source, optionsOf(signal))
      : blobs.keepFile(source.file, optionsOf(signal)))
    kept.release()
    return blobs.stored(kept.reference)
  }

  task<Output>(id: string): TaskHandle<Output> {
    const at = parseTaskId(id)
    if (at === undefined) throw new InvalidParametersError(`${id} is not the id of a task`)
    return new MeshTask<Output>(this.#access, { ...at, durable: false, known: false })
  }

  tasks(filter: TaskFilter = {}): AsyncIterable<TaskInfo> {
    return this.#view.tasks(filter)
  }

  peers(): readonly PeerInfo[] {
    return peersOf(this.#init.machine).map(({ peer, guest, queues, concurrency, up }) => ({
      peerId: peer,
      guest,
      queues,
      concurrency,
      connected: up,
    }))
  }

  nodes(options: AbortOptions = {}): Promise<readonly NodeInfo[]> {
    return this.#view.nodes(options)
  }

  queues(options: AbortOptions = {}): Promise<readonly QueueInfo[]> {
    return this.#view.queues(options)
  }

  health(options: AbortOptions = {}): Promise<NodeHealth> {
    const { config, network } = this.#init
    return healthOf(
      {
        mesh: config.mesh,
        secret: config.secret !== undefined,
        network,
        queries: this.#queries,
        describe: () => this.#describe(),
        timers: this.#timers,
      },
      options,
    )
  }

  metrics(): Readonly<Record<string, number>> {
    const { machine, driver, worker, blobs } = this.#init
    const { written, durable } = driver.lsns
    return {
      ...metricsOf(machine),
      journalEntries: written,
      journalEntriesDurable: durable,
      runsHeld: worker.held,
      blobBytesMoved: blobs.movedBytes(),
      runsFinished: worker.finished,
      runsReleased: worker.released,
    }
  }

  async drain({ signal }: AbortOptions = {}): Promise<void> {
    const { worker, driver } = this.#init
    signal?.throwIfAborted()
    this.#throwIfStopped()
    this.#drained ??= Promise.withResolvers()
    driver.input({ type: 'drain' })
    worker.drain()
    await abortable(this.#drained.promise, signal)
    // What was decided last is on its way before the caller may stop the node.
    await abortable(driver.flush(), signal)
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#stop()
    return this.#stopping
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop()
  }

  /** Stops when the signal is aborted. */
  stopOn(signal: AbortSignal | undefined): void {
    const leave = async (): Promise<void> => {
      try {
        await this.stop()
      } catch (error) {
        this.#init.log.error('stopping failed - %e', asError(error))
      }
    }
    signal?.addEventListener('abort', () => void leave(), { once: true })
  }

  /** Ends the node for a reason that it cannot go on after. */
  fail(error: Error): void {
    this.#init.log.error('the node stops - %e', error)
    this.#failure ??= new NodeStoppedError({ cause: error })
    this.safeDispatchEvent('error', { detail: error })
    this.#handedOver.resolve()
    this.#stopping ??= this.#giveUp(error)
  }

  /** Tells the user something that stops nothing. */
  warn(message: string, queue?: string): void {
    this.#init.log(message)
    this.safeDispatchEvent('warning', { detail: { message, queue } })
  }

  /** Hands on what the core says to the application. */
  perform(effect: ApplicationEffect): void {
    switch (effect.type) {
      case 'published':
      case 'publish-refused':
        this.#publishing.answered(effect)
        break
      case 'outcomes':
      case 'outcomes-collected':
        this.#watches.heard(effect)
        break
      case 'cancel-ended':
        this.#cancels.answered(effect)
        break
      case 'progress-seen': {
        const { ledger, seq, kind, body } = effect
        const text = decoder.decode(body)
        this.#watches.progressed(ledger, seq, kind, text)
        this.#reports.progress(effect, text)
        break
      }
      case 'report': {
        const { event } = effect
        if (event.type === 'claimed') {
          this.#watches.claimed(event.ledger, seqsOf(event.seqs), event.token)
        }
        this.#reports.report(effect)
        this.#readiness.report(effect)
        this.#lostTasks.report(effect)
        if (event.type === 'drained') this.#tellDrained()
        if (event.type === 'handed-over') this.#handedOver.resolve()
        break
      }
      case 'quarantine':
        // The driver stops the node.
        break
      default:
        effect satisfies never
    }
  }

  async #stop(): Promise<void> {
    const { driver, log } = this.#init
    log('the node leaves')
    if (driver.isRunning) {
      await this.#handOver()
      driver.input({ type: 'leave' })
      const limit = this.#timers.timeout(leaveMs)
      await abortable(driver.flush(), limit).catch(error =>
        log.error('not everything could be sent in time - %e', asError(error)),
      )
    }
    this.#failure ??= new NodeStoppedError()
    await this.#release(undefined)
  }

  /** Has others keep what this node votes on, as far as there is somebody. */
  async #handOver(): Promise<void> {
    const { driver, log, machine, clock, blobs } = this.#init
    const limit = this.#timers.timeout(handOverMs)
    // Most of that time is for blobs: without them a ledger stays.
    const heirs = heirsOf(machine, clock.now())
    const blobsAt = await blobs.bequeath(heirs, this.#timers.timeout(0.7 * handOverMs))
    driver.input({ type: 'hand-over', blobsAt })
    await abortable(this.#handedOver.promise, limit).catch(() =>
      log('not everything could be handed over in time'),
    )
  }

  #tellDrained(): void {
    this.#drained?.resolve()
    this.#drained = undefined
  }

  // Why is told by the event and by `stopped`; a failing disk may fail to close as well.
  async #giveUp(error: Error): Promise<void> {
    try {
      await this.#release(error)
    } catch (failure) {
      this.#init.log.error('not everything could be closed - %e', asError(failure))
    }
  }

  async #release(error: Error | undefined): Promise<void> {
    const { network, worker, blobs, driver, store } = this.#init
    const stopped = this.#failure ?? new NodeStoppedError()
    this.#publishing.fail(stopped)
    this.#watches.fail(stopped)
    this.#cancels.fail(stopped)
    this.#readiness.fail(stopped)
    this.#tellDrained()
    // Each in its turn, also when one before it fails.
    const failures: unknown[] = []
    const blobsPart = { stop: () => blobs.stop(stopped) }
    for (const part of [network, worker, blobsPart, driver, { stop: () => store.close() }]) {
      try {
        await part.stop()
      } catch (failure) {
        failures.push(failure)
      }
    }
    this.#stopped.resolve(error)
    if (failures.length > 0) throw asError(failures[0])
  }

  async #load(ledger: LedgerId, ending: Ending, options: AbortOptions): Promise<Ending> {
    const { large } = ending
    if (large === undefined) return ending
    return { ...ending, loaded: { value: await this.#init.blobs.value(ledger, large, options) } }
  }

  #handle<Output>({ ledger, seq, durable }: Placed): TaskHandle<Output> {
    return new MeshTask<Output>(this.#access, { ledger, seq, durable, known: true })
  }

  #fullPeers(): string[] {
    return peersOf(this.#init.machine).flatMap(({ peer, up, guest }) =>
      up && !guest ? [peer] : [],
    )
  }

  #servers(queue: string): number {
    const { machine, config, definitions } = this.#init
    const here = config.concurrency > 0 && definitions.has(queue) ? 1 : 0
    const there = peersOf(machine).filter(({ up, queues }) => up && queues.includes(queue))
    return here + there.length
  }

  #describe(): NodeInfo {
    const { config, definitions, worker } = this.#init
    return {
      peerId: this.peerId,
      addresses: this.addresses,
      guest: config.guest,
      queues: config.concurrency === 0 ? [] : [...definitions.keys()],
      concurrency: config.concurrency,
      running: Math.min(worker.held, config.concurrency),
      labels: config.labels,
      peers: this.#fullPeers(),
      version: packageVersion,
    }
  }

  #throwIfStopped(): void {
    if (this.#failure !== undefined) throw this.#failure
  }
}
