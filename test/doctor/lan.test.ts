import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { test } from 'node:test'
import { type JsonLine, Testbed } from '../e2e/processes.ts'
import { Lan, LonelyHost, whyNoHosts } from '../lan/hosts.ts'

const skip = whyNoHosts()
if (skip !== false) console.log(`The doctor is not tried on a LAN: ${skip}`)

const ours = 'abcdefghijklmnopqrstuvwxyz'
const theirs = 'zyxwvutsrqponmlkjihgfedcba'

/** Whether a line is of a check and level, and says something. */
function assertSays(lines: readonly JsonLine[], level: string, check: string, pattern: RegExp) {
  const found = lines.some(
    line =>
      line['level'] === level && line['check'] === check && pattern.test(String(line['message'])),
  )
  assert.ok(found, `${level} ${check} ${pattern} in ${JSON.stringify(lines, undefined, 1)}`)
}

test('the doctor hears the mesh, other meshes and strangers on a LAN', { skip }, async () => {
  using lan = new Lan(3)
  await using bed = new Testbed()
  const [one, two, three] = lan.hosts
  assert.ok(one !== undefined && two !== undefined && three !== undefined)
  const [secret, other] = [bed.path('secret'), bed.path('other')]
  await writeFile(secret, ours)
  await writeFile(other, theirs)
  const mesh = ['--mesh', 'lan'] as const
  const member = { discover: true, args: [...mesh, '--secret-file', secret] }
  const a = await bed.up('a', { ...member, within: one.within })
  const stranger = await bed.up('stranger', {
    discover: true,
    args: [...mesh, '--secret-file', other],
    within: two.within,
  })
  await bed.up('elsewhere', { discover: true, args: ['--mesh', 'studio'], within: two.within })

  const run = await bed.run(['doctor', '--json', ...member.args, '--data', bed.path('none')], {
    within: three.within,
  })
  const { lines } = run
  assert.equal(run.code, 0, JSON.stringify(lines))
  assertSays(lines, 'ok', 'interfaces', /eth0 10\.77\.0\.3/)
  assertSays(lines, 'ok', 'multicast', /works on eth0/)
  assertSays(lines, 'ok', 'mdns', new RegExp(`${a.peerId} at 10\\.77\\.0\\.1`))
  assertSays(lines, 'ok', 'mdns', new RegExp(`${stranger.peerId} at 10\\.77\\.0\\.2`))
  assertSays(lines, 'ok', 'other-meshes', /_mw-[0-9a-f]{12}\._udp\.local at 10\.77\.0\.2/)
  assertSays(lines, 'ok', 'peers', /1 nodes of mesh lan are connected/)
  assertSays(lines, 'ok', 'reachable', new RegExp(`reached this one, such as ${a.peerId}`))
  assertSays(lines, 'warning', 'secret', /another secret.*10\.77\.0\.2/)

  // The node itself has met the stranger, too.
  const asked = await bed.run(['doctor', '--json', '--data', a.dataDir], { within: one.within })
  assertSays(asked.lines, 'ok', 'data', /a node is running/)
  assertSays(asked.lines, 'problem', 'secret', /another secret.*10\.77\.0\.2/)
  assert.equal(asked.code, 1)

  // To others, a node that listens on loopback only is as one behind a firewall.
  const hidden = ['--listen', '/ip4/127.0.0.1/tcp/0', '--data', bed.path('none')]
  const shut = await bed.run(['doctor', '--json', ...member.args, ...hidden], {
    within: three.within,
  })
  assertSays(shut.lines, 'problem', 'reachable', /cannot dial us back at \/ip4\/10\.77\.0\.3\//)
  assert.equal(shut.code, 1)
})

test('the doctor tells a machine without a network that it is alone', { skip }, async () => {
  using host = new LonelyHost()
  await using bed = new Testbed()
  const run = await bed.run(['doctor', '--json', '--data', bed.path('none')], {
    within: host.within,
  })
  assert.equal(run.code, 1, JSON.stringify(run.lines))
  assertSays(run.lines, 'problem', 'interfaces', /no network interface besides loopback/)
  assertSays(run.lines, 'warning', 'peers', /no other node/)
})
