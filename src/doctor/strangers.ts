import type { NodeHealth, StrangerInfo } from '../node-health.ts'
import { type Finding, problem, warning } from './finding.ts'

/** Nodes that were met and turned away: their secret or their mesh is another. */
export function checkStrangers({ otherSecret, otherMesh, links, mesh }: NodeHealth): Finding[] {
  // With nobody connected it is likely that one of those is who should be.
  const level = links.length === 0 ? problem : warning
  const findings: Finding[] = []
  if (otherSecret !== undefined) {
    findings.push(
      level(
        'secret',
        `a node of mesh ${mesh} has another secret, or only one of us has one: ${met(otherSecret)}`,
        'give both the same --secret-file (or MESHWORK_SECRET); if they are strangers, choose ' +
          'another --mesh name',
      ),
    )
  }
  if (otherMesh !== undefined) {
    findings.push(
      level(
        'mesh',
        `a node that we were told of is not of mesh ${mesh}: ${met(otherMesh)}`,
        'give both the same --mesh, or correct the --bootstrap address',
      ),
    )
  }
  return findings
}

function met({ count, address, agoMs }: StrangerInfo): string {
  return `${count} attempts, the last ${Math.round(agoMs / 1_000)} s ago at ${address}`
}
