/** The producer of the benchmark: publishes a batch, then single tasks, and measures both. */
import { createNode } from '../../src/index.ts'
import { type Measured, type MeshSetup, quantile, type Workload } from './mesh-setup.ts'

const setup = JSON.parse(process.argv[2] ?? '{}') as MeshSetup & Workload
const node = await createNode({
  mesh: setup.mesh,
  mdns: false,
  listen: ['/ip4/127.0.0.1/tcp/0'],
  bootstrap: setup.bootstrap,
  dataDir: setup.dataDir,
  durability: setup.durability,
  concurrency: 0,
})
await node.ready({ peers: 2 })

// Until the ledger has its three voters a task is not what is to be measured.
for (let tries = 0; tries < 100; tries++) {
  const task = await node.publish('noop', 'probe')
  await task.result()
  if (task.durable) break
}

const pad = 'x'.repeat(Math.max(0, setup.payloadBytes - 2))
const run = async (count: number) => {
  const started = performance.now()
  const before = process.cpuUsage()
  const handles = await node.publishMany('noop', new Array<string>(count).fill(pad))
  const publishedMs = performance.now() - started
  await Promise.all(handles.map(handle => handle.result({ timeoutMs: 120_000 })))
  const { user, system } = process.cpuUsage(before)
  return { publishedMs, tookMs: performance.now() - started, cpuUs: (user + system) / count }
}

await run(setup.warm)
process.send?.({ type: 'batch' })
const { publishedMs, tookMs, cpuUs } = await run(setup.tasks)
process.send?.({ type: 'batch' })
const latencies: number[] = []
for (let i = 0; i < setup.single; i++) {
  const started = performance.now()
  const task = await node.publish('noop', pad)
  await task.result()
  latencies.push(performance.now() - started)
}

const measured: Measured = {
  tasksPerSecond: (setup.tasks / tookMs) * 1_000,
  publishedMs,
  cpuUs,
  p50Ms: quantile(latencies, 0.5),
  p99Ms: quantile(latencies, 0.99),
}
process.send?.({ type: 'measured', measured })
await node.stop()
process.exit(0)
