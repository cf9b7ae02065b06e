import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { promisify } from 'node:util'

const root = join(import.meta.dirname, '..', '..')

/** Longest run of a process, in milliseconds: whatever leaves a handle open never ends by itself. */
const runMs = 60_000

/** Runs Node.js until nothing keeps it alive any more. */
async function node(...args: readonly string[]): Promise<string> {
  const { NODE_TEST_CONTEXT: _, ...env } = process.env
  const options = { cwd: root, env, timeout: runMs }
  const { stdout } = await promisify(execFile)(process.execPath, args, options)
  return stdout
}

describe('meshwork/testing', () => {
  test('runs the example for node:test', async () => {
    const told = await node(
      ...['--test', '--test-isolation=none', '--test-reporter=tap'],
      'docs/examples/testing/resize-node.test.ts',
    )
    assert.match(told, /^# pass 3$/m)
    assert.match(told, /^# fail 0$/m)
  })

  test('is shown on its page by what the examples do', async () => {
    const page = await readFile(join(root, 'docs', 'TESTING.md'), 'utf8')
    for (const runner of ['node', 'vitest']) {
      const file = join(root, 'docs', 'examples', 'testing', `resize-${runner}.test.ts`)
      const [, body = ''] =
        /(test\('a partition[^]*?\n\}\))/.exec(await readFile(file, 'utf8')) ?? []
      assert.ok(body !== '' && page.includes(body), file)
    }
  })

  test('leaves nothing behind that keeps a process alive', async () => {
    const told = await node('test/testing/left-behind.ts')
    assert.equal(told, '[]\nended by itself\n')
  })
})
