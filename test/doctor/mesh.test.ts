import type { Facts } from '../../src/doctor/examine.ts'
import { alone, type Case, knows } from './cases.ts'
import { goodFacts, goodHealth, nodeInfo } from './facts.ts'

const elsewhere = goodHealth().links.map(link => ({ ...link, direction: 'outbound' as const }))
const stranger = { count: 3, address: '/ip4/192.168.1.66/tcp/4001', agoMs: 12_000 }
const failedDial = { peerId: 'b', address: '/ip4/192.168.1.7/tcp/4001', reached: false }
const withHealth = (more: Partial<ReturnType<typeof goodHealth>>): Facts =>
  goodFacts({ health: { found: goodHealth(more) } })

const meshes: readonly Case[] = [
  {
    name: 'nobody connected',
    facts: goodFacts({ health: { found: alone } }),
    level: 'warning',
    check: 'peers',
    pattern: /no other node of mesh default.*meshwork up/,
  },
  {
    name: 'two nodes only',
    facts: withHealth({
      nodes: [nodeInfo('b')],
      links: goodHealth().links.slice(0, 1),
    }),
    level: 'warning',
    check: 'peers',
    pattern: /has 2 nodes that keep tasks.*at least 3/,
  },
  {
    name: 'versions that differ',
    facts: withHealth({ nodes: [nodeInfo('b'), nodeInfo('c', { version: '0.2.0' })] }),
    level: 'warning',
    check: 'versions',
    pattern: /0\.1\.0 \(self, b\) and 0\.2\.0 \(c\) → upgrade/,
  },
  {
    name: 'a node that does not answer',
    facts: withHealth({ nodes: [nodeInfo('b')] }),
    level: 'warning',
    check: 'versions',
    pattern: /do not answer: c at/,
  },
  {
    name: 'an open mesh',
    facts: withHealth({ secret: false }),
    level: 'warning',
    check: 'secret',
    pattern: /no secret.*meshwork secret >/,
  },
  {
    name: 'another secret, with nobody connected',
    facts: goodFacts({ health: { found: { ...alone, otherSecret: stranger } } }),
    level: 'problem',
    check: 'secret',
    pattern: /3 attempts, the last 12 s ago at \/ip4\/192\.168\.1\.66.*--secret-file/,
  },
  {
    name: 'another secret, with others connected',
    facts: withHealth({ otherSecret: stranger }),
    level: 'warning',
    check: 'secret',
    pattern: /another secret/,
  },
  {
    name: 'another mesh at an address that was given',
    facts: goodFacts({ health: { found: { ...alone, otherMesh: stranger } } }),
    level: 'problem',
    check: 'mesh',
    pattern: /not of mesh default.*same --mesh/,
  },
  {
    name: 'a firewall here',
    facts: withHealth({ links: elsewhere, dialBacks: [failedDial] }),
    level: 'problem',
    check: 'reachable',
    pattern: /cannot dial us back at \/ip4\/192\.168\.1\.7\/tcp\/4001 → allow incoming/,
  },
  {
    name: 'a peer that has dialled back',
    facts: withHealth({ links: elsewhere, dialBacks: [{ ...failedDial, reached: true }] }),
    level: 'ok',
    check: 'reachable',
    pattern: /1 nodes elsewhere have reached this one, such as b/,
  },
  {
    name: 'nobody who tries',
    facts: withHealth({ links: elsewhere }),
    level: 'warning',
    check: 'reachable',
    pattern: /none of them has tried/,
  },
  {
    name: 'a node that listens nowhere',
    facts: withHealth({ links: elsewhere, self: nodeInfo('self', { addresses: [] }) }),
    level: 'warning',
    check: 'reachable',
    pattern: /listens nowhere/,
  },
  {
    name: 'others on this machine only',
    facts: withHealth({
      links: [{ peerId: 'b', direction: 'inbound', address: '/ip4/192.168.1.7/tcp/1' }],
    }),
    level: 'ok',
    check: 'reachable',
    pattern: /all on this machine/,
  },
]

knows('the mesh', meshes)
