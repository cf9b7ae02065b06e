import { networkInterfaces } from 'node:os'
import { isIPv4 } from 'node:net'
import { type Finding, ok, problem, warning } from './finding.ts'

/** An address of a network interface of this machine. */
export interface InterfaceAddress {
  readonly name: string
  readonly address: string
  readonly family: 'IPv4' | 'IPv6'
  /** Loopback. */
  readonly internal: boolean
}

/** Names of interfaces that lead to containers, virtual machines or tunnels and not to the LAN. */
const virtualNames =
  /^(docker|br-|veth|virbr|vmnet|vboxnet|vnic|vEthernet|tun|tap|utun|wg|tailscale|zt|ppp|ipsec|cni|flannel|cali|podman|lxc|lxd|bridge1\d\d|awdl|llw)|hyper-v|virtualbox|vmware|wsl|nordlynx|wireguard/i

/** Addresses of this machine. */
export function readInterfaces(): InterfaceAddress[] {
  return Object.entries(networkInterfaces()).flatMap(([name, list]) =>
    (list ?? []).map(({ address, family, internal }) => ({ name, address, family, internal })),
  )
}

/** Whether an interface looks like one that does not lead to the LAN. */
export function isVirtual(name: string): boolean {
  return virtualNames.test(name)
}

/** What the interfaces and their addresses mean for finding others and being found. */
export function checkInterfaces(all: readonly InterfaceAddress[]): Finding[] {
  const outside = all.filter(({ internal }) => !internal)
  if (outside.length === 0) {
    return [
      problem(
        'interfaces',
        'there is no network interface besides loopback, so only nodes of this machine are met',
        'connect to a network; in a container, use --network host',
      ),
    ]
  }
  const text = outside.map(({ name, address }) => `${name} ${address}`)
  const findings = [ok('interfaces', `addresses: ${text.join(', ')}`)]
  const ipv4 = outside.filter(({ family }) => family === 'IPv4')
  const lan = ipv4.filter(({ name }) => !isVirtual(name))
  const virtual = [...new Set(outside.map(({ name }) => name).filter(isVirtual))]
  if (ipv4.length === 0) {
    findings.push(
      warning(
        'interfaces',
        'there are only IPv6 addresses, and nodes look for each other by mDNS over IPv4',
        'give the interface an IPv4 address, or name other nodes with --bootstrap',
      ),
    )
  } else if (lan.length === 0) {
    findings.push(
      warning(
        'interfaces',
        `only ${virtual.join(', ')} have addresses: containers, virtual machines or a VPN, no LAN`,
        'connect to the LAN, or name other nodes with --bootstrap',
      ),
    )
  } else if (lan.every(({ address }) => address.startsWith('169.254.'))) {
    findings.push(
      warning(
        'interfaces',
        'all addresses are self-assigned (169.254.x.x): no DHCP server has answered',
        'check the cable or Wi-Fi; a direct cable works if the other side has such an address, too',
      ),
    )
  }
  if (lan.length > 0 && virtual.length > 0) {
    findings.push(
      warning(
        'interfaces',
        `${virtual.join(', ')} may swallow multicast that is meant for the LAN`,
        'if nodes do not find each other, disconnect the VPN or name them with --bootstrap',
      ),
    )
  }
  return [...findings, ...checkPublic(ipv4)]
}

function checkPublic(ipv4: readonly InterfaceAddress[]): Finding[] {
  const addresses = ipv4.map(({ address }) => address).filter(address => !isPrivate(address))
  if (addresses.length === 0) return []
  const only = addresses.length === ipv4.length ? ' and has no private one' : ''
  return [
    warning(
      'interfaces',
      `this machine has the public address ${addresses.join(', ')}${only}; ` +
        'other programs on libp2p get no mDNS answers from such, and the Internet may reach it',
      'use a secret (meshwork secret), and a firewall or --listen with a LAN address',
    ),
  ]
}

/** Whether an IPv4 address is of a LAN, of this machine, or of a carrier's NAT. */
export function isPrivate(address: string): boolean {
  if (!isIPv4(address)) return false
  const [a = 0, b = 0] = address.split('.').map(Number)
  return (
    a === 10 ||
    a === 127 ||
    (a === 172 && b >= 16 && b < 32) ||
    (a === 192 && b === 168) ||
    (a === 169 && b === 254) ||
    (a === 100 && b >= 64 && b < 128)
  )
}
