import type { Facts } from '../../src/doctor/examine.ts'
import type { Finding } from '../../src/doctor/finding.ts'
import type { InterfaceAddress } from '../../src/doctor/interfaces.ts'
import type { NodeHealth, NodeInfo } from '../../src/index.ts'

/** An IPv4 address of an interface. */
export function ipv4(name: string, address: string): InterfaceAddress {
  return { name, address, family: 'IPv4', internal: name === 'lo' }
}

/** A node as it describes itself. */
export function nodeInfo(peerId: string, more: Partial<NodeInfo> = {}): NodeInfo {
  return {
    peerId,
    addresses: ['/ip4/192.168.1.7/tcp/4001'],
    guest: false,
    queues: [],
    concurrency: 0,
    running: 0,
    labels: {},
    peers: [],
    version: '0.1.0',
    ...more,
  }
}

/** A node in a mesh of three, where all is well. */
export function goodHealth(more: Partial<NodeHealth> = {}): NodeHealth {
  return {
    mesh: 'default',
    secret: true,
    self: nodeInfo('self'),
    nodes: [nodeInfo('b'), nodeInfo('c')],
    links: [
      { peerId: 'b', direction: 'inbound', address: '/ip4/192.168.1.8/tcp/5000' },
      { peerId: 'c', direction: 'outbound', address: '/ip4/192.168.1.9/tcp/4001' },
    ],
    dialBacks: [],
    mdns: 'working',
    ...more,
  }
}

/** A machine on which nothing is wrong. */
export function goodFacts(more: Partial<Facts> = {}): Facts {
  return {
    mesh: 'default',
    interfaces: [ipv4('lo', '127.0.0.1'), ipv4('eth0', '192.168.1.7')],
    runtime: { found: { nodeVersion: '24.21.0', openFilesMax: 65_536 } },
    platform: { found: { platform: 'linux', release: '6.8.0', env: {}, files: [] } },
    routes: { found: [{ interface: 'eth0', metric: 100 }] },
    disk: {
      found: {
        folder: '/data',
        freeBytes: 50 * 2 ** 30,
        freeFiles: 1e6,
        fileSystemType: 0xef53,
        syncMs: 1,
        syncFailed: undefined,
      },
    },
    data: { found: { dataDir: '/data', state: 'sound' } },
    multicast: {
      found: {
        failed: undefined,
        joined: ['eth0'],
        echoed: ['eth0'],
        leavesBy: 'eth0',
        others: ['192.168.1.8'],
        peers: { b: '192.168.1.8' },
        otherTags: {},
        listenedMs: 5_500,
      },
    },
    health: { found: goodHealth() },
    clock: {
      started: { wallMs: 1_800_000_000_000, monotonicMs: 1_000 },
      ended: { wallMs: 1_800_000_006_000, monotonicMs: 7_000 },
    },
    ...more,
  }
}

/** What is not as it should be, one line each. */
export function complaints(findings: readonly Finding[]): string[] {
  return findings
    .filter(({ level }) => level !== 'ok')
    .map(({ check, level, message }) => `${level} ${check}: ${message}`)
}

/** Whether some finding is of a check and level, and says something. */
export function says(
  findings: readonly Finding[],
  level: Finding['level'],
  check: string,
  pattern: RegExp,
): boolean {
  return findings.some(
    finding =>
      finding.level === level &&
      finding.check === check &&
      pattern.test(`${finding.message} → ${finding.remedy ?? ''}`),
  )
}
