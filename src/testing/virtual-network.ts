import type { BlobNetwork } from '../blobs/ports.ts'
import type { PeerId } from '../core/ids.ts'
import type { Envelope, Hint } from '../core/messages.ts'
import type { Network, NetworkEvents, QueryHandler } from '../driver/ports.ts'
import { addressOf } from '../simulator/process.ts'
import type { Actor } from '../simulator/observer.ts'
import type { World } from '../simulator/world.ts'
import { encodeEnvelope, encodeHints } from '../wire/codec.ts'
import type { HeldMessages } from './held-messages.ts'
import type { Route } from './route.ts'
import { VirtualBlobs } from './virtual-blobs.ts'

/** What the network of a simulated node shares with its process. */
export interface VirtualNetworkInit {
  readonly world: World
  readonly actor: Actor
  readonly held: HeldMessages
  readonly route: Route
  /** The node does not use it any more. */
  readonly stopped: () => void
}

/** A node's network on the simulated one: the same bytes, and questions to peers. */
export class VirtualNetwork implements Network {
  readonly peer: PeerId
  readonly blobs: BlobNetwork
  readonly #init: VirtualNetworkInit
  readonly #blobs: VirtualBlobs
  #events: NetworkEvents | undefined
  #answer: QueryHandler | undefined

  constructor(init: VirtualNetworkInit) {
    this.#init = init
    this.peer = init.actor.peer
    this.#blobs = new VirtualBlobs(init.route)
    this.blobs = this.#blobs
  }

  /** What is told of what happens; undefined before the start. */
  get events(): NetworkEvents | undefined {
    return this.#events
  }

  /** What this node does for peers that ask for blobs. */
  get server(): VirtualBlobs['server'] {
    return this.#blobs.server
  }

  async start(events: NetworkEvents): Promise<void> {
    this.#events = events
  }

  async stop(): Promise<void> {
    this.#init.stopped()
  }

  addresses(): readonly string[] {
    return [addressOf(this.#init.actor.index)]
  }

  send(to: PeerId, { lsn, message }: Envelope): void {
    const { world, actor, held } = this.#init
    const { network, observers, trace, count } = world
    const index = network.indexOf(to)
    observers.sent(actor, to, message)
    const bytes = encodeEnvelope({ lsn, message })
    trace.bytes(bytes)
    count(`sent ${message.type}`)
    if (index < 0) return
    held.send(actor.index, index, message.type, () => network.send(actor.index, index, bytes))
  }

  gossip(hints: readonly Hint[]): void {
    const { world, actor } = this.#init
    if (world.options.gossip) world.network.gossip(actor.index, encodeHints(hints))
  }

  dial(peer: PeerId): void {
    this.#toward(peer, to => this.#init.world.network.dial(this.#init.actor.index, to))
  }

  hangup(peer: PeerId): void {
    this.#toward(peer, to => this.#init.world.network.hangup(this.#init.actor.index, to))
  }

  async query(
    to: PeerId,
    request: Uint8Array,
    { signal }: { signal: AbortSignal },
  ): Promise<Uint8Array> {
    return await this.#init.route.call(to, signal, target => {
      if (target.answer === undefined) throw new Error(`${to} answers nothing yet`)
      return target.answer(this.peer, request.slice())
    })
  }

  onQuery(handler: QueryHandler): void {
    this.#answer = handler
  }

  get answer(): QueryHandler | undefined {
    return this.#answer
  }

  #toward(peer: PeerId, act: (to: number) => void): void {
    const to = this.#init.world.network.indexOf(peer)
    if (to >= 0 && to !== this.#init.actor.index) act(to)
  }
}
