import type { Connection, IdentifyResult, Libp2p, PeerInfo } from '@libp2p/interface'
import { peerIdFromString } from '@libp2p/peer-id'
import type { PeerId } from '../core/ids.ts'
import type { Hint } from '../core/messages.ts'
import type { NetworkEvents } from '../driver/ports.ts'
import { maxFrameBytes } from '../wire/limits.ts'
import { BlobStreams } from './blob.ts'
import { Bootstrap } from './bootstrap.ts'
import type { Libp2pNetworkConfig } from './config.ts'
import { Control } from './control.ts'
import { DialBacks } from './dial-back.ts'
import type { ControlLimits } from './control-stream.ts'
import { reasonOf } from './failures.ts'
import { Gossip } from './gossip.ts'
import type { GossipHealth } from './gossip.ts'
import type { HostServices } from './host.ts'
import { Keeper } from './keeper.ts'
import { PeerBook } from './peer-book.ts'
import { Queries } from './query.ts'
import { Strangers } from './strangers.ts'
import { Watchdog } from './watchdog.ts'

export interface MeshInit {
  readonly config: Libp2pNetworkConfig
  readonly libp2p: Libp2p<HostServices>
  readonly events: NetworkEvents
}

/** How a peer is connected. */
export interface PeerLink {
  readonly peer: PeerId
  /** `inbound`: the peer has dialled this node. */
  readonly direction: 'inbound' | 'outbound'
  /** Where the peer is as seen from here. */
  readonly address: string
}

/** Bounds of a control stream. */
export const controlLimits: ControlLimits = {
  frameBytesMax: maxFrameBytes,
  writeBytesMax: 64 * 1_024,
  // More than a peer can be behind that reads at all.
  bufferBytesMax: 64 * 2 ** 20,
  pendingFramesMax: 64,
  pendingBytesMax: 4 * 2 ** 20,
}

const closeMs = 1_000

/** One node's part in a mesh, on a libp2p instance: everything between libp2p and the driver. */
export class Mesh {
  readonly control: Control
  readonly keeper: Keeper
  readonly queries: Queries
  readonly blobs: BlobStreams
  readonly dialBacks: DialBacks
  readonly strangers = new Strangers()
  readonly #init: MeshInit
  readonly #bootstrap: Bootstrap
  readonly #book: PeerBook
  readonly #gossip: Gossip | undefined
  readonly #watchdog: Watchdog | undefined
  readonly #ready = Promise.withResolvers<void>()
  #timer: ReturnType<typeof setInterval> | undefined
  #begin: ReturnType<typeof setImmediate> | undefined
  #stopped = false
  #addresses = ''

  constructor(init: MeshInit) {
    const { config, libp2p } = init
    const { timings, protocols } = config
    const log = (name: string) => libp2p.logger.forComponent(`meshwork:${name}`)
    const isUp = (peer: string): boolean => this.control.isUp(peer)
    const connection = (peer: string): Connection | undefined => this.control.connection(peer)
    const isWelcome = (peer: string): boolean => this.keeper.isWelcome(peer)
    this.#init = init
    this.control = new Control({
      libp2p,
      protocol: protocols.control,
      codec: config.codec,
      limits: controlLimits,
      waitMs: timings.controlWaitMs,
      openMs: timings.controlOpenMs,
      log: log('control'),
      ready: this.#ready.promise,
      isWelcome: peer => isWelcome(peer.toString()),
      events: {
        up: peer => this.#up(peer.toString()),
        down: peer => this.#down(peer.toString()),
        message: (peer, envelope) => init.events.message(peer.toString(), envelope),
      },
    })
    this.#book = new PeerBook(config.peerBookPath, log('peers'))
    this.keeper = new Keeper({
      libp2p,
      control: this.control,
      book: this.#book,
      timings,
      log: log('keeper'),
      isAllowed: peer => this.#isAllowed(peer),
      onUnreachable: (peer, refused) => init.events.unreachable(peer, refused),
      onStranger: (difference, address) => this.strangers.meet(difference, address),
    })
    this.#bootstrap = new Bootstrap({
      libp2p,
      timings,
      log: log('bootstrap'),
      isUp,
      onFound: (peer, address) => this.keeper.learn(peer, [address]),
      onStranger: (difference, address) => this.strangers.meet(difference, address),
    })
    this.dialBacks = new DialBacks({ connection })
    this.queries = new Queries({
      libp2p,
      protocol: protocols.query,
      limitMs: timings.queryMs,
      log: log('query'),
      connection,
      isWelcome,
    })
    this.blobs = new BlobStreams({
      libp2p,
      protocol: protocols.blob,
      idleMs: timings.blobIdleMs,
      log: log('blob'),
      connection,
      isWelcome,
    })
    this.#gossip = this.#createGossip()
    this.#watchdog = this.#gossip && this.#createWatchdog()
  }

  /** Registers what others may ask of this node. libp2p is started after it. */
  async prepare(): Promise<void> {
    await this.control.start()
    await this.queries.start()
    await this.blobs.start()
  }

  /** Begins, with libp2p started. Nobody hears of anything before this turn is over. */
  async start(): Promise<void> {
    const known = await this.#book.open()
    this.#begin = setImmediate(() => {
      const { libp2p, config } = this.#init
      this.#ready.resolve()
      this.#watch()
      libp2p.addEventListener('peer:identify', this.#onIdentify)
      libp2p.addEventListener('peer:discovery', this.#onDiscovery)
      libp2p.addEventListener('self:peer:update', this.#watch)
      this.#timer = setInterval(this.#watch, config.timings.watchMs)
      this.#gossip?.start()
      this.#watchdog?.start()
      this.keeper.start()
      for (const { address, peer } of config.bootstrap) {
        if (peer === undefined) this.#bootstrap.add(address)
        else this.keeper.give(peer, address)
      }
      for (const { peer, addresses } of known) this.keeper.learn(peer, addresses)
    })
  }

  /** Ends everything but libp2p: what was sent still leaves, nobody hears of anything any more. */
  async stop(): Promise<void> {
    const { libp2p } = this.#init
    this.#stopped = true
    clearImmediate(this.#begin)
    clearInterval(this.#timer)
    libp2p.removeEventListener('peer:identify', this.#onIdentify)
    libp2p.removeEventListener('peer:discovery', this.#onDiscovery)
    libp2p.removeEventListener('self:peer:update', this.#watch)
    this.#bootstrap.stop()
    this.keeper.stop()
    this.#watchdog?.stop()
    this.#gossip?.stop()
    this.#ready.resolve()
    await this.queries.stop()
    await this.blobs.stop()
    await this.control.stop()
    await this.#book.close()
  }

  addresses(): string[] {
    return this.#init.libp2p.getMultiaddrs().map(String)
  }

  /** How each peer whose control stream is open is connected. */
  links(): PeerLink[] {
    return this.control.peers().flatMap(peer => {
      const connection = this.control.connection(peer)
      if (connection === undefined) return []
      const { direction, remoteAddr } = connection
      return [{ peer, direction, address: remoteAddr.toString() }]
    })
  }

  gossip(hints: readonly Hint[]): void {
    this.#gossip?.publish(hints)
  }

  gossipHealth(): (GossipHealth & { readonly repaired: number }) | undefined {
    return this.#gossip && { ...this.#gossip.health(), repaired: this.#watchdog?.repaired ?? 0 }
  }

  /** A node of the mesh was seen on the LAN. */
  sighted({ id, multiaddrs }: PeerInfo): void {
    if (!this.#stopped) this.keeper.sighted(id.toString(), multiaddrs.map(String))
  }

  #createGossip(): Gossip | undefined {
    const { config, libp2p, events } = this.#init
    const { pubsub } = libp2p.services
    if (!config.gossip || pubsub === undefined) return undefined
    return new Gossip({
      pubsub,
      topic: config.protocols.topic,
      codec: config.codec,
      gatherMs: config.timings.gossipMs,
      log: libp2p.logger.forComponent('meshwork:gossip'),
      self: libp2p.peerId.toString(),
      isAllowed: peer => this.#isAllowed(peer),
      peers: () => this.control.peers().length,
      onHints: (from, hints) => {
        if (!this.#stopped) events.hints(from, hints)
      },
      onUnheard: () => this.#watchdog?.look(),
    })
  }

  #createWatchdog(): Watchdog {
    const { config, libp2p } = this.#init
    const log = libp2p.logger.forComponent('meshwork:gossip')
    return new Watchdog({
      libp2p,
      watchMs: config.timings.watchMs,
      graceMs: config.timings.graceMs,
      log,
      peers: () => this.control.peers(),
      connection: peer => this.control.connection(peer),
      onHopeless: peer => {
        libp2p
          .hangUp(peerIdFromString(peer), { signal: AbortSignal.timeout(closeMs) })
          .catch((error: unknown) => log('hanging up on %s failed - %s', peer, reasonOf(error)))
      },
    })
  }

  #isAllowed(peer: string): boolean {
    return this.#init.config.allow?.has(peer) ?? true
  }

  #up(peer: PeerId): void {
    if (this.#stopped) return
    this.keeper.up(peer)
    this.#init.events.up(peer)
  }

  #down(peer: PeerId): void {
    if (this.#stopped) return
    this.keeper.down(peer)
    this.#bootstrap.down(peer)
    this.#watchdog?.down(peer)
    this.#init.events.down(peer)
  }

  readonly #onIdentify = ({ detail }: CustomEvent<IdentifyResult>): void => {
    const { peerId, listenAddrs, connection } = detail
    const peer = peerId.toString()
    // What was dialled works from here, even if the peer does not know of that address.
    const dialled = connection.direction === 'outbound' ? [connection.remoteAddr] : []
    this.keeper.sighted(peer, [...listenAddrs, ...dialled].map(String))
  }

  readonly #onDiscovery = ({ detail }: CustomEvent<PeerInfo>): void => {
    // Only what others than our own discovery find comes only here.
    if (this.#init.config.libp2p === undefined) return
    this.keeper.learn(detail.id.toString(), detail.multiaddrs.map(String))
  }

  readonly #watch = (): void => {
    const addresses = this.addresses()
    const text = addresses.join()
    if (text !== this.#addresses) {
      this.#addresses = text
      this.#init.events.listening(addresses)
    }
    for (const peer of this.control.peers()) this.#closeSpares(peer)
  }

  /** Of several connections to a peer, those without the control stream are closed by one side. */
  #closeSpares(peer: PeerId): void {
    const main = this.control.connection(peer)
    if (main === undefined || !this.control.opens(peer)) return
    const { libp2p, config } = this.#init
    for (const spare of libp2p.getConnections(main.remotePeer)) {
      const isYoung = Date.now() - spare.timeline.open < config.timings.graceMs
      if (spare.id === main.id || spare.status !== 'open' || isYoung) continue
      spare
        .close({ signal: AbortSignal.timeout(closeMs) })
        .catch(() => spare.abort(new Error('Spare')))
    }
  }
}
