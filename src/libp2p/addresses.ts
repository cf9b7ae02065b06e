import { networkInterfaces } from 'node:os'
import { peerIdFromString } from '@libp2p/peer-id'
import type { Multiaddr } from '@multiformats/multiaddr'
import { CODE_P2P, multiaddr } from '@multiformats/multiaddr'
import { invalidParameters, toError } from './failures.ts'

/** Most addresses kept of one peer: what a machine with many interfaces has. */
export const addressesMax = 16

/** Longest multiaddr that is looked at, in characters. */
const addressCharsMax = 256

const hosts = new Set(['ip4', 'ip6', 'dns', 'dns4', 'dns6'])

/** A multiaddr given by the user. */
export interface GivenAddress {
  /** Without its peer id. */
  readonly address: string
  /** The peer expected there, if one was named. */
  readonly peer: string | undefined
}

/** Whether libp2p could dial a multiaddr: a host and a TCP port, nothing behind it but a peer id. */
function isDialable(address: Multiaddr): boolean {
  const [host, port, id, ...rest] = address.getComponents().filter(({ name }) => name !== 'ip6zone')
  if (host === undefined || port === undefined || rest.length > 0) return false
  if (!hosts.has(host.name) || port.name !== 'tcp') return false
  return id === undefined || id.code === CODE_P2P
}

/**
 * Takes an option's multiaddr apart.
 *
 * @throws {InvalidParametersError} It is none, or not of a host and a TCP port.
 */
export function parseAddress(option: string, text: string): GivenAddress {
  const example = '/ip4/192.168.1.7/tcp/4001'
  try {
    if (text.length > addressCharsMax) throw new Error('it is too long')
    const parsed = multiaddr(text)
    if (!isDialable(parsed)) throw new Error('it is not a host and a TCP port')
    const peer = parsed.getComponents().findLast(({ code }) => code === CODE_P2P)?.value
    const address = parsed.decapsulateCode(CODE_P2P).toString()
    return { address, peer: peer === undefined ? undefined : peerIdFromString(peer).toString() }
  } catch (error) {
    const quoted = JSON.stringify(text.slice(0, addressCharsMax))
    const reason = toError(error).message
    throw invalidParameters(
      `${option}: ${quoted} is not a multiaddr to use (${reason}); write it like ${example}`,
      error,
    )
  }
}

/** Addresses of a peer as told by others: at most so many, in one form, without the peer's id. */
export function cleanAddresses(addresses: Iterable<string>, peer: string): string[] {
  const clean = new Set<string>()
  for (const text of addresses) {
    if (clean.size >= addressesMax) break
    try {
      if (text.length > addressCharsMax) continue
      const parsed = multiaddr(text)
      const named = parsed.getComponents().findLast(({ code }) => code === CODE_P2P)?.value
      if (!isDialable(parsed) || (named !== undefined && named !== peer)) continue
      clean.add(parsed.decapsulateCode(CODE_P2P).toString())
    } catch {
      // Others may say what they like.
    }
  }
  return [...clean]
}

/**
 * Addresses worth a dial. Loopback ones are dropped for a peer that has others, none of which is
 * ours: on another machine they would lead to somebody else, and a refusal there says nothing.
 */
export function reachable(addresses: readonly string[], ours = ownHosts()): string[] {
  const elsewhere = addresses.filter(address => !isLoopback(address))
  if (elsewhere.length === 0) return [...addresses]
  if (elsewhere.some(address => ours.has(hostOf(address)))) return [...addresses]
  return elsewhere
}

function isLoopback(address: string): boolean {
  return address.startsWith('/ip4/127.') || address.startsWith('/ip6/::1/')
}

function hostOf(address: string): string {
  return address.split('/')[2] ?? ''
}

function ownHosts(): ReadonlySet<string> {
  const all = Object.values(networkInterfaces()).flatMap(list => list ?? [])
  return new Set(all.map(({ address }) => address))
}
