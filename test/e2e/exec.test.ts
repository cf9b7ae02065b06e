import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { PNG } from 'pngjs'
import { lifeline } from '../worker/lifeline.ts'
import { batchMs, ndjson, Testbed, untilContains } from './processes.ts'

const examples = join(import.meta.dirname, '../../docs/examples')

/** Why a test that needs a program is left out, or `false`. */
function lacks(name: string, command: string): string | false {
  const { stdout } = spawnSync('sh', ['-c', command], { encoding: 'utf8' })
  return stdout.includes(name) ? false : `${name} is not on this machine`
}

const lacksPython = lacks('Python', 'python3 --version')
const lacksMagick = lacks('ImageMagick', '$(command -v magick || command -v convert) -version')

test('commands serve queues, and publishers get what they print', async () => {
  await using bed = new Testbed()
  const [publisher, worker] = await bed.mesh({
    publisher: { concurrency: 0 },
    worker: { args: ['--exec', 'upper=tr a-z A-Z'] },
  })
  assert.ok(publisher && worker)
  const publish = ['publish', 'upper', '--wait', '--json', '--data', publisher.dataDir]
  const one = await bed.run([...publish, '"a=b"'])
  assert.equal(one.code, 0, one.stderr)
  assert.partialDeepStrictEqual(one.lines, [
    { state: 'done', result: 'A=B', node: worker.peerId, attempt: 1 },
  ])
  const words = ['one', 'two', 'three']
  const many = await bed.run([...publish, '--ndjson'], { input: ndjson(words) })
  assert.equal(many.code, 0, many.stderr)
  assert.deepEqual(many.lines.map(({ result }) => String(result)).toSorted(), [
    'ONE',
    'THREE',
    'TWO',
  ])
})

test('a command that fails is retried, and tells why in the end', async () => {
  await using bed = new Testbed()
  const command = 'test $MESHWORK_ATTEMPT = 3 && echo 1 && exit; echo not yet >&2; exit 9'
  const node = await bed.up('a', {
    args: ['--exec', `third=${command}`, '--exec', 'absent=no-such-program'],
  })
  const flags = ['--backoff', 'fixed:10ms', '--wait', '--data', node.dataDir]
  const third = await bed.run(['publish', 'third', '0', '--attempts', '3', '--json', ...flags])
  assert.equal(third.code, 0, third.stderr)
  assert.partialDeepStrictEqual(third.lines, [{ result: 1, attempt: 3 }])
  const twice = await bed.run(['publish', 'third', '0', '--attempts', '2', '--json', ...flags])
  assert.equal(twice.code, 1)
  assert.match(String(twice.lines[0]?.['error']), /ended with exit code 9: not yet/)
  const absent = await bed.run(['publish', 'absent', '0', '--attempts', '1', ...flags])
  assert.equal(absent.code, 1)
  assert.match(absent.stderr, /^error: .*Command of absent was not found/m)
})

test('a node that is killed takes its commands with it, and another runs the task', async t => {
  await using bed = new Testbed()
  const line = await lifeline(t)
  const log = bed.path('up.log')
  const command = `test -e '${bed.path('gate')}' && exit; ${line.hold} echo up >> '${log}'; sleep 1000 & wait`
  const args = ['--exec', `hold=${command}`]
  const [publisher, worker] = await bed.mesh({ publisher: { concurrency: 0 }, worker: { args } })
  assert.ok(publisher && worker)
  const publish = bed.spawn(
    ['publish', 'hold', '0', '--wait', '--json', '--data', publisher.dataDir],
    {},
  )
  await untilContains(log, 'up')
  await writeFile(bed.path('gate'), '')
  worker.process.kill('SIGKILL')
  await line.cut
  const other = await bed.up('other', { args, bootstrap: [publisher] })
  assert.deepEqual(await publish.exited, { code: 0, signal: null })
  assert.partialDeepStrictEqual(publish.lines, [{ node: other.peerId }])
})

// Members that only their group tells of: in the background, in a subshell, deaf to SIGTERM.
const family = `sleep 1000 & (trap '' TERM; sleep 1000; true) & echo up >&2; wait; wait`

test('a cancelled task ends all that its command has started', async t => {
  await using bed = new Testbed()
  const line = await lifeline(t)
  const log = bed.path('up.log')
  const args = ['--exec', `hold=${line.hold} echo up >> '${log}'; ${family}`]
  const [publisher, worker] = await bed.mesh({ publisher: { concurrency: 0 }, worker: { args } })
  assert.ok(publisher && worker)
  const publish = ['publish', 'hold', '0', '--wait', '--json', '--data', publisher.dataDir]
  const waiting = bed.spawn(publish)
  await untilContains(log, 'up')
  const claimed = await worker.process.when(
    'a claim',
    ({ event }) => event === 'task:claimed',
    batchMs,
  )
  const task = String(claimed['taskId'])
  const cancelled = await bed.run(['task', 'cancel', task, '--data', publisher.dataDir])
  assert.equal(cancelled.code, 0, cancelled.stderr)
  await line.cut
  assert.equal((await waiting.exited).code, 1)
  assert.partialDeepStrictEqual(waiting.lines, [{ taskId: task, state: 'cancelled' }])
})

test('what a command says on stderr can be followed from elsewhere', async () => {
  await using bed = new Testbed()
  const gate = bed.path('gate')
  const log = bed.path('up.log')
  const talk = `echo up >> '${log}'; until test -e '${gate}'; do echo 'on the way' >&2; sleep 0.1; done; echo there >&2`
  const [publisher, worker] = await bed.mesh({
    publisher: { concurrency: 0 },
    worker: { args: ['--exec', `talk=${talk}`, '--exec', 'fail=exit 3'] },
  })
  assert.ok(publisher && worker)
  const published = await bed.run(['publish', 'talk', '0', '--json', '--data', publisher.dataDir])
  const taskId = String(published.lines[0]?.['taskId'])
  await untilContains(log, 'up')
  // From a node that is not the one that runs it.
  const logs = bed.spawn(['task', 'logs', taskId, '--json', '--data', publisher.dataDir])
  await logs.when('a line', ({ line }) => line === 'on the way', batchMs)
  await writeFile(gate, '')
  assert.deepEqual(await logs.exited, { code: 0, signal: null })
  const said = logs.lines.map(({ type, line, state }) => line ?? state ?? type)
  assert.deepEqual(said.slice(-2), ['there', 'done'])

  const again = await bed.run(['task', 'logs', taskId, '--data', publisher.dataDir])
  assert.deepEqual([again.code, again.stderr.trim().split('\n').at(-1)], [0, 'done'])
  const failing = ['publish', 'fail', '0', '--attempts', '1', '--wait', '--json']
  const failed = await bed.run([...failing, '--data', publisher.dataDir])
  const id = String(failed.lines[0]?.['taskId'])
  const after = await bed.run(['task', 'logs', id, '--data', publisher.dataDir])
  assert.equal(after.code, 1)
  assert.match(after.stderr, /^failed: attempts: Command of fail ended with exit code 3$/m)
  const nobody = `${'0'.repeat(32)}-7`
  assert.equal((await bed.run(['task', 'logs', nobody, '--data', publisher.dataDir])).code, 3)
})

test('a command whose time is up is ended with all that it has started', async t => {
  await using bed = new Testbed()
  const line = await lifeline(t)
  const node = await bed.up('a', { args: ['--exec', `hold=${line.hold} ${family}`] })
  const flags = ['--timeout', '300ms', '--attempts', '1', '--wait', '--json']
  const run = await bed.run(['publish', 'hold', '0', ...flags, '--data', node.dataDir])
  await line.cut
  assert.equal(run.code, 1)
  assert.partialDeepStrictEqual(run.lines, [{ state: 'failed', reason: 'timeout' }])
})

test('a command whose node has slept for too long is ended, as another has the task', async t => {
  await using bed = new Testbed()
  const line = await lifeline(t)
  const log = bed.path('up.log')
  const lease = ['--lease', '1s']
  const slow = `${line.hold} echo up >> '${log}'; ${family}`
  const [publisher, sleeper] = await bed.mesh({
    publisher: { concurrency: 0, args: lease },
    sleeper: { args: [...lease, '--exec', `hold=${slow}`] },
  })
  assert.ok(publisher && sleeper)
  const waiting = bed.spawn([
    'publish',
    'hold',
    '0',
    '--wait',
    '--json',
    '--data',
    publisher.dataDir,
  ])
  await untilContains(log, 'up')
  sleeper.process.kill('SIGSTOP')
  const other = await bed.up('other', {
    args: [...lease, '--exec', 'hold=echo 7'],
    bootstrap: [publisher],
  })
  assert.deepEqual(await waiting.exited, { code: 0, signal: null })
  assert.partialDeepStrictEqual(waiting.lines, [{ result: 7, node: other.peerId }])
  sleeper.process.kill('SIGCONT')
  await line.cut
  await sleeper.process.when('its loss', ({ event }) => event === 'lease:lost', batchMs)
})

test('a second Ctrl-C ends commands at once', async () => {
  await using bed = new Testbed()
  const log = bed.path('pids.log')
  const command = `echo "$PPID $$" >> '${log}'; sleep 1000 & wait`
  const node = await bed.up('a', { args: ['--exec', `hold=${command}`] })
  const published = await bed.run(['publish', 'hold', '0', '--data', node.dataDir])
  assert.equal(published.code, 0, published.stderr)
  await untilContains(log, `${node.process.pid} `)
  node.process.kill('SIGINT')
  await node.process.said('finishing what runs', batchMs)
  node.process.kill('SIGINT')
  assert.deepEqual(await node.process.exited, { code: 130, signal: null })
})

test('an --exec that makes no sense ends with 2', async () => {
  await using bed = new Testbed()
  const cases: readonly (readonly [readonly string[], RegExp])[] = [
    [['--exec', 'resize'], /Expected QUEUE='COMMAND'/],
    [['--exec', '=true'], /Expected QUEUE='COMMAND'/],
    [['--exec', 'resize= '], /Expected QUEUE='COMMAND'/],
    [['--exec', 'a=true', '--exec', 'a=false'], /Queue a has a command already/],
  ]
  for (const [args, why] of cases) {
    const run = await bed.run(['up', '--no-mdns', ...args])
    assert.equal(run.code, 2, run.stderr)
    assert.match(run.stderr, why)
  }
})

test('a handler and a command of one queue are refused', async () => {
  await using bed = new Testbed()
  await writeFile(bed.path('a.mjs'), 'export const same = () => 1\n')
  const run = await bed.run(['up', '--no-mdns', bed.path('a.mjs'), '--exec', 'same=true'])
  assert.equal(run.code, 2, run.stderr)
  assert.match(run.stderr, /^error: Queue same has more than one handler$/m)
})

test('the example in Python counts words', { skip: lacksPython }, async () => {
  await using bed = new Testbed()
  const args = ['--exec', `word-count=python3 '${join(examples, 'word-count.py')}'`]
  const node = await bed.up('a', { args })
  const publish = ['publish', 'word-count', '--wait', '--json', '--attempts', '1']
  const good = await bed.run([...publish, '{"text":"to be or not to be"}', '--data', node.dataDir])
  assert.equal(good.code, 0, good.stderr)
  const common = [
    ['to', 2],
    ['be', 2],
    ['or', 1],
  ]
  assert.deepEqual(good.lines[0]?.['result'], { words: 6, common })
  const bad = await bed.run([...publish, '{"words":6}', '--data', node.dataDir])
  assert.equal(bad.code, 1)
  assert.match(String(bad.lines[0]?.['error']), /ended with exit code 1: expected \{"text"/)
})

test('the example in shell tells what it was given', async () => {
  await using bed = new Testbed()
  const args = ['--exec', `digest=sh '${join(examples, 'digest.sh')}'`]
  const node = await bed.up('a', { args })
  const bytes = randomBytes(100_000)
  await writeFile(bed.path('payload'), bytes)
  const publish = ['publish', 'digest', `@${bed.path('payload')}`, '--raw', '--wait', '--json']
  const run = await bed.run([...publish, '--data', node.dataDir])
  assert.equal(run.code, 0, run.stderr)
  const sha256 = createHash('sha256').update(bytes).digest('hex')
  assert.deepEqual(run.lines[0]?.['result'], { bytes: 100_000, sha256 })
})

test('the example in shell makes thumbnails', { skip: lacksMagick }, async () => {
  await using bed = new Testbed()
  const args = ['--exec', `thumbnail=sh '${join(examples, 'thumbnail.sh')}'`]
  const node = await bed.up('a', { args })
  const picture = PNG.sync.write(new PNG({ width: 320, height: 160 })).toString('base64')
  const run = await bed.run(
    ['publish', 'thumbnail', '-', '--wait', '--json', '--data', node.dataDir],
    { input: JSON.stringify(picture) },
  )
  assert.equal(run.code, 0, run.stderr)
  const { width, height } = PNG.sync.read(Buffer.from(String(run.lines[0]?.['result']), 'base64'))
  assert.deepEqual([width, height], [64, 32])
})
