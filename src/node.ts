import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { type ComponentLogger, setMaxListeners } from '@libp2p/interface'
import { defaultLogger } from '@libp2p/logger'
import { assemble, type NodeParts } from './assemble.ts'
import { DiskBlobStore } from './blobs/disk-store.ts'
import { MemoryBlobStore } from './blobs/memory-store.ts'
import type { BlobStore } from './blobs/ports.ts'
import { type MeshNodeConfig, type MeshNodeInit, resolveConfig } from './config.ts'
import { SystemClock } from './driver/clock.ts'
import type { Store } from './driver/ports.ts'
import type { Libp2pNetwork } from './libp2p/network.ts'
import { memoryBlobBytesMax } from './large-inputs.ts'
import type { MeshNode } from './mesh-node.ts'
import { limitQueues } from './queue-limits.ts'
import type { RunningNode } from './running-node.ts'
import { diskStore } from './store/disk-store.ts'
import { memoryStore } from './store/memory-store.ts'
import { decodeEntry, encodeEntry } from './wire/codec.ts'
import { loadHandlers } from './worker/load.ts'

/**
 * Starts a node and joins the mesh. It works at once; `ready` waits for others.
 *
 * @throws {InvalidParametersError} An option is out of bounds or not supported.
 * @throws {HandlerModuleError} `handlers` cannot be used.
 * @throws {StoreLockedError} Another node uses the data directory.
 * @throws {StoreCorruptError} It cannot be told whose data directory it is. One that has lost something
 * is set aside, and the node goes on with another one.
 * @throws {StoreVersionError} A newer version wrote the data directory.
 */
export async function createNode(init: MeshNodeInit = {}): Promise<MeshNode> {
  const resolved = resolveConfig(init)
  const { signal } = resolved
  signal?.throwIfAborted()
  if (signal !== undefined) setMaxListeners(Infinity, signal)
  const logger = resolved.logger ?? defaultLogger()
  const { handlers, isolate, queueConcurrency } = resolved
  const loaded = handlers === undefined ? [] : await loadHandlers(handlers, { isolate })
  const { modules, ...limited } = limitQueues({ ...resolved, modules: loaded }, queueConcurrency)
  const config: MeshNodeConfig = { ...resolved, ...limited }

  const store = storeOf(config)
  let network: Libp2pNetwork | undefined
  let node: RunningNode | undefined
  try {
    // Before anything else touches the data directory: of two nodes on it, one is told so.
    const opened = await store.open()
    network = await networkOf(config, logger)
    node = assemble({
      ...{ config, modules, store, opened, network, logger },
      blobStore: blobStoreOf(config),
      clock: new SystemClock(),
      incarnation: randomBytes(8).toString('hex'),
      seed: randomSeed(),
    })
    await node.start()
    signal?.throwIfAborted()
  } catch (error) {
    await (node?.stop() ?? stopAll(network, store)).catch(() => undefined)
    throw error
  }
  node.stopOn(signal)
  return node
}

async function stopAll(network: Libp2pNetwork | undefined, store: Store): Promise<void> {
  await network?.stop()
  await store.close()
}

function storeOf({ dataDir, durability }: MeshNodeConfig): Store {
  const codec = { encode: encodeEntry, decode: decodeEntry }
  if (dataDir === undefined) return memoryStore({ codec })
  return diskStore({ dataDir, codec, durability, setAside: true })
}

function blobStoreOf({ dataDir, durability }: MeshNodeConfig): BlobStore {
  if (dataDir === undefined) return new MemoryBlobStore({ bytesMax: memoryBlobBytesMax })
  return new DiskBlobStore({ directory: join(dataDir, 'blobs'), durability })
}

async function networkOf(config: MeshNodeConfig, logger: ComponentLogger): Promise<Libp2pNetwork> {
  // Half of what this package takes to load, and definitions of tasks are of use without it.
  const { libp2pNetwork } = await import('./libp2p/network.ts')
  const { mesh, secret, dataDir, listen, bootstrap, mdns, gossip, allow, libp2p } = config
  return libp2pNetwork({
    mesh,
    secret,
    dataDir,
    listen,
    bootstrap,
    mdns,
    gossip,
    allow,
    libp2p,
    logger,
  })
}

function randomSeed(): NodeParts['seed'] {
  const words = randomBytes(16)
  return [
    words.readUInt32LE(0),
    words.readUInt32LE(4),
    words.readUInt32LE(8),
    words.readUInt32LE(12),
  ]
}
