import type { AbortOptions } from '@libp2p/interface'
import type { Network } from './driver/ports.ts'
import type { Libp2pNetwork } from './libp2p/network.ts'
import type { PeerQueries } from './peer-queries.ts'
import type { NodeInfo } from './task-info.ts'
import type { Timers } from './time/timers.ts'

/** A way that a peer is connected. */
export interface LinkInfo {
  readonly peerId: string
  /** `inbound`: the peer has dialled this node. */
  readonly direction: 'inbound' | 'outbound'
  /** Where the peer is as seen from here. */
  readonly address: string
}

/** What a peer found when it tried to reach this node at the address it sees of it. */
export interface DialBackInfo {
  readonly peerId: string
  readonly address: string
  readonly reached: boolean
}

/** Nodes that were met and cannot be of this mesh. */
export interface StrangerInfo {
  /** Failed attempts since this node started. */
  readonly count: number
  /** Where the last one was met. */
  readonly address: string
  /** Time since then, in milliseconds. */
  readonly agoMs: number
}

/** How a node stands in its network, for those who look for what is wrong. */
export interface NodeHealth {
  readonly mesh: string
  /** Whether the node was given a secret. */
  readonly secret: boolean
  /** This node, and those that it is connected to, as they describe themselves. */
  readonly self: NodeInfo
  readonly nodes: readonly NodeInfo[]
  readonly links: readonly LinkInfo[]
  readonly dialBacks: readonly DialBackInfo[]
  /** Nodes with another secret, and nodes of other meshes at addresses that were given. */
  readonly otherSecret?: StrangerInfo | undefined
  readonly otherMesh?: StrangerInfo | undefined
  readonly mdns: 'off' | 'starting' | 'working' | 'silent' | 'failed'
}

/** A network that may tell how it fares; one that is made up for a test need not. */
export type NodeNetwork = Network & Partial<Pick<Libp2pNetwork, 'health' | 'dialBack'>>

export interface NodeHealthInit {
  readonly mesh: string
  readonly secret: boolean
  readonly network: NodeNetwork
  readonly queries: PeerQueries
  readonly describe: () => NodeInfo
  readonly timers: Timers
}

/** How long peers may take to answer, in milliseconds: those that are overloaded are told apart. */
const answerMs = 2_500

/** Peers that are asked to dial back, and ports that each of them tries. */
const askedMax = 3
const portsMax = 2

/** Looks at a node's network, and has some peers try to reach it. */
export async function healthOf(init: NodeHealthInit, options: AbortOptions): Promise<NodeHealth> {
  const { network, mesh, secret } = init
  options.signal?.throwIfAborted()
  const limit = init.timers.timeout(answerMs)
  const signal = options.signal === undefined ? limit : AbortSignal.any([options.signal, limit])
  const health = network.health?.()
  const links = (health?.links ?? []).map(({ peer, ...link }) => ({ peerId: peer, ...link }))
  const [nodes, dialBacks] = await Promise.all([
    Promise.all(links.map(({ peerId }) => nodeOf(init, peerId, signal))),
    dialBacksOf(init, links.slice(0, askedMax), signal),
  ])
  options.signal?.throwIfAborted()
  return {
    mesh,
    secret,
    self: init.describe(),
    nodes: nodes.filter(node => node !== undefined),
    links,
    dialBacks,
    otherSecret: health?.strangers.secret,
    otherMesh: health?.strangers.mesh,
    mdns: health?.mdns.state ?? 'off',
  }
}

/** A peer as it describes itself, if it does. */
async function nodeOf(
  { queries }: NodeHealthInit,
  peerId: string,
  signal: AbortSignal,
): Promise<NodeInfo | undefined> {
  try {
    const node = await queries.ask<'node'>(peerId, { type: 'node' }, { signal })
    return node.peerId === peerId ? node : undefined
  } catch {
    return undefined
  }
}

async function dialBacksOf(
  { network, queries }: NodeHealthInit,
  links: readonly LinkInfo[],
  signal: AbortSignal,
): Promise<DialBackInfo[]> {
  const ports = portsOf(network.addresses()).slice(0, portsMax)
  const asked = links.flatMap(({ peerId }) => ports.map(port => ({ peerId, port })))
  const answers = await Promise.all(
    asked.map(async ({ peerId, port }): Promise<DialBackInfo[]> => {
      try {
        const request = { type: 'dial-back', port } as const
        const { tried } = await queries.ask<'dial-back'>(peerId, request, { signal })
        return tried === undefined ? [] : [{ peerId, ...tried }]
      } catch {
        // Gone, or of a version that does not know the question: nothing is known then.
        return []
      }
    }),
  )
  return answers.flat()
}

/** Ports of multiaddrs, each once. */
function portsOf(addresses: readonly string[]): number[] {
  const ports = addresses.flatMap(address => /\/tcp\/(\d+)/.exec(address)?.[1] ?? [])
  return [...new Set(ports.map(Number))].filter(port => port > 0)
}
