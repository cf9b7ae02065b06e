import assert from 'node:assert/strict'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { findControlPath, makeControlPath, removeControlPath } from '../../src/cli/control-path.ts'

async function makeFolder(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'meshwork-test-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  return folder
}

test('the socket lies in the data directory', async t => {
  const folder = await makeFolder(t)
  const path = await makeControlPath(folder)
  assert.equal(path, join(folder, 'control.sock'))
  assert.equal(await findControlPath(folder), path)
})

test('a data directory whose path is too long for a socket gets one elsewhere', async t => {
  const folder = join(await makeFolder(t), 'x'.repeat(120))
  await mkdir(folder)
  const path = await makeControlPath(folder)
  t.after(() => removeControlPath(folder))
  assert.notEqual(dirname(path), folder)
  assert.equal(await findControlPath(folder), path)

  const server = createServer().listen(path)
  await once(server, 'listening')
  server.close()

  const again = await makeControlPath(folder)
  assert.notEqual(again, path)
  assert.ok(!existsSync(dirname(path)), 'what an earlier process left behind is gone')
  await removeControlPath(folder)
  assert.ok(!existsSync(dirname(again)))
})

test('a pointer to a folder that is not ours removes nothing', async t => {
  const folder = join(await makeFolder(t), 'x'.repeat(120))
  const other = await makeFolder(t)
  const precious = join(other, 'precious')
  await mkdir(folder)
  await mkdir(precious)
  await writeFile(join(folder, 'control.path'), join(precious, 'control.sock'))
  await removeControlPath(folder)
  assert.ok(existsSync(precious))
})
