import { resolve } from 'node:path'
import type { AbortOptions } from '@libp2p/interface'
import { asError } from '../errors.ts'
import type { NodeHealth } from '../node-health.ts'
import { meshProtocols } from '../wire/protocols.ts'
import { readClocks } from './clock.ts'
import { readDataDir } from './data-dir-probe.ts'
import { readDisk } from './disk.ts'
import { examine } from './examine.ts'
import type { Facts } from './examine.ts'
import { type Finding, problem } from './finding.ts'
import { readInterfaces } from './interfaces.ts'
import { visitMesh } from './mesh-probe.ts'
import { probeMulticast } from './multicast-probe.ts'
import { readPlatform } from './platform.ts'
import { probe } from './probe.ts'
import { readRoutes } from './routes.ts'
import { readRuntime } from './runtime.ts'

/** What to look at. Everything may be left out. */
export interface DiagnoseOptions extends AbortOptions {
  /**
   * Name of the mesh.
   *
   * @default 'default'
   */
  readonly mesh?: string | undefined
  readonly secret?: string | undefined
  /**
   * The data directory to look at, which need not exist.
   *
   * @default '.meshwork'
   */
  readonly dataDir?: string | undefined
  /**
   * Multiaddrs of nodes to connect to.
   *
   * @default []
   */
  readonly bootstrap?: readonly string[] | undefined
  /**
   * Whether nodes are to be found by multicast.
   *
   * @default true
   */
  readonly mdns?: boolean | undefined
  /**
   * Where a guest listens, for peers to try to reach it.
   *
   * @default ['/ip4/0.0.0.0/tcp/0']
   */
  readonly listen?: readonly string[] | undefined
  /** A node to ask; without one, a guest joins the mesh for some seconds. */
  readonly node?: { health(options: AbortOptions): Promise<NodeHealth> } | undefined
  /**
   * How long to listen for others, in milliseconds; at most 6,000. Nodes make themselves heard
   * every five seconds.
   *
   * @default 5_500
   */
  readonly listenMs?: number | undefined
}

/** Longest look at something of this machine, and at the mesh, in milliseconds. */
const machineMs = 5_000
const meshMs = 9_000
const listenMsMax = 6_000
const listenMsDefault = 5_500
const defaultMesh = 'default'
const defaultDataDir = '.meshwork'

/**
 * Looks for what keeps a node of this machine from its mesh, and says what to do about it. Takes
 * at most some ten seconds and never throws: what cannot be looked at is a finding, too.
 */
export async function diagnose(options: DiagnoseOptions = {}): Promise<readonly Finding[]> {
  try {
    return examine(await gather(options))
  } catch (error) {
    const remedy = 'correct the options; if they are right, report this with its message'
    return [problem('doctor', asError(error).message, remedy)]
  }
}

async function gather(options: DiagnoseOptions): Promise<Facts> {
  const { signal, secret, node, listen } = options
  const mesh = options.mesh ?? defaultMesh
  const dataDir = resolve(options.dataDir ?? defaultDataDir)
  const mdns = options.mdns ?? true
  const listenMs = Math.min(options.listenMs ?? listenMsDefault, listenMsMax)
  const { serviceTag } = meshProtocols(mesh)
  const interfaces = readInterfaces()
  const started = readClocks()
  const machine = { limitMs: machineMs, signal }
  const visit = { mesh, secret, bootstrap: options.bootstrap ?? [], mdns, listen, findMs: listenMs }
  const [runtime, platform, routes, disk, data, multicast, health] = await Promise.all([
    probe(readRuntime, machine),
    probe(readPlatform, machine),
    probe(readRoutes, machine),
    probe(limit => readDisk(dataDir, limit), machine),
    probe(limit => readDataDir(dataDir, limit), machine),
    mdns
      ? probe(limit => probeMulticast({ serviceTag, interfaces, listenMs }, limit), {
          limitMs: listenMs + 1_000,
          signal,
        })
      : undefined,
    probe(limit => node?.health({ signal: limit }) ?? visitMesh(visit, limit), {
      limitMs: meshMs,
      signal,
    }),
  ])
  const clock = { started, ended: readClocks() }
  return { mesh, interfaces, runtime, platform, routes, disk, data, multicast, health, clock }
}
