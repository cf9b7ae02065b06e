import { meshProtocols } from '../wire/protocols.ts'
import { type Finding, ok, problem, warning } from './finding.ts'
import { isVirtual } from './interfaces.ts'
import type { MulticastFacts } from './multicast-probe.ts'

/** What the findings about multicast are of besides what was heard. */
export interface MulticastContext {
  readonly mesh: string
  /** The peer ids of this machine's node and of the doctor's own guest. */
  readonly own: readonly string[]
  /** Whether nodes elsewhere are connected all the same. */
  readonly linked: boolean
}

const bootstrapRemedy =
  'name other nodes with --bootstrap /ip4/ADDRESS/tcp/PORT, as their meshwork up prints it'

/** The mesh of those who name none. */
const defaultMesh = 'default'

/** Whether multicast works here, and who of the mesh was heard by it. */
export function checkMulticast(facts: MulticastFacts, context: MulticastContext): Finding[] {
  const { failed, joined, echoed, leavesBy } = facts
  // Those who are connected already can do without it.
  const broken = context.linked ? warning : problem
  if (failed !== undefined) {
    const remedy = `stop what holds UDP port 5353 for itself, or ${bootstrapRemedy}`
    return [broken('multicast', `mDNS cannot be used: ${failed}`, remedy)]
  }
  const findings: Finding[] = []
  const deaf = joined.filter(name => !echoed.includes(name))
  if (echoed.length === 0) {
    const message = `our own mDNS queries do not come back on ${joined.join(', ')}`
    const remedy = `allow UDP port 5353 in the firewall, leave a VPN that swallows it, or ${bootstrapRemedy}`
    return [broken('multicast', message, remedy)]
  }
  findings.push(ok('multicast', `multicast works on ${echoed.join(', ')}`))
  if (deaf.some(name => !isVirtual(name))) {
    findings.push(
      warning(
        'multicast',
        `our own mDNS queries do not come back on ${deaf.join(', ')}`,
        `if nodes are there, allow UDP port 5353 in the firewall, or ${bootstrapRemedy}`,
      ),
    )
  }
  if (leavesBy === undefined || isVirtual(leavesBy)) {
    findings.push(
      warning(
        'multicast',
        leavesBy === undefined
          ? 'multicast for which no interface is chosen, such as that of mDNS, goes nowhere'
          : `mDNS queries leave by ${leavesBy}, which does not look like the LAN`,
        `give multicast the LAN's interface (ip route add 224.0.0.0/4 dev INTERFACE), or ${bootstrapRemedy}`,
      ),
    )
  }
  return [...findings, ...checkHeard(facts, context)]
}

function checkHeard(facts: MulticastFacts, { own, mesh, linked }: MulticastContext): Finding[] {
  const { peers, otherTags, others, listenedMs } = facts
  const seconds = (listenedMs / 1_000).toFixed(1)
  const answered = Object.entries(peers).filter(([peer]) => !own.includes(peer))
  const findings: Finding[] = []
  if (answered.length > 0) {
    const list = answered.map(([peer, from]) => `${peer} at ${from}`).join(', ')
    findings.push(ok('mdns', `${answered.length} nodes of mesh ${mesh} answer: ${list}`))
  } else if (!linked) {
    const heard = others.length === 0 ? 'no other machine was' : `${others.length} machines were`
    findings.push(
      warning(
        'mdns',
        `no other node of mesh ${mesh} answered within ${seconds} s; ${heard} heard by mDNS`,
        others.length === 0
          ? 'start a node elsewhere; if there is one, look for client isolation in the Wi-Fi, ' +
              `guest networks and VLANs, or ${bootstrapRemedy}`
          : 'start a node elsewhere; if there is one, compare the mesh names, and have it run ' +
              'meshwork doctor, too',
      ),
    )
  }
  const tags = Object.entries(otherTags)
  if (tags.length > 0) {
    const list = tags.map(([tag, from]) => `${nameOf(tag)} at ${from}`).join(', ')
    findings.push(
      answered.length > 0 || linked
        ? ok('other-meshes', `other meshes are about: ${list}`)
        : warning(
            'other-meshes',
            `other meshes are about: ${list}`,
            `if they should be one, start all nodes with the same --mesh; this one is ${mesh}`,
          ),
    )
  }
  return findings
}

// A tag is a hash, so that only names that come to mind can be told.
function nameOf(tag: string): string {
  return tag === meshProtocols(defaultMesh).serviceTag ? `mesh ${defaultMesh}` : tag
}
