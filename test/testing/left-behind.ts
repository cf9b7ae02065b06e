/* Tells what virtual clusters have left open, one of them never stopped; ends by itself after a real one. */
import { createTestCluster } from '../../src/testing/index.ts'
import { inputsOf, resize } from './tasks.ts'

async function leave(): Promise<void> {
  const c = await createTestCluster({ nodes: 3, tasks: [resize] })
  await c.node(0).publish(resize, { path: 'a', width: 1 }, { delayMs: 60_000 })
  await c.advance(1_000)
}

async function run(transport: 'virtual' | 'tcp'): Promise<void> {
  await using c = await createTestCluster({ nodes: 3, tasks: [resize], transport })
  const handles = await c.node(0).publishMany(resize, inputsOf(3))
  await Promise.all(handles.map(handle => handle.result()))
}

const before = process.getActiveResourcesInfo()
await run('virtual')
await leave()
// What was awaited last is over a turn later.
await new Promise(resolve => setImmediate(resolve))
console.log(process.getActiveResourcesInfo().filter(name => !before.includes(name)))
await run('tcp')
process.on('exit', () => console.log('ended by itself'))
