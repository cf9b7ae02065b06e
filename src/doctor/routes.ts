import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { promisify } from 'node:util'
import { isVirtual } from './interfaces.ts'
import { type Finding, ok, warning } from './finding.ts'

/** A default route of IPv4: where multicast goes unless somebody says otherwise. */
export interface DefaultRoute {
  readonly interface: string
  /** The lowest is used; 0 where the system has none. */
  readonly metric: number
}

/** Longest table that is read, in bytes. */
const tableBytesMax = 1 << 20

/** What the default routes mean for multicast, which leaves by one interface only. */
export function checkRoutes(routes: readonly DefaultRoute[]): Finding[] {
  const [first, ...others] = routes.toSorted((a, b) => a.metric - b.metric)
  if (first === undefined) {
    return [
      warning(
        'routes',
        'there is no default route, so the system may refuse to send multicast',
        'if nodes do not find each other: ip route add 224.0.0.0/4 dev INTERFACE, or --bootstrap',
      ),
    ]
  }
  const findings: Finding[] = []
  if (isVirtual(first.interface)) {
    findings.push(
      warning(
        'routes',
        `the default route leads by ${first.interface}, which looks like a VPN or virtual machine`,
        'let LAN traffic past the VPN (split tunnel), or name other nodes with --bootstrap',
      ),
    )
  }
  const names = new Set(others.map(route => route.interface))
  names.delete(first.interface)
  if (names.size > 0) {
    findings.push(
      warning(
        'routes',
        `there are default routes by ${first.interface} and ${[...names].join(', ')}, ` +
          `and mDNS asks only by the first`,
        'if nodes are on the other network, lower its metric or name them with --bootstrap',
      ),
    )
  }
  return findings.length > 0 ? findings : [ok('routes', `default route by ${first.interface}`)]
}

/** Default routes as the system tells them; `undefined` where that is not known how. */
export async function readRoutes(signal: AbortSignal): Promise<DefaultRoute[] | undefined> {
  if (process.platform === 'linux') {
    return parseProcRoutes(await readFile('/proc/net/route', { encoding: 'utf8', signal }))
  }
  if (process.platform !== 'darwin') return undefined
  const options = { signal, maxBuffer: tableBytesMax }
  const { stdout } = await promisify(execFile)('netstat', ['-rn', '-f', 'inet'], options)
  return parseNetstatRoutes(stdout)
}

/** Linux's table: interface, destination, gateway, flags, two counts, metric, mask. */
export function parseProcRoutes(text: string): DefaultRoute[] {
  return text
    .split('\n')
    .slice(1)
    .flatMap(line => {
      const [name, destination, , , , , metric, mask] = line.trim().split(/\s+/)
      if (name === undefined || destination !== '00000000' || mask !== '00000000') return []
      return [{ interface: name, metric: Number(metric) || 0 }]
    })
}

/** macOS's table: destination, gateway, flags, interface; the first default route is used. */
export function parseNetstatRoutes(text: string): DefaultRoute[] {
  return text
    .split('\n')
    .filter(line => line.startsWith('default'))
    .flatMap((line, index) => {
      const [, , , name] = line.trim().split(/\s+/)
      return name === undefined ? [] : [{ interface: name, metric: index }]
    })
}
