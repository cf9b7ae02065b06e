import assert from 'node:assert/strict'
import { test } from 'node:test'
import { oneLine } from '../../src/cli/errors.ts'
import { exitCodeOf } from '../../src/cli/exit-codes.ts'

test('an error is one line without control characters, whatever its message is', () => {
  assert.equal(
    oneLine(new Error('first\n  at second\u001B[31m\u0007 third')),
    'first at second [31m third',
  )
  assert.equal(oneLine(new RangeError('')), 'RangeError')
  assert.equal(oneLine('a string'), 'a string')
  assert.equal(oneLine(new Error('x'.repeat(5_000))).length, 1_001)
})

test('exit codes follow the names of errors', () => {
  const cases = [
    ['InvalidParametersError', 2],
    ['PayloadTooLargeError', 2],
    ['TaskNotFoundError', 3],
    ['QuorumUnavailableError', 4],
    ['NobodyServesError', 4],
    ['InterruptedError', 130],
    ['StoreLockedError', 1],
    ['anything else', 1],
  ] as const
  for (const [name, code] of cases) assert.equal(exitCodeOf(name), code, name)
})
