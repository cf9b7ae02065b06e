import { gossipsub } from '@libp2p/gossipsub'
import type { GossipSub } from '@libp2p/gossipsub'
import { identify } from '@libp2p/identify'
import type { Identify } from '@libp2p/identify'
import type { Libp2p, PeerId, PrivateKey, Topology } from '@libp2p/interface'
import { noise } from '@libp2p/noise'
import { ping } from '@libp2p/ping'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import type { LevelDatastore } from 'datastore-level'
import { createLibp2p } from 'libp2p'
import type { Libp2pOptions } from 'libp2p'
import type { Libp2pNetworkConfig } from './config.ts'
import type { Discovery } from './discovery.ts'
import { gossipOptions } from './gossip-options.ts'

/** What is used of libp2p's services; those of an instance of the user's own may be missing. */
export interface HostServices {
  readonly identify?: Pick<Identify, 'identify'>
  readonly pubsub?: GossipSub
  readonly topologies?: Topologies
  [name: string]: unknown
}

/** Who in libp2p wants to know of peers that speak a protocol. */
export interface Topologies {
  getTopologies(protocol: string): readonly Topology[]
}

export interface HostInit {
  readonly config: Libp2pNetworkConfig
  readonly privateKey: PrivateKey
  /** 32 bytes that both sides mix into the handshake. */
  readonly prologue: Uint8Array | undefined
  readonly datastore: LevelDatastore | undefined
  readonly discovery: Discovery | undefined
  /** Whether a peer may be connected to at this time. */
  readonly isWelcome: (peer: PeerId) => boolean
}

const kibibyte = 1_024
const mebibyte = 1_024 * kibibyte

/** Makes a libp2p instance that is not started yet. */
export function createHost(init: HostInit): Promise<Libp2p<HostServices>> {
  const { config, privateKey, prologue, datastore, discovery, isWelcome } = init
  const { prefix } = config.protocols
  const unwelcome = (peer: PeerId): boolean => !isWelcome(peer)
  const options: Libp2pOptions<HostServices> = {
    start: false,
    privateKey,
    nodeInfo: { name: 'meshwork', userAgent: 'meshwork' },
    addresses: { listen: [...config.listen] },
    transports: [
      tcp({
        inboundSocketInactivityTimeout: 60_000,
        outboundSocketInactivityTimeout: 60_000,
        maxConnections: 1_200,
      }),
    ],
    connectionEncrypters: [noise(prologue === undefined ? {} : { prologueBytes: prologue })],
    streamMuxers: [yamux(muxerOptions)],
    connectionManager: {
      ...connectionManager,
      addressDialTimeout: config.timings.addressMs,
      dialTimeout: config.timings.dialMs,
      inboundUpgradeTimeout: config.timings.dialMs,
    },
    // A ping that fails once ends the connection, and a busy event loop answers late.
    connectionMonitor: {
      pingInterval: 10_000,
      pingTimeout: { minTimeout: 15_000 },
      protocolPrefix: prefix,
    },
    connectionGater: {
      denyDialPeer: unwelcome,
      denyInboundEncryptedConnection: unwelcome,
      denyOutboundEncryptedConnection: unwelcome,
    },
    peerDiscovery: discovery === undefined ? [] : [discovery.module],
    services: {
      identify: identify({ protocolPrefix: prefix, maxInboundStreams: 4, maxOutboundStreams: 4 }),
      // Pings overlap when a peer answers late; one stream too many would end the connection.
      ping: ping({ protocolPrefix: prefix, maxInboundStreams: 8, maxOutboundStreams: 8 }),
      topologies: ({ registrar }) => registrar,
      ...(config.gossip ? { pubsub: gossipsub(gossipOptions(config.protocols.topic)) } : {}),
    },
  }
  if (config.logger !== undefined) options.logger = config.logger
  if (datastore !== undefined) options.datastore = datastore
  return createLibp2p(options)
}

/**
 * The receive window never outgrows the buffer of a paused stream: with the defaults, 16 MiB and
 * 4 MiB, a stream that is paused for long is reset. The initial window must be the same on all
 * nodes, since it is not told to the other side.
 */
export const muxerOptions = {
  maxInboundStreams: 256,
  maxOutboundStreams: 256,
  streamOptions: {
    initialStreamWindowSize: 256 * kibibyte,
    maxStreamWindowSize: mebibyte,
    maxReadBufferLength: 2 * mebibyte,
    // Gossip writes without regard to a full stream; a control stream keeps its own bound.
    maxWriteBufferLength: 32 * mebibyte,
  },
}

/** Many nodes of one host, or behind one address, may arrive at the same moment. */
const connectionManager = {
  maxConnections: 1_000,
  maxIncomingPendingConnections: 256,
  inboundConnectionThreshold: 256,
  maxPeerAddrsToDial: 20,
  // Redialling is the keeper's: libp2p's own gives up after five attempts.
  reconnectRetries: 0,
}
