/**
 * A node of the blob benchmark, in a process of its own: `role` says what it does. It tells how
 * much memory it needed at most.
 */
import { createHash } from 'node:crypto'
import { createNode, type MeshBlob } from '../../src/index.ts'
import type { MeshSetup } from './mesh-setup.ts'

interface Setup extends MeshSetup {
  readonly bootstrap: string[]
  readonly role: 'voter' | 'worker' | 'producer'
  readonly bytes: number
  readonly file: string
}

const setup = JSON.parse(process.argv[2] ?? '{}') as Setup
const chunk = Buffer.alloc(1 << 20)

let [heapMax, buffersMax, rssMax] = [0, 0, 0]
setInterval(() => {
  const { heapUsed, arrayBuffers, rss } = process.memoryUsage()
  heapMax = Math.max(heapMax, heapUsed)
  buffersMax = Math.max(buffersMax, arrayBuffers)
  rssMax = Math.max(rssMax, rss)
}, 20)

/** Bytes that no memory holds, different in every mebibyte. */
async function* make(bytes: number): AsyncGenerator<Uint8Array> {
  for (let left = bytes, i = 0; left > 0; left -= chunk.byteLength, i++) {
    const part = Buffer.from(chunk.subarray(0, left))
    part.writeUInt32LE(i, 0)
    yield part
  }
}

async function hashOf(source: AsyncIterable<Uint8Array>): Promise<string> {
  const hash = createHash('sha256')
  for await (const part of source) hash.update(part)
  return hash.digest('hex')
}

const { mesh, dataDir, durability, bootstrap, role } = setup
const node = await createNode({
  ...{ mesh, dataDir, durability, bootstrap, mdns: false },
  listen: ['/ip4/127.0.0.1/tcp/0'],
  concurrency: role === 'worker' ? 1 : 0,
  tasks: role === 'worker' ? { make, hashOf } : {},
})
process.on('disconnect', () => process.exit(1))
process.on('message', message => {
  if (message === 'memory') process.send?.({ memory: { heapMax, buffersMax, rssMax } })
  else void node.stop().then(() => process.exit(0))
})
process.send?.({ addresses: node.addresses })
if (role === 'producer') {
  await node.ready({ peers: 2 })
  const times = [performance.now()]
  const sent = await node.publish<string>('hashOf', make(setup.bytes))
  times.push(performance.now())
  const heard = await sent.result()
  times.push(performance.now())
  // Other bytes, or they would all be there already.
  const task = await node.publish<MeshBlob>('make', setup.bytes - 1)
  const result = await task.result()
  times.push(performance.now())
  await result.saveTo(setup.file)
  times.push(performance.now())
  const right = {
    input: (await hashOf(make(setup.bytes))) === heard,
    result: (await hashOf(make(setup.bytes - 1))) === result.hash,
  }
  const [began = 0, published = 0, ran = 0, done = 0, saved = 0] = times
  const measured = {
    durable: sent.durable && task.durable,
    right: right.input && right.result,
    publishMs: published - began,
    runMs: ran - published,
    resultMs: done - ran,
    saveMs: saved - done,
  }
  process.send?.({ measured })
}
