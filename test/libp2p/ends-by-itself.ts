import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { NetworkEvents } from '../../src/driver/ports.ts'
import { libp2pNetwork } from '../../src/libp2p/network.ts'

/* Two nodes meet, do a little of everything, and stop. Nothing may keep the process alive. */

const listen = ['/ip4/127.0.0.1/tcp/0']
const dataDir = await mkdtemp(join(tmpdir(), 'meshwork-ends-'))

function events(onUp: () => void): NetworkEvents {
  const nothing = (): void => {}
  const rest = { unreachable: nothing, message: nothing, hints: nothing, listening: nothing }
  return { up: onUp, down: nothing, ...rest }
}

try {
  const a = await libp2pNetwork({ mesh: 'test', mdns: false, listen, dataDir })
  await a.start(events(() => {}))
  const { promise, resolve } = Promise.withResolvers<void>()
  const gone = '/ip4/127.0.0.1/tcp/9'
  const bootstrap = [...a.addresses(), gone]
  const b = await libp2pNetwork({ mesh: 'test', mdns: false, listen, bootstrap })
  await b.start(events(resolve))
  await promise
  a.onQuery(async (_, request) => request)
  await b.query(a.peer, Uint8Array.of(1), { signal: AbortSignal.timeout(10_000) })
  b.gossip([{ type: 'presence', queues: [], concurrency: 1, free: 1 }])
  b.send(a.peer, { lsn: 1, message: { type: 'goodbye' } })
  await Promise.all([a.stop(), b.stop()])
  process.stdout.write('stopped\n')
} finally {
  await rm(dataDir, { recursive: true, force: true })
}
