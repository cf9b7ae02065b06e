import assert from 'node:assert/strict'
import { test } from 'node:test'
import { whyStale } from '../scripts/setup.mjs'

const wanted = {
  '': { version: '0.1.0' },
  'node_modules/a': { version: '1.0.0' },
  'node_modules/b': { version: '2.0.0', optional: true },
}

test('what is installed as the lock file says needs no install', () => {
  assert.equal(whyStale(wanted, { 'node_modules/a': { version: '1.0.0' } }), undefined)
  const { '': _root, ...all } = wanted
  assert.equal(whyStale(wanted, all), undefined)
  const otherPlatform = { 'node_modules/c': { version: '1.0.0', optional: true } }
  assert.equal(whyStale(wanted, { ...all, ...otherPlatform }), undefined)
})

test('every way of not matching the lock file is a reason to install', () => {
  const cases = [
    [undefined, /nothing is installed/],
    [{}, /node_modules\/a is missing/],
    [{ 'node_modules/a': { version: '1.0.1' } }, /is 1\.0\.1, not 1\.0\.0/],
    [
      { 'node_modules/a': { version: '1.0.0' }, 'node_modules/b': { version: '1.0.0' } },
      /b is 1\.0\.0/,
    ],
    [
      { 'node_modules/a': { version: '1.0.0' }, 'node_modules/c': { version: '1.0.0' } },
      /c is not wanted/,
    ],
  ] as const
  for (const [installed, why] of cases) assert.match(whyStale(wanted, installed) ?? '', why)
})
