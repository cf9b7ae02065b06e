// Runs one handler in a process of its own, in a worker of its own, for tests that kill this one.
import { createWorker } from '../../src/worker/worker.ts'
import { loadHandlers } from '../../src/worker/load.ts'
import { runOf } from './harness.ts'

const [file = '', queue = '', input = ''] = process.argv.slice(2)

const worker = createWorker({
  concurrency: 1,
  definitions: [],
  isolate: 'process',
  modules: await loadHandlers(file),
  node: 'peer-1',
  graceMs: 1_000,
  logger: { warn: message => process.stderr.write(message) },
  publish: () => Promise.reject(new Error('nobody to publish to')),
})
await worker.start({
  finished: () => undefined,
  reported: ({ body }) => process.stdout.write(`${String(Buffer.from(body))}\n`),
})
worker.run(runOf(queue, [JSON.stringify(input)]))
// A worker alone keeps no process going.
setInterval(() => undefined, 60_000)
