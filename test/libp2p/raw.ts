import type { TestContext } from 'node:test'
import { generateKeyPair } from '@libp2p/crypto/keys'
import type { Libp2p, PrivateKey } from '@libp2p/interface'
import { noise } from '@libp2p/noise'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import { multiaddr } from '@multiformats/multiaddr'
import { createLibp2p } from 'libp2p'
import type { TestNode } from './nodes.ts'
import { listen, recordErrors } from './nodes.ts'

/** A libp2p instance without anything of ours, to misbehave with. */
export async function startRaw(t: TestContext, privateKey?: PrivateKey): Promise<Libp2p> {
  const libp2p = await createLibp2p({
    ...(privateKey === undefined ? {} : { privateKey }),
    addresses: { listen },
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
    connectionMonitor: { enabled: false },
    logger: recordErrors([]),
  })
  t.after(() => libp2p.stop())
  return libp2p
}

/** Connects to a node. */
export async function reach(raw: Libp2p, node: TestNode) {
  return raw.dial(node.network.addresses().map(address => multiaddr(address)))
}

/** Two identities, that with the lower peer id first. */
export async function keysInOrder(): Promise<[low: PrivateKey, high: PrivateKey]> {
  const keys = await Promise.all([generateKeyPair('Ed25519'), generateKeyPair('Ed25519')])
  const [a, b] = keys
  return peerOf(a) < peerOf(b) ? [a, b] : [b, a]
}

/** The peer id of an identity. */
export function peerOf(key: PrivateKey): string {
  return peerIdFromPrivateKey(key).toString()
}
