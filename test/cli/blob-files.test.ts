import assert from 'node:assert/strict'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { fileInput, savedFile } from '../../src/cli/blob-files.ts'
import { perform } from '../../src/cli/operations.ts'
import type { OutcomeReply, PublishRequest, Reply } from '../../src/cli/requests.ts'
import type { MeshBlob, MeshNode } from '../../src/index.ts'
import { contentOf, hashOf } from '../blobs/stores.ts'
import { Cluster } from '../node/cluster.ts'

function requestOf(request: Partial<PublishRequest>): PublishRequest {
  const common = { options: {}, wait: true, waitTimeoutMs: 30_000, files: true }
  return { op: 'publish', queue: 'keep', ...common, ...request }
}

async function replies(
  node: MeshNode,
  inputs: readonly unknown[],
  request: Partial<PublishRequest> = {},
): Promise<Reply[]> {
  const publish = requestOf({ queue: 'swap', ...request })
  async function* given(): AsyncGenerator<readonly unknown[]> {
    yield inputs
  }
  const signal = AbortSignal.timeout(60_000)
  return (await Array.fromAsync(perform(node, publish, given(), signal))).flat()
}

function outcomesIn(all: readonly Reply[]): OutcomeReply[] {
  return all.filter(reply => reply.type === 'outcome')
}

const tasks = {
  swap: ({ blobs, name }: { name?: string; blobs: MeshBlob[] }) => ({
    name,
    blobs: blobs.toReversed(),
  }),
  keep: (input: MeshBlob) => input,
}

describe('files of a command', () => {
  it('go with its tasks as blobs, and those of results are saved before they are told', async () => {
    await using cluster = new Cluster()
    await cluster.start(2, () => ({ tasks }))
    const guest = await cluster.add({ guest: true })
    await guest.ready({ peers: 2 })
    const alone = await cluster.add({
      tasks,
      bootstrap: [],
      dataDir: await cluster.dataDir('alone'),
    })
    const contents = [contentOf(100_000), contentOf(300_000, 2)]
    const files = await Promise.all(['one', 'two'].map(name => cluster.dataDir(name)))
    for (const [i, file] of files.entries()) await writeFile(file, contents[i] ?? '')

    for (const node of [guest, alone]) {
      const saveTo = join(await cluster.dataDir('saved'), node.peerId)
      const input = { name: 'x', blobs: files.map(fileInput) }
      const all = outcomesIn(await replies(node, [input, input], { saveTo }))
      assert.equal(all.length, 2)
      for (const { taskId, result, raw } of all) {
        assert.equal(raw, undefined)
        const told = JSON.parse(JSON.stringify(result)) as Parameters<typeof tasks.swap>[0]
        assert.equal(told.name, 'x')
        assert.deepEqual(
          told.blobs,
          contents.toReversed().map(it => ({ size: it.byteLength, hash: hashOf(it) })),
        )
        for (const blob of told.blobs) {
          const saved = await readFile(savedFile(saveTo, taskId, blob))
          assert.equal(hashOf(saved), blob.hash)
        }
      }
      assert.equal((await readdir(saveTo)).length, 4)

      const [raw] = outcomesIn(await replies(node, [fileInput(files[0] ?? '')], { queue: 'keep' }))
      assert.ok(raw?.raw === true)
      assert.equal((raw.result as MeshBlob).hash, hashOf(contents[0] ?? new Uint8Array(0)))
    }
  })

  it('are read anew when they have changed', async () => {
    await using cluster = new Cluster()
    const node = await cluster.add({ tasks, dataDir: await cluster.dataDir('node') })
    const file = await cluster.dataDir('file')
    const hashes: string[] = []
    async function* inputs(): AsyncGenerator<readonly unknown[]> {
      for (const text of ['one', 'other']) {
        await writeFile(file, text)
        yield [fileInput(file)]
      }
    }
    const signal = AbortSignal.timeout(60_000)
    for await (const batch of perform(node, requestOf({}), inputs(), signal)) {
      for (const { result } of outcomesIn(batch)) hashes.push((result as MeshBlob).hash)
    }
    assert.deepEqual(new Set(hashes), new Set(['one', 'other'].map(it => hashOf(Buffer.from(it)))))
  })

  it('that are not there are named, and nothing is published', async () => {
    await using cluster = new Cluster()
    const node = await cluster.add({ tasks })
    for (const [file, why] of [
      ['/no/such/file', /^\/no\/such\/file cannot be read: .*ENOENT/],
      [tmpdir(), /cannot be read: it is no file/],
    ] as const) {
      await assert.rejects(replies(node, [1, [{ deep: fileInput(file) }]]), {
        name: 'UsageError',
        message: why,
      })
    }
    assert.deepEqual(await Array.fromAsync(node.tasks()), [])
  })
})
