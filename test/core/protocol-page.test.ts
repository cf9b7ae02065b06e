import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'

const root = join(import.meta.dirname, '..', '..')
const page = await readFile(join(root, 'docs', 'PROTOCOL.md'), 'utf8')
const source = await readFile(join(root, 'src', 'core', 'messages.ts'), 'utf8')
const changes = await readFile(join(root, 'src', 'core', 'change-messages.ts'), 'utf8')

/** Types of all messages, as the core declares them; hints come after the envelope. */
const types = [
  ...source.slice(0, source.indexOf('export type Message')).matchAll(/type: '([^']+)'/g),
  ...changes.matchAll(/type: '([^']+)'/g),
].map(([, type = '']) => type.toUpperCase().replace('-', ' '))

test('every message has its row in the table of the protocol', () => {
  const rows = page.split('\n').filter(line => line.startsWith('| '))
  const named = rows.map(row => row.split('|')[1] ?? '')
  const missing = types.filter(type => !named.some(name => new RegExp(`\\b${type}\\b`).test(name)))
  assert.ok(types.length > 25, `${types.length} messages found`)
  assert.deepEqual(missing, [])
})

test('every row of the table has the same columns', () => {
  const table = page.slice(page.indexOf('| message |'), page.indexOf('And by time alone'))
  for (const row of table.trim().split('\n')) assert.equal(row.split('|').length, 7, row)
})

test('every file that the page names is there', async () => {
  const names = [...page.matchAll(/`((?:src|test)\/[\w./-]+\.\w+|[\w-]+\.test\.ts)`/g)].map(
    ([, name = '']) => (name.includes('/') ? name : `test/core/${name}`),
  )
  assert.ok(names.length > 4)
  for (const name of names) await readFile(join(root, name))
})
