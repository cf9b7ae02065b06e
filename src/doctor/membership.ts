import type { NodeHealth } from '../node-health.ts'
import { type Finding, ok, warning } from './finding.ts'

/** Nodes that must keep a task before any one of them may be lost. */
const durableNodes = 3

/** Who is connected, whether their versions agree, and whether the mesh is open. */
export function checkMembership(health: NodeHealth): Finding[] {
  return [...checkPeers(health), ...checkVersions(health), ...checkSecret(health)]
}

function checkPeers({ mesh, self, nodes, links }: NodeHealth): Finding[] {
  const full = nodes.filter(({ guest }) => !guest).length + (self.guest ? 0 : 1)
  if (links.length === 0) {
    return [
      warning(
        'peers',
        `no other node of mesh ${mesh} is connected`,
        'start one with meshwork up on another machine, with the same --mesh and secret; or name ' +
          'its address with --bootstrap',
      ),
    ]
  }
  const findings = [ok('peers', `${links.length} nodes of mesh ${mesh} are connected`)]
  if (full >= durableNodes) return findings
  return [
    ...findings,
    warning(
      'peers',
      `mesh ${mesh} has ${full} nodes that keep tasks, so losing one may lose tasks`,
      `have at least ${durableNodes} nodes up, each with a data directory of its own`,
    ),
  ]
}

function checkVersions({ self, nodes, links }: NodeHealth): Finding[] {
  const versions = new Map<string, string[]>()
  for (const { version, peerId } of [self, ...nodes]) {
    versions.set(version, [...(versions.get(version) ?? []), peerId])
  }
  const findings: Finding[] = []
  if (versions.size > 1) {
    const list = [...versions].map(([version, peers]) => `${version} (${peers.join(', ')})`)
    const remedy = 'upgrade all nodes to the newest of these, one after the other'
    findings.push(warning('versions', `nodes run versions ${list.join(' and ')}`, remedy))
  } else if (nodes.length > 0) {
    findings.push(ok('versions', `${nodes.length + 1} nodes run version ${self.version}`))
  }
  const silent = links.filter(({ peerId }) => nodes.every(node => node.peerId !== peerId))
  if (silent.length > 0) {
    const list = silent.map(({ peerId, address }) => `${peerId} at ${address}`).join(', ')
    const remedy = 'see whether those nodes are overloaded, or of an older version'
    findings.push(warning('versions', `connected nodes do not answer: ${list}`, remedy))
  }
  return findings
}

function checkSecret({ secret, mesh }: NodeHealth): Finding[] {
  if (secret) return [ok('secret', `mesh ${mesh} has a secret`)]
  return [
    warning(
      'secret',
      `mesh ${mesh} has no secret, so everybody on this network may join it and run work`,
      'meshwork secret > mesh.secret, copy the file to every machine, and start all nodes with ' +
        '--secret-file mesh.secret',
    ),
  ]
}
