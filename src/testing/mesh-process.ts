import type { ComponentLogger } from '@libp2p/interface'
import { assemble } from '../assemble.ts'
import { MemoryBlobStore } from '../blobs/memory-store.ts'
import type { MeshNodeConfig } from '../config.ts'
import { type LedgerId, type Lsn, nodeId, type PeerId } from '../core/ids.ts'
import type { Input } from '../core/inputs.ts'
import type { Machine } from '../core/machine.ts'
import type { Core } from '../driver/core.ts'
import { memoryBlobBytesMax } from '../large-inputs.ts'
import type { RunningNode } from '../running-node.ts'
import { Backlog } from '../simulator/backlog.ts'
import type { Gossip } from '../simulator/gossip.ts'
import {
  type NodeProcess,
  type ProcessInit,
  remembersLedger,
  type Slots,
} from '../simulator/node-process.ts'
import type { Actor } from '../simulator/observer.ts'
import type { World } from '../simulator/world.ts'
import { decodeEnvelope } from '../wire/codec.ts'
import type { Handlers } from './handlers.ts'
import type { HeldMessages } from './held-messages.ts'
import { Route, type RouteTarget } from './route.ts'
import { VirtualClock } from './virtual-clock.ts'
import { VirtualNetwork } from './virtual-network.ts'
import { VirtualStore } from './virtual-store.ts'
import { VirtualTimers } from './virtual-timers.ts'
import { watchCore } from './watched-core.ts'
import { WatchedSlots, type WatchedSlotsInit } from './watched-slots.ts'

/** What all processes of a test cluster share. */
export interface MeshProcessSetup {
  readonly configOf: (index: number) => MeshNodeConfig
  readonly handlers: Handlers
  readonly held: HeldMessages
  readonly logger: ComponentLogger
  /** User code may react to what happens now. */
  readonly touch: () => void
  /** A node has been made. */
  readonly made: (index: number, node: RunningNode) => void
  /** A node has started, and takes in what comes. */
  readonly began: (index: number) => void
  /** The network of a node that runs. */
  readonly networkOf: (index: number) => RouteTarget | undefined
}

/** A crash, as those see it who still hold the node. */
class CrashedError extends Error {
  static override name = 'CrashedError'

  constructor(peer: PeerId) {
    super(`${peer} has crashed, as the test wanted it`)
    this.name = 'CrashedError'
  }
}

/** One start of a whole node, as users have it, on a simulated machine. */
export class MeshProcess implements NodeProcess {
  readonly actor: Actor
  readonly network: VirtualNetwork
  readonly #world: World
  readonly #init: ProcessInit
  readonly #setup: MeshProcessSetup
  readonly #backlog = new Backlog()
  readonly #clock: VirtualClock
  #store: VirtualStore | undefined
  #slots: WatchedSlots | undefined
  #core: Core | undefined
  #machine: Machine | undefined
  #node: RunningNode | undefined
  /** Whether it ends because the node has stopped. */
  #hasLeft = false

  constructor(world: World, init: ProcessInit, setup: MeshProcessSetup) {
    this.#world = world
    this.#init = init
    this.#setup = setup
    const { index, peer, guest, disk, prng, clock } = init
    const incarnation = prng.hex(16)
    const { storageId } = disk
    this.actor = { index, peer, node: nodeId(peer, incarnation), storageId, guest }
    world.trace.add(world.now(), peer, { type: 'fault', text: `starts as ${incarnation}` })
    const { agenda, now, faults } = world
    this.#clock = new VirtualClock({ agenda, prng, now, faults }, clock, call => this.#ring(call))
    this.network = new VirtualNetwork({
      world,
      actor: this.actor,
      held: setup.held,
      route: new Route(world, index, setup.networkOf),
      stopped: () => {
        this.#hasLeft = true
        this.#init.end('exit')
      },
    })
  }

  get running(): boolean {
    return this.#backlog.running
  }

  get paused(): boolean {
    return this.#backlog.paused
  }

  get worker(): Slots {
    return this.#slots ?? noSlots
  }

  start(): void {
    const { disk } = this.#init
    const { entries } = disk.recover()
    const { observers, trace } = this.#world
    observers.started(this.actor, entries)
    this.#store = new VirtualStore({
      disk,
      recovered: entries,
      wrote: bytes => trace.bytes(bytes),
      checkpointed: held => observers.checkpointed(this.actor, held),
    })
    const node = this.#assemble(this.#store)
    this.#node = node
    this.#setup.made(this.actor.index, node)
    // What reaches the process before it listens waits for it.
    this.#backlog.paused = true
    void this.#begin(node)
  }

  end(): void {
    this.#backlog.end()
    this.#clock.stop()
    this.#setup.touch()
    if (!this.#hasLeft) this.#node?.fail(new CrashedError(this.actor.peer))
  }

  pause(): void {
    this.#backlog.paused = true
  }

  resume(sleptMs: number): void {
    if (!this.running || !this.paused) return
    this.#init.clock.slept(sleptMs)
    this.#world.trace.add(this.#world.now(), this.actor.peer, { type: 'fault', text: 'resumes' })
    this.#backlog.resume()
    this.#clock.check()
  }

  input(input: Input): void {
    this.whenAble(() => this.#take(input))
  }

  whenAble(call: () => void): void {
    this.#backlog.whenAble(call)
  }

  // The driver looks at its clocks in every turn.
  clockJumped(): void {}

  durable(lsn: Lsn): void {
    this.whenAble(() => {
      this.#world.observers.durable(this.actor, lsn)
      this.#store?.durable(lsn)
    })
  }

  frame(from: PeerId, bytes: Uint8Array): void {
    this.whenAble(() => {
      const envelope = decodeEnvelope(bytes)
      if (envelope === undefined) return
      this.#world.observers.received(this.actor, from, envelope.message)
      this.#world.count(`received ${envelope.message.type}`)
      void this.network.events?.message(from, envelope)
    })
  }

  hints(from: PeerId, { hints }: Gossip): void {
    this.whenAble(() => this.network.events?.hints(from, hints))
  }

  remembers(ledger: LedgerId): boolean {
    return this.#machine !== undefined && remembersLedger(this.#machine, ledger)
  }

  quiet(): void {
    const kept = [...(this.#core?.checkpoint(this.#clock.now()) ?? [])]
    this.#world.observers.quiet(this.actor, kept)
  }

  checkpoint(): void {
    this.#store?.wantCheckpoint()
  }

  #assemble(store: VirtualStore): RunningNode {
    const { world, setup } = { world: this.#world, setup: this.#setup }
    const { prng, clock, index } = this.#init
    const { agenda, now } = world
    const config = setup.configOf(index)
    const timersWith = (soonMs: () => number, touch: () => void): VirtualTimers =>
      new VirtualTimers({
        agenda,
        now,
        clock,
        touch,
        soonMs,
        whenAble: call => this.whenAble(call),
      })
    return assemble({
      config: { ...config, tasks: config.tasks.map(task => setup.handlers.watch(task)) },
      modules: [],
      store,
      opened: store.opened,
      network: this.network,
      blobStore: new MemoryBlobStore({ bytesMax: memoryBlobBytesMax }),
      clock: this.#clock,
      logger: setup.logger,
      incarnation: this.actor.node.slice(this.actor.peer.length + 1),
      seed: [prng.uint32(), prng.uint32(), prng.uint32(), prng.uint32()],
      timers: timersWith(() => 0, setup.touch),
      driverTimers: timersWith(
        () => prng.between(...world.faults().turnMs),
        () => {},
      ),
      aroundCore: (core, machine) => {
        this.#core = core
        this.#machine = machine
        return watchCore(core, world, this.actor, setup.touch)
      },
      aroundWorker: worker => {
        const { concurrency } = config
        const finished: WatchedSlotsInit['finished'] = it => world.finished(this.actor, it)
        const aborted = (): void => setup.handlers.wake()
        this.#slots = new WatchedSlots({ worker, concurrency, now, finished, aborted })
        return this.#slots
      },
    })
  }

  async #begin(node: RunningNode): Promise<void> {
    node.addEventListener('error', ({ detail }) => this.#failed(detail))
    try {
      await node.start()
      this.#backlog.resume()
      this.#clock.check()
      if (this.running) this.#setup.began(this.actor.index)
    } catch (error) {
      this.#failed(error)
    }
  }

  #failed(error: unknown): void {
    const name = error instanceof Error ? error.name : ''
    if (expected.has(name)) return
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error)
    const message = `${this.actor.peer}: ${text}`
    this.#world.report({ property: 'core', atMs: this.#world.now(), message })
  }

  #take(input: Input): void {
    const { events } = this.network
    switch (input.type) {
      case 'peer-up':
        return events?.up(input.peer)
      case 'peer-down':
        return events?.down(input.peer)
      case 'peer-unreachable':
        return events?.unreachable(input.peer, input.refused)
      case 'leave':
        void this.#node?.stop().catch(error => this.#failed(error))
        return
      case 'drain':
      case 'hand-over':
        // Leaving does it, too.
        return
      default:
        throw new RangeError(`A node is not told of ${input.type} from outside`)
    }
  }

  #ring(call: () => void): void {
    if (this.running && !this.paused) call()
  }
}

/** Why a node may stop by itself without a bug. */
const expected: ReadonlySet<string> = new Set([
  CrashedError.name,
  'QuarantinedError',
  'StoreFailedError',
  'NodeStoppedError',
])

const noSlots: Slots = { roomSince: Infinity, drain: () => {} }
