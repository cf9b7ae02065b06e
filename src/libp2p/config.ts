import { join } from 'node:path'
import type { ComponentLogger, Libp2p, PrivateKey } from '@libp2p/interface'
import { peerIdFromString } from '@libp2p/peer-id'
import { meshProtocols } from '../wire/protocols.ts'
import type { MeshProtocols } from '../wire/protocols.ts'
import { parseAddress } from './addresses.ts'
import type { GivenAddress } from './addresses.ts'
import type { Codec } from './codec.ts'
import { wireCodec } from './codec.ts'
import { invalidParameters } from './failures.ts'
import { checkSecret } from './secret.ts'

/** Waits and intervals, in milliseconds. */
export interface Timings {
  /** How long the peer that need not open the control stream waits for it. */
  readonly controlWaitMs: number
  /** How long opening a control stream may take. */
  readonly controlOpenMs: number
  /** How long a dial of one address, and of all addresses of a peer, may take. */
  readonly addressMs: number
  readonly dialMs: number
  /** First and longest wait between dials. */
  readonly backoffMinMs: number
  readonly backoffMaxMs: number
  /** How much longer the peer with the higher id waits before it dials, so that one dials. */
  readonly yieldMs: number
  /** A control stream that lasted so long has not failed when it ends. */
  readonly stableMs: number
  /** How long a peer that was hung up on is neither dialled nor let in. */
  readonly banMs: number
  /** Time between looks at the gossip streams and at the node's own addresses. */
  readonly watchMs: number
  /** How long a gossip stream may be missing before it is seen to. */
  readonly graceMs: number
  /** How long hints gather before they are published. */
  readonly gossipMs: number
  /** Time between mDNS queries. */
  readonly mdnsMs: number
  /** After this a peer that cannot be dialled, or that is gone for good, is forgotten. */
  readonly forgetMs: number
  readonly forgetDialableMs: number
  /** How long a query may take, at most. */
  readonly queryMs: number
  /** How long a peer may be silent in the middle of a blob. */
  readonly blobIdleMs: number
}

export const timings: Timings = Object.freeze({
  controlWaitMs: 2_000,
  controlOpenMs: 10_000,
  // Some of a peer's addresses may lead nowhere, and they are tried one by one.
  addressMs: 4_000,
  dialMs: 12_000,
  backoffMinMs: 100,
  backoffMaxMs: 30_000,
  // Longer than a dial takes, shorter than anybody would notice.
  yieldMs: 400,
  stableMs: 5_000,
  banMs: 30_000,
  watchMs: 1_000,
  graceMs: 2_000,
  gossipMs: 8,
  mdnsMs: 5_000,
  forgetMs: 10 * 60_000,
  forgetDialableMs: 7 * 24 * 3_600_000,
  queryMs: 30_000,
  blobIdleMs: 30_000,
})

export interface Libp2pNetworkInit {
  /** Name of the mesh: nodes of another name are not seen. 1 to 63 characters of a-z, 0-9, '-'. */
  mesh: string
  /** Nodes without it cannot connect. Random, at least 22 characters; without one all can. */
  secret?: string | undefined
  /** The node's identity; else that of `keyFile`, else of `dataDir`, else a new one. */
  privateKey?: PrivateKey | undefined
  /** File of the identity, made if it is missing. @default `<dataDir>/peer.key` */
  keyFile?: string | undefined
  /** Where identity and known peers are kept; absent, they last as long as the process. */
  dataDir?: string | undefined
  /** Multiaddrs to listen on; an empty list for a node that only dials. @default ['/ip4/0.0.0.0/tcp/0'] */
  listen?: readonly string[] | undefined
  /** Multiaddrs of nodes to stay connected to, with or without their peer id. @default [] */
  bootstrap?: readonly string[] | undefined
  /** Whether to find nodes of the LAN by mDNS. @default true */
  mdns?: boolean | undefined
  /** Whether to take part in gossip. Everything works without it, only slower. @default true */
  gossip?: boolean | undefined
  /** Peer ids to connect to and to let in; absent, everybody who knows the secret. */
  allow?: readonly string[] | undefined
  /**
   * An instance of your own. It is neither configured nor stopped; it should have `identify` and,
   * for gossip, `pubsub` among its services, and is responsible for secret and allow-list itself.
   */
  libp2p?: Libp2p | undefined
  logger?: ComponentLogger | undefined
  codec?: Codec | undefined
  timings?: Partial<Timings> | undefined
}

export interface Libp2pNetworkConfig {
  readonly mesh: string
  readonly protocols: MeshProtocols
  readonly secret: string | undefined
  readonly privateKey: PrivateKey | undefined
  readonly keyFile: string | undefined
  readonly peerStorePath: string | undefined
  readonly peerBookPath: string | undefined
  readonly listen: readonly string[]
  readonly bootstrap: readonly GivenAddress[]
  readonly mdns: boolean
  readonly gossip: boolean
  readonly allow: ReadonlySet<string> | undefined
  readonly libp2p: Libp2p | undefined
  readonly logger: ComponentLogger | undefined
  readonly codec: Codec
  readonly timings: Timings
}

/**
 * Fills in and checks the options.
 *
 * @throws {InvalidParametersError} One of them cannot be used; the text names it.
 */
export function resolveConfig(init: Libp2pNetworkInit): Libp2pNetworkConfig {
  const { mesh, secret, dataDir } = init
  if (secret !== undefined) checkSecret(secret)
  const listen = init.listen ?? ['/ip4/0.0.0.0/tcp/0']
  for (const address of listen) parseAddress('listen', address)
  const allow = init.allow?.map(parsePeer)
  const keyFile = init.keyFile ?? (dataDir === undefined ? undefined : join(dataDir, 'peer.key'))
  return {
    mesh,
    protocols: meshProtocols(mesh),
    secret,
    privateKey: init.privateKey,
    keyFile,
    peerStorePath: dataDir === undefined ? undefined : join(dataDir, 'peers'),
    peerBookPath: dataDir === undefined ? undefined : join(dataDir, 'peers.json'),
    listen,
    bootstrap: (init.bootstrap ?? []).map(address => parseAddress('bootstrap', address)),
    mdns: init.mdns ?? true,
    gossip: init.gossip ?? true,
    allow: allow === undefined ? undefined : new Set(allow),
    libp2p: init.libp2p,
    logger: init.logger,
    codec: init.codec ?? wireCodec,
    timings: { ...timings, ...init.timings },
  }
}

function parsePeer(text: string): string {
  try {
    return peerIdFromString(text).toString()
  } catch (error) {
    throw invalidParameters(`allow: ${JSON.stringify(text.slice(0, 128))} is not a peer id`, error)
  }
}
