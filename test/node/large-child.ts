/**
 * Three nodes in one process, of which one gives a large result, another one saves it to a file.
 * Run with a small heap; tells how much memory it needed.
 */
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { createNode, type MeshBlob, type MeshNode } from '../../src/index.ts'

const [folder = '', mebibytes = '0'] = process.argv.slice(2)

async function* make(count: number): AsyncGenerator<Uint8Array> {
  for (let i = 0; i < count; i++) yield Buffer.alloc(2 ** 20, i)
}

async function hashOf(source: AsyncIterable<Uint8Array>): Promise<string> {
  const hash = createHash('sha256')
  for await (const chunk of source) hash.update(chunk)
  return hash.digest('hex')
}

let peak = 0
const watching = new AbortController()
const watch = async (): Promise<void> => {
  while (!watching.signal.aborted) {
    const { heapUsed, arrayBuffers } = process.memoryUsage()
    peak = Math.max(peak, heapUsed + arrayBuffers)
    await delay(5)
  }
}

const nodes: MeshNode[] = []
for (const name of ['a', 'b', 'c']) {
  const node = await createNode({
    mesh: `large-${process.pid}`,
    mdns: false,
    listen: ['/ip4/127.0.0.1/tcp/0'],
    bootstrap: nodes.flatMap(({ addresses }) => addresses),
    dataDir: join(folder, name),
    durability: 'process',
    concurrency: name === 'c' ? 1 : 0,
    tasks: name === 'c' ? { make } : {},
  })
  nodes.push(node)
}
const [first] = nodes
await Promise.all(nodes.map(node => node.ready({ peers: 2 })))
const watched = watch()
const task = await first?.publish<MeshBlob>('make', Number(mebibytes))
const result = await task?.result()
const file = join(folder, 'result')
await result?.saveTo(file)
watching.abort()
await watched
const hashes = [result?.hash, await hashOf(make(Number(mebibytes)))]
hashes.push(await hashOf(createReadStream(file) as AsyncIterable<Uint8Array>))
await Promise.all(nodes.map(node => node.stop()))
console.log(JSON.stringify({ peak, hashes, durable: task?.durable }))
