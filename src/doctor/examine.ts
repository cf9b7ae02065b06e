import type { NodeHealth } from '../node-health.ts'
import { checkClock, type ClockReading } from './clock.ts'
import { checkDataDir } from './data-dir.ts'
import type { DataDirFacts } from './data-dir-probe.ts'
import { checkDisk, type DiskFacts } from './disk.ts'
import { type Finding, ok, problem } from './finding.ts'
import { checkInterfaces, type InterfaceAddress } from './interfaces.ts'
import { checkMembership } from './membership.ts'
import { checkMulticast } from './multicast.ts'
import type { MulticastFacts } from './multicast-probe.ts'
import { checkPlatform, type PlatformFacts } from './platform.ts'
import { type Probed, unknown } from './probe.ts'
import { checkReachability, hostOf } from './reachability.ts'
import { checkRoutes, type DefaultRoute } from './routes.ts'
import { checkRuntime, type RuntimeFacts } from './runtime.ts'
import { checkStrangers } from './strangers.ts'

/** All that the checks judge by. */
export interface Facts {
  readonly mesh: string
  readonly interfaces: readonly InterfaceAddress[]
  readonly runtime: Probed<RuntimeFacts>
  readonly platform: Probed<PlatformFacts>
  /** Found `undefined` where the system's table cannot be read. */
  readonly routes: Probed<readonly DefaultRoute[] | undefined>
  readonly disk: Probed<DiskFacts>
  readonly data: Probed<DataDirFacts>
  /** Absent where nodes are not to be found by multicast. */
  readonly multicast: Probed<MulticastFacts> | undefined
  readonly health: Probed<NodeHealth>
  readonly clock: { readonly started: ClockReading; readonly ended: ClockReading }
}

/** Judges what was found, in the order in which one would put it right. */
export function examine(facts: Facts): readonly Finding[] {
  const { runtime, disk, data, clock, interfaces, routes } = facts
  return [
    ...judge('node', runtime, checkRuntime),
    ...judge('disk', disk, checkDisk),
    ...judge('data', data, checkDataDir),
    ...checkClock(clock.started, clock.ended),
    ...checkInterfaces(interfaces),
    ...('failed' in routes ? unknown('routes', routes) : checkRoutesOf(routes.found)),
    ...checkMulticastOf(facts),
    ...checkPlatformOf(facts),
    ...checkMesh(facts),
  ]
}

function judge<T>(
  check: string,
  probed: Probed<T>,
  judgement: (found: T) => readonly Finding[],
): readonly Finding[] {
  return probed.found === undefined ? unknown(check, probed) : judgement(probed.found)
}

function checkRoutesOf(routes: readonly DefaultRoute[] | undefined): readonly Finding[] {
  return routes === undefined ? [] : checkRoutes(routes)
}

function checkMulticastOf(facts: Facts): readonly Finding[] {
  const { multicast, mesh, health } = facts
  if (multicast === undefined) {
    return [ok('multicast', 'nodes are not looked for by mDNS, as was asked')]
  }
  const own = health.found === undefined ? [] : [health.found.self.peerId]
  const context = { mesh, own, linked: isLinked(facts) }
  return judge('multicast', multicast, heard => checkMulticast(heard, context))
}

function checkMesh({ health, interfaces }: Facts): readonly Finding[] {
  if (health.found === undefined) {
    const why = 'failed' in health ? health.failed : 'nothing was found'
    const remedy = 'correct what this says; if a node runs here, see that it is of this version'
    return [problem('peers', `the mesh could not be asked: ${why}`, remedy)]
  }
  const addresses = interfaces.map(({ address }) => address)
  return [
    ...checkMembership(health.found),
    ...checkStrangers(health.found),
    ...checkReachability(health.found, addresses),
  ]
}

/** Whether a node on another machine is connected. */
function isLinked({ health, interfaces }: Facts): boolean {
  const own = new Set(['127.0.0.1', '::1', ...interfaces.map(({ address }) => address)])
  return health.found?.links.some(({ address }) => !own.has(hostOf(address))) ?? false
}

/** Hints only where nobody elsewhere was met: what works needs none. */
function checkPlatformOf(facts: Facts): readonly Finding[] {
  const { platform, multicast, interfaces } = facts
  const outside = interfaces.filter(({ internal }) => !internal)
  const addresses = outside.map(({ address }) => address)
  const othersHeard = isLinked(facts) || (multicast?.found?.others.length ?? 0) > 0
  return judge('platform', platform, found => checkPlatform(found, { addresses, othersHeard }))
}
