import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { defineTask, type MeshBlob } from '../../src/index.ts'
import { z } from 'zod'
import { contentOf } from '../blobs/stores.ts'
import { Cluster, events, patienceMs } from './cluster.ts'

const wait = { timeoutMs: patienceMs }

/** JSON of about a megabyte. */
const large = { rows: Array.from({ length: 20_000 }, (_, i) => ({ i, text: `row ${i} – é` })) }

async function* chunks(bytes: Uint8Array, length = 100_000): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.byteLength; at += length) yield bytes.subarray(at, at + length)
}

function hashOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}

describe('what is too large for a record', () => {
  it('goes in and out as JSON through three nodes', async () => {
    await using cluster = new Cluster()
    const echo = defineTask('echo', { run: (input: typeof large) => input })
    const [first, , third] = await cluster.start(3, index => ({
      tasks: index === 2 ? [echo] : [],
    }))
    const task = await first?.publish(echo, large)
    assert.equal(task?.durable, true)
    assert.deepEqual(await task?.result(wait), large)
    const outcome = await third?.task<typeof large>(task?.id ?? '').outcome(wait)
    assert.equal(outcome?.result?.rows.length, 20_000)
    for await (const event of first?.task(task?.id ?? '').events() ?? []) {
      assert.ok(event.type === 'outcome')
      assert.deepEqual(event.outcome.result, large)
    }
  })

  it('goes in and out as bytes, with nodes that keep it on disk', async () => {
    await using cluster = new Cluster()
    const dirs = await Promise.all(['a', 'b', 'c'].map(name => cluster.dataDir(name)))
    const reverse = async (input: MeshBlob) => {
      assert.equal((await readFile(input.path ?? '')).byteLength, input.size)
      const bytes = await input.bytes()
      return chunks(bytes.toReversed())
    }
    const [first, , third] = await cluster.start(3, index => ({
      dataDir: dirs[index],
      tasks: index === 2 ? { reverse } : {},
    }))
    assert.ok(first && third)
    const done = events(third, 'task:done')
    const bytes = contentOf(12_000_000)
    const task = await first.publish<MeshBlob>('reverse', chunks(bytes))
    const result = await task.result(wait)
    assert.equal(result.size, bytes.byteLength)
    assert.equal(result.hash, hashOf(bytes.toReversed()))
    assert.deepEqual(await result.bytes(), bytes.toReversed())
    const file = await cluster.dataDir('result')
    await result.saveTo(file)
    assert.equal(hashOf(await readFile(file)), result.hash)
    assert.deepEqual(JSON.parse(JSON.stringify(result)), { size: result.size, hash: result.hash })
    const [{ result: told } = {}] = await done
    assert.equal((told as MeshBlob).hash, result.hash)

    // A result is an input as well, and is there already.
    const again = await first.publish<MeshBlob>('reverse', result)
    assert.equal((await again.result(wait)).hash, hashOf(bytes))
  })

  const small = contentOf(10)
  const sources: readonly (readonly [string, () => unknown])[] = [
    ['a Uint8Array', () => small],
    ['a stream', () => new Blob([Buffer.from(small)]).stream()],
    ['an async iterable', () => chunks(small, 3)],
    ['nothing', () => new Uint8Array(0)],
  ]
  for (const [what, source] of sources) {
    it(`may be ${what}, however small, on a node alone`, async () => {
      await using cluster = new Cluster()
      const node = await cluster.add({
        tasks: { keep: (input: MeshBlob) => input, size: async (input: MeshBlob) => input.size },
      })
      const size = await node.publish<number>('size', source())
      const expected = what === 'nothing' ? 0 : 10
      assert.equal(await size.result(wait), expected)
      const kept = await node.publish<MeshBlob>('keep', source())
      const result = await kept.result(wait)
      assert.deepEqual(await result.bytes(), small.subarray(0, expected))
      const read = await Array.fromAsync(result.stream())
      assert.equal(Buffer.concat(read).byteLength, expected)
    })
  }

  it('is published with small inputs in one call, each in its place', async () => {
    await using cluster = new Cluster()
    const [first] = await cluster.start(3, () => ({
      tasks: {
        size: async (input: unknown) =>
          typeof input === 'string' ? input.length : (input as MeshBlob).size,
      },
    }))
    assert.ok(first)
    const inputs = ['a', 'b'.repeat(100_000), small, 'cc', 'd'.repeat(200_000), contentOf(300_000)]
    const tasks = await first.publishMany<number>('size', inputs)
    const results = await Promise.all(tasks.map(task => task.result(wait)))
    assert.deepEqual(results, [1, 100_000, 10, 2, 200_000, 300_000])
  })

  it('is published and read by guests', async () => {
    await using cluster = new Cluster()
    await cluster.start(3, () => ({
      tasks: { twice: (input: string) => input + input, keep: (input: MeshBlob) => input },
    }))
    const guest = await cluster.add({ guest: true })
    await guest.ready({ peers: 3 })
    const task = await guest.publish<string>('twice', 'x'.repeat(100_000))
    assert.equal((await task.result(wait)).length, 200_000)
    const bytes = contentOf(20 * 2 ** 20)
    const kept = await guest.publish<MeshBlob>('keep', bytes)
    assert.equal(hashOf(await (await kept.result(wait)).bytes()), hashOf(bytes))
  })

  it('is checked by a schema if it is JSON, and refused if it is bytes', async () => {
    await using cluster = new Cluster()
    const typed = defineTask('typed', {
      input: z.object({ text: z.string() }),
      run: ({ text }) => text.length,
    })
    const node = await cluster.add({ tasks: [typed] })
    const task = await node.publish(typed, { text: 'x'.repeat(100_000) })
    assert.equal(await task.result(wait), 100_000)
    const bytes = small as unknown as { text: string }
    await assert.rejects(node.publish(typed, bytes), { name: 'InvalidInputError' })
  })

  it('is still at a majority when the producer is gone, and runs', async () => {
    await using cluster = new Cluster()
    const dirs = await Promise.all(['a', 'b', 'c'].map(name => cluster.dataDir(name)))
    const [first, second, third] = await cluster.start(3, index => ({
      dataDir: dirs[index],
      tasks: {},
    }))
    assert.ok(first && second && third)
    const bytes = contentOf(1_000_000)
    const hash = hashOf(bytes)
    const task = await first.publish('later', bytes)
    assert.equal(task.durable, true)
    await first.stop()
    const has = async (dir: string | undefined): Promise<boolean> => {
      const file = join(dir ?? '', 'blobs', hash.slice(0, 2), hash)
      return (await readFile(file).catch(() => new Uint8Array(0))).byteLength === bytes.byteLength
    }
    const until = Date.now() + patienceMs
    // The one that was not waited for gets it from the other.
    while (!((await has(dirs[1])) && (await has(dirs[2]))) && Date.now() < until) {
      await new Promise(resolve => setTimeout(resolve, 50))
    }
    assert.deepEqual(await Promise.all(dirs.map(has)), [true, true, true])
    await cluster.add({ tasks: { later: (input: MeshBlob) => input.size } })
    assert.equal(await second.task(task.id).result(wait), bytes.byteLength)
  })

  it('is to be had when the worker that gave it is gone at once', async () => {
    await using cluster = new Cluster()
    const bytes = contentOf(2_000_000)
    const [first, ...others] = await cluster.start(4, index => ({
      concurrency: index === 0 ? 0 : 1,
      tasks: index === 0 ? {} : { make: () => bytes },
    }))
    assert.ok(first)
    const task = await first.publish<MeshBlob>('make')
    const { node, result } = await task.outcome(wait)
    await others.find(({ peerId }) => peerId === node)?.stop()
    assert.equal(hashOf((await result?.bytes()) ?? new Uint8Array(0)), hashOf(bytes))
  })

  it('passes through handlers in threads, on disk and in memory', async () => {
    await using cluster = new Cluster()
    const file = `${await cluster.dataDir('handlers')}.mjs`
    await writeFile(
      file,
      `export const upper = text => text.toUpperCase()
      export async function* copy(input) { for await (const chunk of input) yield chunk }
      export const bytes = input => input.bytes()
      export const relay = async (input, ctx) => (await ctx.publish('bytes', copy(input))).id
      export async function* broken() { yield new Uint8Array(10); throw new RangeError('torn') }`,
    )
    for (const dataDir of [await cluster.dataDir('node'), undefined]) {
      const node = await cluster.add({ dataDir, handlers: file, bootstrap: [] })
      const upper = await node.publish<string>('upper', 'x'.repeat(100_000))
      assert.equal(await upper.result(wait), 'X'.repeat(100_000))
      const content = contentOf(500_000)
      for (const queue of ['copy', 'bytes']) {
        const task = await node.publish<MeshBlob>(queue, content)
        assert.equal((await task.result(wait)).hash, hashOf(content))
      }
      const relay = await node.publish<string>('relay', content)
      const relayed = await node.task<MeshBlob>(await relay.result(wait)).result(wait)
      assert.equal(relayed.hash, hashOf(content))
      const broken = await node.publish('broken', null, { attempts: 1 })
      await assert.rejects(broken.result(wait), { name: 'TaskFailedError', message: /torn/ })
    }
  })

  it('goes to commands on stdin, and comes from their stdout', async () => {
    await using cluster = new Cluster()
    const node = await cluster.add({
      commands: { cat: { command: 'cat' }, count: { command: 'wc -c' } },
    })
    const bytes = contentOf(3_000_000)
    const count = await node.publish<number>('count', bytes)
    assert.equal(await count.result(wait), bytes.byteLength)
    const cat = await node.publish<MeshBlob>('cat', bytes)
    assert.equal((await cat.result(wait)).hash, hashOf(bytes))
    const json = await node.publish<typeof large>('cat', large)
    assert.deepEqual(await json.result(wait), large)
  })

  it('is refused by a node that keeps it in memory and has no room', async () => {
    await using cluster = new Cluster()
    const node = await cluster.add()
    async function* endless(): AsyncGenerator<Uint8Array> {
      const chunk = new Uint8Array(2 ** 20)
      for (;;) yield chunk
    }
    await assert.rejects(node.publish('q', endless()), {
      name: 'PayloadTooLargeError',
      queue: 'q',
      limitBytes: 256 * 2 ** 20,
    })
    const controller = new AbortController()
    async function* aborting(): AsyncGenerator<Uint8Array> {
      yield new Uint8Array(10)
      controller.abort(new Error('enough'))
      yield new Uint8Array(10)
    }
    const publish = node.publish('q', aborting(), { signal: controller.signal })
    await assert.rejects(publish, { message: 'enough' })
  })

  it('is not waited for any more when the run is stopped', async () => {
    await using cluster = new Cluster()
    const started = Promise.withResolvers<void>()
    const node = await cluster.add({
      tasks: {
        async *endless(_: unknown, { signal }) {
          yield new Uint8Array(1_000)
          started.resolve()
          await new Promise((_resolve, reject) => {
            signal.addEventListener('abort', () => reject(signal.reason as Error))
          })
        },
      },
    })
    const task = await node.publish('endless')
    await started.promise
    assert.equal(await task.cancel('enough'), true)
    await assert.rejects(task.result(wait), { name: 'TaskCancelledError', reason: 'enough' })
    await node.drain()
  })
})
