import type { Facts } from '../../src/doctor/examine.ts'
import { meshProtocols } from '../../src/wire/protocols.ts'
import { alone, type Case, found, knows } from './cases.ts'
import { goodFacts, ipv4 } from './facts.ts'

const lonely = (facts: Facts): Facts => ({
  ...facts,
  health: { found: alone },
  multicast: { found: { ...goodFacts().multicast?.found, others: [], peers: {} } as never },
})
const otherTag = meshProtocols('studio').serviceTag
const defaultTag = meshProtocols('default').serviceTag
const network = (...interfaces: Facts['interfaces']): Facts =>
  goodFacts({ interfaces: [ipv4('lo', '127.0.0.1'), ...interfaces] })
const nets: readonly Case[] = [
  {
    name: 'no network at all',
    facts: network(),
    level: 'problem',
    check: 'interfaces',
    pattern: /no network interface besides loopback/,
  },
  {
    name: 'IPv6 only',
    facts: network({ name: 'eth0', address: 'fd00::2', family: 'IPv6', internal: false }),
    level: 'warning',
    check: 'interfaces',
    pattern: /only IPv6.*--bootstrap/,
  },
  {
    name: 'a VPN and no LAN',
    facts: network(ipv4('wg0', '10.9.0.2')),
    level: 'warning',
    check: 'interfaces',
    pattern: /only wg0 have addresses/,
  },
  {
    name: 'no DHCP',
    facts: network(ipv4('eth0', '169.254.7.7')),
    level: 'warning',
    check: 'interfaces',
    pattern: /self-assigned/,
  },
  ...['docker0', 'vEthernet (WSL)', 'utun3', 'tailscale0', 'virbr0'].map(name => ({
    name: `${name} beside a LAN`,
    facts: network(ipv4('eth0', '192.168.1.7'), ipv4(name, '172.17.0.1')),
    level: 'warning' as const,
    check: 'interfaces',
    pattern: /may swallow multicast/,
  })),
  {
    name: 'a public address only',
    facts: network(ipv4('eth0', '203.0.113.9')),
    level: 'warning',
    check: 'interfaces',
    pattern: /203\.0\.113\.9 and has no private one.*no mDNS answers.*secret/,
  },
  {
    name: 'no default route',
    facts: goodFacts({ routes: { found: [] } }),
    level: 'warning',
    check: 'routes',
    pattern: /no default route.*ip route add 224/,
  },
  {
    name: 'two default routes',
    facts: goodFacts({
      routes: {
        found: [
          { interface: 'wlan0', metric: 600 },
          { interface: 'eth0', metric: 100 },
        ],
      },
    }),
    level: 'warning',
    check: 'routes',
    pattern: /by eth0 and wlan0/,
  },
  {
    name: 'a default route into a VPN',
    facts: goodFacts({ routes: { found: [{ interface: 'tun0', metric: 0 }] } }),
    level: 'warning',
    check: 'routes',
    pattern: /leads by tun0.*VPN/,
  },
  {
    name: 'a port for mDNS that is taken, with nobody connected',
    facts: {
      ...found('multicast', { failed: 'bind EADDRINUSE 0.0.0.0:5353' }),
      health: { found: alone },
    },
    level: 'problem',
    check: 'multicast',
    pattern: /EADDRINUSE.*5353.*--bootstrap/,
  },
  {
    name: 'a port for mDNS that is taken, with others connected all the same',
    facts: found('multicast', { failed: 'bind EADDRINUSE 0.0.0.0:5353' }),
    level: 'warning',
    check: 'multicast',
    pattern: /EADDRINUSE/,
  },
  {
    name: 'queries that do not come back',
    facts: { ...found('multicast', { echoed: [] }), health: { found: alone } },
    level: 'problem',
    check: 'multicast',
    pattern: /do not come back on eth0 → .*firewall/,
  },
  {
    name: 'queries that come back on one of two interfaces',
    facts: found('multicast', { joined: ['eth0', 'wlan0'] }),
    level: 'warning',
    check: 'multicast',
    pattern: /do not come back on wlan0/,
  },
  {
    name: 'mDNS that leaves by docker0',
    facts: found('multicast', { leavesBy: 'docker0' }),
    level: 'warning',
    check: 'multicast',
    pattern: /leave by docker0.*ip route add 224/,
  },
  {
    name: 'mDNS that leaves nowhere',
    facts: found('multicast', { leavesBy: undefined }),
    level: 'warning',
    check: 'multicast',
    pattern: /goes nowhere/,
  },
  {
    name: 'nobody heard at all',
    facts: lonely(goodFacts()),
    level: 'warning',
    check: 'mdns',
    pattern: /no other machine was heard.*client isolation/,
  },
  {
    name: 'only others heard',
    facts: {
      ...found('multicast', { peers: {}, others: ['192.168.1.1'] }),
      health: { found: alone },
    },
    level: 'warning',
    check: 'mdns',
    pattern: /1 machines were heard.*compare the mesh names/,
  },
  {
    name: 'another mesh instead of ours',
    facts: {
      ...found('multicast', { peers: {}, otherTags: { [otherTag]: '192.168.1.8' } }),
      health: { found: alone },
    },
    level: 'warning',
    check: 'other-meshes',
    pattern: /_mw-[0-9a-f]{12}\._udp\.local at 192\.168\.1\.8.*--mesh/,
  },
  {
    name: 'another mesh beside ours',
    facts: found('multicast', { otherTags: { [defaultTag]: '192.168.1.9' } }),
    level: 'ok',
    check: 'other-meshes',
    pattern: /mesh default at 192\.168\.1\.9/,
  },
]

const platforms: readonly Case[] = (
  [
    ['WSL2', 'linux', '5.15.153.1-microsoft-standard-WSL2', {}, [], /WSL2, and.*mirrored/],
    ['Docker', 'linux', '6.8.0', {}, ['/.dockerenv'], /container.*--network host/],
    ['Podman', 'linux', '6.8.0', { container: 'podman' }, [], /container/],
    ['Kubernetes', 'linux', '6.8', { KUBERNETES_SERVICE_HOST: 'x' }, [], /pod.*headless service/],
    ['macOS 15', 'darwin', '24.1.0', {}, [], /macOS.*Local Network/],
    ['macOS 13', 'darwin', '22.6.0', {}, [], /macOS, whose firewall/],
    ['Windows', 'win32', '10.0.22631', {}, [], /Windows.*Defender/],
  ] as const
).map(([name, platform, release, env, files, pattern]) => ({
  name: `${name} where nobody is heard`,
  facts: lonely(found('platform', { platform, release, env, files })),
  level: 'warning',
  check: 'platform',
  pattern,
}))

knows('the network', nets)
knows('the platform', platforms)
