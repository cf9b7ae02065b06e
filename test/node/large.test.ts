import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'

const run = promisify(execFile)

test('a result of 64 MiB passes through three nodes of one process with a heap of 64 MiB', async t => {
  const folder = await mkdtemp(join(tmpdir(), 'meshwork-large-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  const child = join(import.meta.dirname, 'large-child.ts')
  const args = ['--max-old-space-size=64', child, folder, '64']
  const { stdout } = await run(process.execPath, args, { timeout: 120_000, killSignal: 'SIGKILL' })
  const { peak, hashes, durable } = JSON.parse(stdout) as {
    peak: number
    hashes: string[]
    durable: boolean
  }
  assert.equal(durable, true)
  assert.equal(hashes[0], hashes[1])
  assert.equal(hashes[0], hashes[2])
  // Heap and buffers: far below the result and its three copies.
  assert.ok(peak < 128 * 2 ** 20, `${Math.round(peak / 2 ** 20)} MiB were used`)
})
