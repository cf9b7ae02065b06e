import type { Libp2p, PrivateKey } from '@libp2p/interface'
import { AlreadyStartedError, NotStartedError } from '@libp2p/interface'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import type { LevelDatastore } from 'datastore-level'
import { defaultLogger } from '@libp2p/logger'
import type { BlobNetwork, BlobServer } from '../blobs/ports.ts'
import type { PeerId } from '../core/ids.ts'
import type { Envelope, Hint } from '../core/messages.ts'
import type { Network, NetworkEvents, QueryHandler } from '../driver/ports.ts'
import { resolveConfig } from './config.ts'
import type { Libp2pNetworkConfig, Libp2pNetworkInit } from './config.ts'
import { Discovery } from './discovery.ts'
import type { DiscoveryHealth } from './discovery.ts'
import { ListenFailedError } from './errors.ts'
import { leavesOf } from './failures.ts'
import type { GossipHealth } from './gossip.ts'
import { createHost } from './host.ts'
import type { HostServices } from './host.ts'
import { loadIdentity, newIdentity } from './identity.ts'
import type { DialBack } from './dial-back.ts'
import { Mesh } from './mesh.ts'
import type { PeerLink } from './mesh.ts'
import { openPeerStore } from './peer-store.ts'
import { stretchSecret } from './secret.ts'
import type { StrangersMet } from './strangers.ts'

/** How a node's network fares. */
export interface NetworkHealth {
  /** Peers whose control stream is open, and peers that are kept in mind. */
  readonly up: readonly PeerId[]
  readonly known: number
  /** Bytes that wait to be sent, and bytes received that are not handled yet. */
  readonly waitingBytes: number
  readonly heldBytes: number
  /** How those that are up are connected. */
  readonly links: readonly PeerLink[]
  /** Nodes with another secret or of another mesh that were met. */
  readonly strangers: StrangersMet
  readonly mdns: DiscoveryHealth
  /** Absent where there is no gossip. */
  readonly gossip: (GossipHealth & { readonly repaired: number }) | undefined
}

/** The `Network` port over libp2p. */
export interface Libp2pNetwork extends Network {
  /** The instance below; absent before `start`. */
  readonly libp2p: Libp2p | undefined
  /** Large payloads and results of other nodes. */
  readonly blobs: BlobNetwork
  health(): NetworkHealth
  /** Tries whether a peer can be reached at a port of the host that it is connected from. */
  dialBack(peer: PeerId, port: number): Promise<DialBack | undefined>
}

/**
 * A node's network over libp2p, not started yet.
 *
 * @throws {InvalidParametersError} An option cannot be used, or the key file holds something else.
 */
export async function libp2pNetwork(init: Libp2pNetworkInit): Promise<Libp2pNetwork> {
  const config = resolveConfig(init)
  const { secret, mesh, keyFile } = config
  const prologue = secret === undefined ? undefined : await stretchSecret(secret, mesh)
  if (config.libp2p !== undefined) {
    return new MeshNetwork({
      config,
      prologue,
      privateKey: undefined,
      peer: config.libp2p.peerId.toString(),
    })
  }
  const privateKey =
    config.privateKey ?? (keyFile === undefined ? await newIdentity() : await loadIdentity(keyFile))
  const peer = peerIdFromPrivateKey(privateKey).toString()
  return new MeshNetwork({ config, prologue, privateKey, peer })
}

interface MeshNetworkInit {
  readonly config: Libp2pNetworkConfig
  readonly prologue: Uint8Array | undefined
  /** Absent with an instance of the user's own. */
  readonly privateKey: PrivateKey | undefined
  readonly peer: PeerId
}

class MeshNetwork implements Libp2pNetwork {
  readonly peer: PeerId
  readonly #init: MeshNetworkInit
  readonly #discovery: Discovery
  #libp2p: Libp2p<HostServices> | undefined
  #mesh: Mesh | undefined
  #datastore: LevelDatastore | undefined
  #onQuery: QueryHandler | undefined
  #blobServer: BlobServer | undefined
  #starting: Promise<void> | undefined
  #stopping: Promise<void> | undefined

  constructor(init: MeshNetworkInit) {
    const { protocols, timings } = init.config
    this.peer = init.peer
    this.#init = init
    this.#discovery = new Discovery({
      serviceTag: protocols.serviceTag,
      intervalMs: timings.mdnsMs,
      onSighting: info => this.#mesh?.sighted(info),
    })
  }

  get libp2p(): Libp2p | undefined {
    return this.#libp2p
  }

  async start(events: NetworkEvents): Promise<void> {
    if (this.#starting !== undefined) throw new AlreadyStartedError('Network was started before')
    this.#starting = this.#start(events)
    try {
      await this.#starting
    } catch (error) {
      await this.stop()
      throw error
    }
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#stop()
    return this.#stopping
  }

  addresses(): readonly string[] {
    return this.#mesh?.addresses() ?? []
  }

  send(to: PeerId, envelope: Envelope): void {
    this.#mesh?.control.send(to, envelope)
  }

  gossip(hints: readonly Hint[]): void {
    this.#mesh?.gossip(hints)
  }

  dial(peer: PeerId, addresses: readonly string[]): void {
    this.#mesh?.keeper.learn(peer, addresses)
  }

  hangup(peer: PeerId, reason: string): void {
    this.#libp2p?.logger
      .forComponent('meshwork:control')
      .error('hanging up on %s - %s', peer, reason)
    this.#mesh?.keeper.hangup(peer)
  }

  async query(
    to: PeerId,
    request: Uint8Array,
    { signal }: { signal: AbortSignal },
  ): Promise<Uint8Array> {
    return this.#started().queries.query(to, request, signal)
  }

  readonly blobs: BlobNetwork = {
    movedBytes: () => this.#mesh?.blobs.movedBytes() ?? 0,
    get: (peer, request, options) => this.#started().blobs.get(peer, request, options),
    put: async (peer, gift, options) => this.#started().blobs.put(peer, gift, options),
    serve: server => {
      this.#blobServer = server
      this.#mesh?.blobs.serve(server)
    },
  }

  onQuery(handler: QueryHandler): void {
    this.#onQuery = handler
    this.#mesh?.queries.onQuery(handler)
  }

  health(): NetworkHealth {
    const mesh = this.#mesh
    return {
      up: mesh?.control.peers() ?? [],
      known: mesh?.keeper.size ?? 0,
      ...(mesh?.control.load() ?? { waitingBytes: 0, heldBytes: 0 }),
      links: mesh?.links() ?? [],
      strangers: mesh?.strangers.met() ?? {},
      mdns: this.#discovery.health(),
      gossip: mesh?.gossipHealth(),
    }
  }

  async dialBack(peer: PeerId, port: number): Promise<DialBack | undefined> {
    return this.#mesh?.dialBacks.dialBack(peer, port)
  }

  #started(): Mesh {
    if (this.#mesh === undefined) throw new NotStartedError('Network is not started')
    return this.#mesh
  }

  async #start(events: NetworkEvents): Promise<void> {
    const { config } = this.#init
    const libp2p = config.libp2p ?? (await this.#createHost())
    this.#libp2p = libp2p
    const mesh = new Mesh({ config, libp2p, events })
    if (this.#onQuery !== undefined) mesh.queries.onQuery(this.#onQuery)
    if (this.#blobServer !== undefined) mesh.blobs.serve(this.#blobServer)
    this.#mesh = mesh
    await mesh.prepare()
    try {
      await libp2p.start()
    } catch (error) {
      const isListen = leavesOf(error).some(
        ({ name }) => name === 'UnsupportedListenAddressesError',
      )
      throw isListen ? new ListenFailedError(config.listen, { cause: error }) : error
    }
    await mesh.start()
  }

  async #createHost(): Promise<Libp2p<HostServices>> {
    const { config, prologue, privateKey = await newIdentity() } = this.#init
    const logger = config.logger ?? defaultLogger()
    const path = config.peerStorePath
    if (path !== undefined) {
      this.#datastore = await openPeerStore(path, logger.forComponent('meshwork:peers'))
    }
    return createHost({
      config,
      privateKey,
      prologue,
      datastore: this.#datastore,
      discovery: config.mdns ? this.#discovery : undefined,
      isWelcome: peer => this.#mesh?.keeper.isWelcome(peer.toString()) ?? false,
    })
  }

  async #stop(): Promise<void> {
    // What is being started is stopped once it is whole, or has failed.
    await this.#starting?.catch(() => {})
    const mesh = this.#mesh
    this.#mesh = undefined
    try {
      await mesh?.stop()
    } finally {
      // An instance of the user's own goes on.
      if (this.#init.config.libp2p === undefined) await this.#libp2p?.stop()
      await this.#datastore?.close()
    }
  }
}
