import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { gunzipSync } from 'node:zlib'
import type { MeshBlob } from '../../src/index.ts'
import { contentOf, hashOf } from '../blobs/stores.ts'
import { Cluster, patienceMs } from './cluster.ts'

test('the handlers of files in the manual do what it says', async () => {
  const manual = await readFile(join(import.meta.dirname, '../../docs/HANDLERS.md'), 'utf8')
  const [, source] = /```ts\n(\/\/ handlers\/files\.ts\n.*?)```/s.exec(manual) ?? []
  assert.ok(source !== undefined)
  await using cluster = new Cluster()
  const handlers = `${await cluster.dataDir('files')}.ts`
  await writeFile(handlers, source)
  const node = await cluster.add({ handlers, dataDir: await cluster.dataDir('node') })
  const bytes = contentOf(300_000)
  const wait = { timeoutMs: patienceMs }
  const digest = await (await node.publish('digest', bytes)).result(wait)
  assert.deepEqual(digest, { hash: hashOf(bytes), size: bytes.length })
  const zipped = await (await node.publish<MeshBlob>('gzip', bytes)).result(wait)
  assert.equal(hashOf(gunzipSync(await zipped.bytes())), hashOf(bytes))
})
