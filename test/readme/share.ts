import { availableParallelism } from 'node:os'
import { createNode, defineTask, UnrecoverableError } from '../../src/index.ts'
import { z } from 'zod'

const thumbnail = defineTask('thumbnail', {
  input: z.object({ path: z.string(), width: z.number() }),
  attempts: 5,
  backoff: { type: 'exponential', delayMs: 500 },
  run: async ({ path, width }, ctx) => {
    if (width < 1) throw new UnrecoverableError('a thumbnail has a width')
    ctx.progress(0.5)
    return { path: `${path}.${width}.webp`, attempt: ctx.attempt }
  },
})

const node = await createNode({
  tasks: [thumbnail],
  concurrency: availableParallelism(),
  dataDir: './.meshwork',
})
await node.ready({ peers: 1 })

const task = await node.publish(thumbnail, { path: 'cat.jpg', width: 320 }, { priority: 5 })
const { path } = await task.result()
console.log(`${task.id} made ${path}`)
await node.stop()
