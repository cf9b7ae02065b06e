import type { NodeHealth } from '../node-health.ts'
import { type Finding, ok, problem, warning } from './finding.ts'

/** Whether others can connect to this machine, as far as those that are connected can tell. */
export function checkReachability(
  { links, dialBacks, self }: NodeHealth,
  ownAddresses: readonly string[],
): Finding[] {
  const own = new Set(['127.0.0.1', '::1', ...ownAddresses])
  const isElsewhere = ({ address }: { readonly address: string }): boolean =>
    !own.has(hostOf(address))
  const elsewhere = links.filter(isElsewhere)
  const inbound = elsewhere.filter(({ direction }) => direction === 'inbound')
  const tried = dialBacks.filter(({ peerId }) => elsewhere.some(link => link.peerId === peerId))
  const reached = tried.filter(dialBack => dialBack.reached)
  const [first] = [...inbound, ...reached]

  if (links.length === 0) return []
  if (elsewhere.length === 0) {
    return [ok('reachable', `the ${links.length} connected nodes are all on this machine`)]
  }
  if (first !== undefined) {
    const who = new Set([...inbound, ...reached].map(({ peerId }) => peerId)).size
    return [
      ok('reachable', `${who} nodes elsewhere have reached this one, such as ${first.peerId}`),
    ]
  }
  if (self.addresses.length === 0) {
    const remedy = 'leave --listen out, or name an address of this machine'
    return [warning('reachable', 'this node listens nowhere, so it can only dial others', remedy)]
  }
  if (tried.length > 0) {
    const places = [...new Set(tried.map(({ address }) => address))].join(', ')
    return [
      problem(
        'reachable',
        `nodes that we have dialled cannot dial us back at ${places}`,
        'allow incoming TCP for node in the firewall of this machine, or choose a port that is ' +
          'open: --listen /ip4/0.0.0.0/tcp/4001',
      ),
    ]
  }
  return [
    warning(
      'reachable',
      'we have dialled all connected nodes, and none of them has tried to reach us',
      'upgrade the other nodes if they are older; a firewall here would keep some of them apart',
    ),
  ]
}

/** The host in a multiaddr. */
export function hostOf(address: string): string {
  return /^\/(?:ip6zone\/[^/]+\/)?(?:ip4|ip6|dns4?|dns6)\/([^/]+)/.exec(address)?.[1] ?? ''
}
