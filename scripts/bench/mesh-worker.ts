/** A worker of the benchmark: serves one queue of no-ops until it is told to stop. */
import { createNode } from '../../src/index.ts'
import type { MeshSetup } from './mesh-setup.ts'

const setup = JSON.parse(process.argv[2] ?? '{}') as MeshSetup & { bootstrap: string[] }
const node = await createNode({
  mesh: setup.mesh,
  mdns: false,
  listen: ['/ip4/127.0.0.1/tcp/0'],
  bootstrap: setup.bootstrap,
  dataDir: setup.dataDir,
  durability: setup.durability,
  concurrency: setup.concurrency,
  tasks: { noop: () => null },
})
process.send?.({ type: 'ready', addresses: node.addresses })
let since = process.cpuUsage()
process.on('message', message => {
  if (message === 'cpu') {
    const { user, system } = process.cpuUsage(since)
    since = process.cpuUsage()
    process.send?.({ type: 'cpu', cpuUs: user + system })
    return
  }
  void node.stop().then(() => process.exit(0))
})
process.on('disconnect', () => process.exit(1))
