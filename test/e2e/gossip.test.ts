import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createNode, type MeshNode } from '../../src/index.ts'
import { ndjson, Testbed, workHandlers } from './processes.ts'

test('without gossip idle nodes find the work by asking', async () => {
  const served: string[] = []
  const start = (bootstrap: readonly string[], concurrency: number): Promise<MeshNode> =>
    createNode({
      mesh: 'silent',
      gossip: false,
      mdns: false,
      listen: ['/ip4/127.0.0.1/tcp/0'],
      bootstrap,
      concurrency,
      tasks: {
        square: (input: number) => {
          served.push(String(concurrency))
          return input * input
        },
      },
    })
  await using publisher = await start([], 0)
  await using one = await start(publisher.addresses, 2)
  await using two = await start(publisher.addresses, 3)
  await Promise.all([publisher, one, two].map(node => node.ready({ peers: 2 })))

  const inputs = Array.from({ length: 500 }, (_, index) => index)
  const handles = await publisher.publishMany<number>('square', inputs)
  const results = await Promise.all(handles.map(handle => handle.result({ timeoutMs: 60_000 })))
  assert.deepEqual(
    results,
    inputs.map(input => input * input),
  )
  assert.equal(served.length, 500, 'nothing ran twice')
})

test('nodes that were started without gossip share a batch', async () => {
  await using bed = new Testbed()
  const options = { args: ['--no-gossip'], env: { DEBUG: 'libp2p:gossipsub' } }
  const nodes = await bed.mesh({
    publisher: { concurrency: 0, ...options },
    one: { handlers: workHandlers, concurrency: 2, ...options },
    two: { handlers: workHandlers, concurrency: 2, ...options },
  })
  const [publisher] = nodes
  assert.ok(publisher)
  const inputs = Array.from({ length: 200 }, (_, index) => index)
  const publish = ['publish', 'echo', '--ndjson', '--wait', '--json', '--data', publisher.dataDir]
  const run = await bed.run(publish, { input: ndjson(inputs) })
  assert.equal(run.code, 0, run.stderr)
  const results = run.lines.map(({ result }) => Number(result))
  assert.deepEqual(
    results.toSorted((a, b) => a - b),
    inputs,
  )
  for (const { process } of nodes) assert.doesNotMatch(process.stderr, /gossipsub/)
})
