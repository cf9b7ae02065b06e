import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isHalted, parseHalt, type Tally } from '../../src/cli/map/halt.ts'
import { joblogHeader, joblogLine, readJoblog } from '../../src/cli/map/joblog.ts'

const entry = {
  ...{ seq: 2, host: '12D3', startedAt: 1_795_691_865.2284, runMs: 4.4 },
  ...{ sentBytes: 10, receivedBytes: 2, exitCode: 1, signal: 0, command: 'echo 1; exit 1' },
}

test('a job log has the columns of GNU Parallel', () => {
  assert.equal(
    joblogHeader,
    'Seq\tHost\tStarttime\tJobRuntime\tSend\tReceive\tExitval\tSignal\tCommand\n',
  )
  assert.equal(
    joblogLine(entry),
    '2\t12D3\t1795691865.228\t     0.004\t10\t2\t1\t0\techo 1; exit 1\n',
  )
  const lines = joblogLine({ ...entry, host: '', command: 'a\nb\tc' })
  assert.equal(lines, '2\t:\t1795691865.228\t     0.004\t10\t2\t1\t0\ta\0b\tc\n')
})

test('what a job log says last of a task is how it ended', () => {
  const log =
    joblogHeader +
    joblogLine({ ...entry, seq: 1, exitCode: 0 }) +
    joblogLine({ ...entry, seq: 2 }) +
    joblogLine({ ...entry, seq: 3, exitCode: 0, signal: 9 }) +
    joblogLine({ ...entry, seq: 4, exitCode: -1, signal: 15 }) +
    joblogLine({ ...entry, seq: 2, exitCode: 0 }) +
    joblogLine({ ...entry, seq: 1, exitCode: 3 }) +
    'no line\n5\t:\t1'
  assert.deepEqual(
    readJoblog(log),
    new Map([
      [1, false],
      [2, true],
      [3, false],
      [4, false],
    ]),
  )
})

test('a map gives up when its rule says so', () => {
  const cases: readonly (readonly [string, Tally, boolean])[] = [
    ['never', { failed: 9, succeeded: 0, total: 9 }, false],
    ['0', { failed: 9, succeeded: 0, total: 9 }, false],
    ['now,fail=1', { failed: 0, succeeded: 5, total: 9 }, false],
    ['now,fail=1', { failed: 1, succeeded: 5, total: undefined }, true],
    ['2', { failed: 1, succeeded: 0, total: 9 }, true],
    ['soon,fail=3', { failed: 2, succeeded: 9, total: 99 }, false],
    ['soon,fail=3', { failed: 3, succeeded: 9, total: 99 }, true],
    ['soon,fail=50%', { failed: 1, succeeded: 0, total: 4 }, false],
    ['soon,fail=50%', { failed: 2, succeeded: 0, total: 4 }, true],
    ['50%', { failed: 2, succeeded: 0, total: 4 }, true],
    ['soon,fail=50%', { failed: 2, succeeded: 0, total: undefined }, false],
    ['now,success=1', { failed: 3, succeeded: 0, total: 4 }, false],
    ['-2', { failed: 3, succeeded: 1, total: 4 }, true],
    ['now,done=2', { failed: 1, succeeded: 1, total: 4 }, true],
  ]
  for (const [text, tally, halted] of cases) {
    assert.equal(isHalted(parseHalt(text), tally), halted, text)
  }
})

test('what is no rule to give up is refused', () => {
  for (const text of ['', 'bogus', 'now', 'soon,fail', 'now,fail=0', 'now,fail=101%', 'never,x']) {
    assert.throws(() => parseHalt(text), /Expected never/, text)
  }
})
