import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'
import { generate } from '../../scripts/generate.ts'

test('what is generated from the .proto is up to date', { timeout: 120_000 }, async () => {
  const root = new URL('../../', import.meta.url)
  const files = await generate()
  assert.equal(files.size, 2)
  for (const [path, code] of files) {
    const committed = await readFile(new URL(path, root), 'utf8')
    assert.ok(committed === code, `${path} is not up to date: npm run generate`)
  }
})
