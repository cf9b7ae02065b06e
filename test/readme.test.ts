import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'

const root = join(import.meta.dirname, '..')

test('the library example of the README is one that the compiler has checked', async () => {
  const readme = await readFile(join(root, 'README.md'), 'utf8')
  const example = await readFile(join(root, 'test', 'readme', 'share.ts'), 'utf8')
  const asUsed = example.replace("'../../src/index.ts'", "'meshwork'")
  assert.ok(readme.includes(asUsed), 'README.md and test/readme/share.ts differ')
})
