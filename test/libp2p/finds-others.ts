import { generateKeyPair } from '@libp2p/crypto/keys'
import type { NetworkEvents } from '../../src/driver/ports.ts'
import { libp2pNetwork } from '../../src/libp2p/network.ts'
import type { Libp2pNetwork } from '../../src/libp2p/network.ts'
import { until } from './until.ts'

/*
 * Nodes that find each other by mDNS, told no address: runs in a network namespace of its own.
 * Prints what came about, one line each.
 */

const [address = '127.0.0.1', task = 'meet'] = process.argv.slice(2)
const privateKey = await generateKeyPair('Ed25519')

async function start(
  init: { privateKey?: typeof privateKey; mesh?: string },
  on: Partial<NetworkEvents>,
): Promise<Libp2pNetwork> {
  const nothing = (): void => {}
  const rest = { unreachable: nothing, message: nothing, hints: nothing, listening: nothing }
  const listen = [`/ip4/${address}/tcp/0`]
  const timings = { mdnsMs: 300 }
  const network = await libp2pNetwork({ mesh: 'test', listen, timings, ...init })
  await network.start({ up: nothing, down: nothing, ...rest, ...on })
  return network
}

if (task === 'alone') {
  const node = await start({}, {})
  await until(() => node.health().mdns.state !== 'starting', 'it is known whether mDNS works')
  process.stdout.write(`${node.health().mdns.state}\n`)
  await node.stop()
} else {
  let up = Promise.withResolvers<string>()
  const a = await start({}, { up: peer => up.resolve(peer) })
  const other = await start({ mesh: 'other' }, { up: () => process.stdout.write('wrong mesh\n') })
  const b = await start({ privateKey }, {})
  if ((await up.promise) === b.peer) process.stdout.write('met\n')
  process.stdout.write(`${a.health().mdns.state}\n`)

  // Again on another port: nobody else tells where, and libp2p tells of a peer only once.
  up = Promise.withResolvers()
  await b.stop()
  const again = await start({ privateKey }, {})
  if ((await up.promise) === again.peer) process.stdout.write('met again\n')
  await Promise.all([a.stop(), other.stop(), again.stop()])
}
