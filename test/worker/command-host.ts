// Runs one command in a worker of its own, for tests that kill it.
import { runOf } from './harness.ts'
import { createWorker } from '../../src/worker/worker.ts'

const [command = ''] = process.argv.slice(2)

const worker = createWorker({
  concurrency: 1,
  definitions: [],
  commands: [{ queue: 'q', command }],
  node: 'peer-1',
  graceMs: 1_000,
  logger: { warn: message => process.stderr.write(message) },
  publish: () => Promise.reject(new Error('nobody to publish to')),
})
await worker.start({
  finished: () => undefined,
  reported: ({ body }) => process.stdout.write(`${String(Buffer.from(body))}\n`),
})
worker.run(runOf('q', [0]))
// A worker alone keeps no process going.
setInterval(() => undefined, 60_000)
