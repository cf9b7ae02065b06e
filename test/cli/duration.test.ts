import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseDuration, parseInteger, parseWhen } from '../../src/cli/duration.ts'

test('durations have a unit, and a bare number is milliseconds', () => {
  const cases = [
    ['0', 0],
    ['1500', 1_500],
    ['500ms', 500],
    ['1.5s', 1_500],
    ['2m', 120_000],
    ['1h', 3_600_000],
    ['7d', 604_800_000],
  ] as const
  for (const [text, ms] of cases) assert.equal(parseDuration(text), ms, text)
})

test('what is no duration is refused', () => {
  for (const text of ['', 's', '-1s', '1 s', '1w', '1e3', 'NaN', '9'.repeat(13)]) {
    assert.throws(() => parseDuration(text), /Expected a duration/, text)
  }
})

test('moments are dates, or durations from now on', () => {
  assert.equal(parseWhen('2030-01-31T12:00Z'), Date.UTC(2030, 0, 31, 12))
  const before = Date.now()
  const at = parseWhen('1h')
  assert.ok(at >= before + 3_600_000 && at <= Date.now() + 3_600_000)
  for (const text of ['2030-13-31', '2030-01-31T25:00Z']) {
    assert.throws(() => parseWhen(text), /Expected a date/, text)
  }
  assert.throws(() => parseWhen('tomorrow'), /Expected a duration/)
})

test('whole numbers have a lower bound', () => {
  assert.equal(parseInteger('-3', -5), -3)
  for (const text of ['', '1.5', 'x', '0x10', '-6', '9'.repeat(16)]) {
    assert.throws(() => parseInteger(text, -5), /Expected a whole number/, text)
  }
})

test('a whole number that is out of bounds is told both of them', () => {
  assert.equal(parseInteger('9007199254740991', 0), Number.MAX_SAFE_INTEGER)
  const most = /Expected a whole number from 0 to 9007199254740991\./
  for (const text of ['9007199254740992', '9'.repeat(20)]) {
    assert.throws(() => parseInteger(text, 0), most, text)
  }
  assert.equal(parseInteger('200', 1, 200), 200)
  for (const text of ['0', '201', 'x']) {
    assert.throws(() => parseInteger(text, 1, 200), /a whole number from 1 to 200\./, text)
  }
})
