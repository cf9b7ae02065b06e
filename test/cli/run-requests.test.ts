import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Channel } from '../../src/cli/channel.ts'
import { formatDuration } from '../../src/cli/duration.ts'
import { progressLine } from '../../src/cli/map/progress-line.ts'
import { exitCodeOf, remarkOn } from '../../src/cli/run/ending.ts'
import { inBatches } from '../../src/cli/run/input-batches.ts'
import { type EndedReply, parseRunInput, type RunInput } from '../../src/cli/run/requests.ts'

const command = { type: 'command', seq: 1, command: 'true', send: [], return: [] } as const

const ended: EndedReply = {
  ...{ type: 'ended', seq: 1, taskId: 't', state: 'done', code: 0, signal: null, timedOut: false },
  ...{ runMs: 1, sentBytes: 0, receivedBytes: 0, node: 'n', attempt: 1 },
}

test('what follows a request is checked', () => {
  const file = { path: 'a', file: '/a', mode: 0o644 }
  const good = [
    command,
    { ...command, send: [file], return: [file] },
    { type: 'last' },
    { type: 'signal', signal: 'SIGINT' },
    { type: 'halt', when: 'now' },
  ]
  for (const input of good) assert.equal(parseRunInput(input), input)
  const bad = [
    undefined,
    null,
    'true',
    {},
    { ...command, seq: '1' },
    { ...command, command: 1 },
    { ...command, send: [null] },
    { ...command, return: [{ path: 'a' }] },
    { type: 'signal', signal: 'SIGNOTHING' },
    { type: 'halt', when: 'later' },
  ]
  for (const input of bad) {
    assert.throws(() => parseRunInput(input), { name: 'UsageError' }, JSON.stringify(input))
  }
})

test('a command ends this one as a shell would have it', () => {
  const cases: readonly (readonly [Partial<EndedReply>, number, RegExp | undefined])[] = [
    [{}, 0, undefined],
    [{ code: 3 }, 3, undefined],
    [{ code: 127 }, 127, /was not found on node n/],
    [{ code: null, signal: 'SIGKILL' }, 137, undefined],
    [{ code: null, signal: 'SIGTERM', timedOut: true }, 124, /time was up/],
    [{ error: 'it left no file x' }, 1, /left no file x/],
    [{ code: 3, error: 'x cannot be written' }, 3, /x cannot/],
    [{ state: 'failed', code: null, error: 'deliveries' }, 1, /deliveries/],
  ]
  for (const [change, code, remark] of cases) {
    assert.equal(exitCodeOf({ ...ended, ...change }), code)
    const said = remarkOn({ ...ended, ...change })
    if (remark === undefined) assert.equal(said, undefined)
    else assert.match(said ?? '', remark)
  }
})

test('commands with many files go in small batches, and none is lost', async () => {
  const file = { path: 'a', file: '/a', mode: 0o644 }
  const inputs = new Channel<RunInput>()
  const files = (count: number) => Array.from({ length: count }, () => file)
  const sizes = [0, 0, 400, 400, 400, 999, 999, 0]
  for (const [i, size] of sizes.entries()) {
    inputs.push({ ...command, seq: i + 1, send: files(size) })
  }
  inputs.push({ type: 'last' })
  inputs.end()
  const batches: (number | string)[][] = []
  for await (const batch of inBatches(inputs)) {
    batches.push(batch.map(input => (input.type === 'command' ? input.seq : input.type)))
  }
  assert.deepEqual(batches, [[1, 2, 3, 4], [5], [6], [7], [8, 'last']])
})

test('what is given waits until the reader wants more, or nothing any more', async () => {
  const channel = new Channel<number>()
  const taken: string[] = []
  const give = async (): Promise<void> => {
    for (const value of [1, 2, 3]) {
      await channel.give(value)
      taken.push(`given ${value}`)
    }
  }
  const giving = give()
  for await (const batch of channel) {
    taken.push(`read ${batch.join()}`)
    if (batch.includes(2)) break
  }
  await giving
  assert.deepEqual(taken, ['read 1', 'given 1', 'read 2', 'given 2', 'given 3'])
})

test('progress is a bar with counts and the time that is left', () => {
  const line = (done: number, total: number | undefined, failed = 0): string =>
    progressLine({ done, failed, total, elapsedMs: 60_000 })
  assert.equal(line(0, undefined), '0 done')
  assert.equal(line(7, undefined, 2), '7 done, 2 failed')
  assert.equal(line(0, 4), `${'░'.repeat(24)} 0% 0/4`)
  assert.equal(line(1, 4), `${'█'.repeat(6)}${'░'.repeat(18)} 25% 1/4, 3m 0s left`)
  assert.equal(line(4, 4, 1), `${'█'.repeat(24)} 100% 4/4, 1 failed`)
  assert.equal(line(0, 0), `${'█'.repeat(24)} 100% 0/0`)
})

test('durations for people', () => {
  const cases = [
    [0, '0s'],
    [59_400, '59s'],
    [60_000, '1m 0s'],
    [3_599_000, '59m 59s'],
    [7_500_000, '2h 5m'],
  ] as const
  for (const [ms, text] of cases) assert.equal(formatDuration(ms), text)
})
