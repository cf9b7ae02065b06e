import assert from 'node:assert/strict'
import { mkdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import type { MeshBlob, MeshNodeInit } from '../../src/index.ts'
import { contentOf, hashOf } from '../blobs/stores.ts'
import { Cluster, patienceMs } from './cluster.ts'

const wait = { timeoutMs: patienceMs }

interface Pair {
  readonly name: string
  readonly blobs: readonly MeshBlob[]
}

/** The hashes of what blobs really contain. */
async function hashesOf(blobs: readonly MeshBlob[] = []): Promise<string[]> {
  return Promise.all(blobs.map(async blob => hashOf(await blob.bytes())))
}

describe('a blob within JSON', () => {
  it('is one for the handler, and for who gets the result', async () => {
    await using cluster = new Cluster()
    const dirs = await Promise.all(['a', 'b', 'c'].map(name => cluster.dataDir(name)))
    const swap = async ({ name, blobs }: Pair) => {
      assert.ok(blobs.every(blob => blob.path !== undefined))
      const [one, two] = await hashesOf(blobs)
      return { name: `${name} ${one} ${two}`, blobs: blobs.toReversed() }
    }
    const [first, second] = await cluster.start(3, index => ({
      dataDir: dirs[index],
      tasks: index === 2 ? { swap } : {},
    }))
    assert.ok(first && second)
    const [one, two] = [contentOf(300_000), contentOf(5_000_000, 2)]
    const file = await cluster.dataDir('file')
    await writeFile(file, two)
    const blobs = [await first.store(one), await first.store({ file })]
    assert.deepEqual(
      blobs.map(({ hash }) => hash),
      [one, two].map(hashOf),
    )
    const task = await first.publish<Pair>('swap', { name: 'x', blobs })
    const result = await task.result(wait)
    assert.equal(result.name, `x ${hashOf(one)} ${hashOf(two)}`)
    assert.deepEqual(await hashesOf(result.blobs), [hashOf(two), hashOf(one)])

    // Whoever asks gets blobs, also where the JSON is too long for a record.
    const long = 'y'.repeat(100_000)
    const other = await second.publish<Pair>('swap', { name: long, blobs: result.blobs })
    const seen = await first.task<Pair>(other.id).result(wait)
    assert.ok(seen.name.startsWith(long))
    assert.deepEqual(await hashesOf(seen.blobs), [hashOf(one), hashOf(two)])
    const saved = join(await cluster.dataDir('saved'))
    await seen.blobs[0]?.saveTo(saved)
    assert.equal(hashOf(await readFile(saved)), hashOf(one))
    await writeFile(`${saved}.new`, '')
    assert.equal((await stat(saved)).mode, (await stat(`${saved}.new`)).mode)
  })

  it('passes through threads and processes, and is published by handlers there', async () => {
    await using cluster = new Cluster()
    const file = `${await cluster.dataDir('handlers')}.mjs`
    await writeFile(
      file,
      `export const swap = async ({ blobs }) => {
        const sizes = await Promise.all(blobs.map(async blob => (await blob.bytes()).length))
        return { sizes, blobs: blobs.toReversed() }
      }
      export const relay = async (input, ctx) => (await ctx.publish('swap', input)).id`,
    )
    const places: MeshNodeInit[] = [
      { dataDir: await cluster.dataDir('threads') },
      { dataDir: undefined },
      { dataDir: await cluster.dataDir('processes'), isolate: 'process' },
      { dataDir: undefined, isolate: 'process' },
    ]
    for (const place of places) {
      const node = await cluster.add({ ...place, handlers: file, bootstrap: [] })
      const contents = [contentOf(100), contentOf(200_000)]
      const blobs = await Promise.all(contents.map(bytes => node.store(bytes)))
      const relay = await node.publish<string>('relay', { blobs })
      const swap = node.task<Pair & { sizes: number[] }>(await relay.result(wait))
      const result = await swap.result(wait)
      assert.deepEqual(result.sizes, [100, 200_000])
      assert.deepEqual(await hashesOf(result.blobs), contents.map(hashOf).toReversed())
    }
  })

  it('is read from its file by a guest, whatever its size', async () => {
    await using cluster = new Cluster()
    const dirs = await Promise.all(['a', 'b', 'c'].map(name => cluster.dataDir(name)))
    await cluster.start(3, index => ({
      dataDir: dirs[index],
      tasks: { keep: (input: unknown) => input },
    }))
    const guest = await cluster.add({ guest: true })
    await guest.ready({ peers: 3 })
    const file = await cluster.dataDir('file')
    const bytes = contentOf(20_000_000)
    await writeFile(file, bytes)
    const blob = await guest.store({ file })
    const raw = await guest.publish<MeshBlob>('keep', blob)
    const result = await raw.result(wait)
    assert.equal(result.hash, hashOf(bytes))
    const task = await guest.publish<{ blob: MeshBlob }>('keep', { blob })
    const saved = await cluster.dataDir('saved')
    await (await task.result(wait)).blob.saveTo(saved)
    assert.equal(hashOf(await readFile(saved)), hashOf(bytes))

    // What the file contains later is not what was named.
    const other = await cluster.dataDir('other')
    await writeFile(other, contentOf(100_000))
    const gone = await guest.store({ file: other })
    await writeFile(other, contentOf(100_001, 2))
    await assert.rejects(guest.publish('keep', { gone }), {
      name: 'FileChangedError',
      message: `${other} has changed while it was being published`,
    })
  })

  it('goes to a node once, however many tasks name it', async () => {
    await using cluster = new Cluster()
    const dirs = await Promise.all(['a', 'b', 'c'].map(name => cluster.dataDir(name)))
    const [first] = await cluster.start(3, index => ({
      dataDir: dirs[index],
      tasks: index === 2 ? { size: async ({ blob }: { blob: MeshBlob }) => blob.size } : {},
    }))
    assert.ok(first)
    const blob = await first.store(contentOf(200_000))
    const inputs = Array.from({ length: 500 }, (_, i) => ({ i, blob }))
    const tasks = await first.publishMany<number>('size', inputs)
    const sizes = await Promise.all(tasks.map(task => task.result(wait)))
    assert.deepEqual(new Set(sizes), new Set([200_000]))
  })

  it('is refused among too many, and where nobody has it any more', async () => {
    await using cluster = new Cluster()
    const node = await cluster.add({ tasks: { many: (input: unknown) => input } })
    const blobs: MeshBlob[] = []
    for (let i = 0; i < 1_001; i++) blobs.push(await node.store(Buffer.from(String(i))))
    await assert.rejects(node.publish('many', blobs), {
      name: 'InvalidInputError',
      message: /has 1001 blobs in it, over the limit of 1000; put them into an archive/,
    })
    const task = await node.publish<MeshBlob[]>('many', blobs.slice(0, 1_000))
    assert.equal((await task.result(wait)).length, 1_000)
    const folder = await cluster.dataDir('folder')
    await mkdir(folder)
    await assert.rejects(node.store({ file: folder }), /EISDIR/)
    await assert.rejects(node.store({ file: join(folder, 'none') }), /ENOENT/)
  })
})
