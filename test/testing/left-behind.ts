/* Tells what a virtual cluster has left open, and ends by itself after a real one. */
import { createTestCluster } from '../../src/testing/index.ts'
import { inputsOf, resize } from './tasks.ts'

async function run(transport: 'virtual' | 'tcp'): Promise<void> {
  await using c = await createTestCluster({ nodes: 3, tasks: [resize], transport })
  const handles = await c.node(0).publishMany(resize, inputsOf(3))
  await Promise.all(handles.map(handle => handle.result()))
}

const before = process.getActiveResourcesInfo()
await run('virtual')
// What was awaited last is over a turn later.
await new Promise(resolve => setImmediate(resolve))
console.log(process.getActiveResourcesInfo().filter(name => !before.includes(name)))
await run('tcp')
process.on('exit', () => console.log('ended by itself'))
