import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { mkdir, readFile, stat, writeFile } from 'node:fs/promises'
import { test } from 'node:test'
import { batchMs, type Run, Testbed, untilContains, type UpNode } from './processes.ts'

const allow = { args: ['--allow-run'] }

/** Words of a `run` that goes through a node. */
function runOn(node: UpNode, ...words: readonly string[]): string[] {
  return ['run', '--data', node.dataDir, ...words]
}

function assertRun(run: Run, code: number, stdout: string, stderr: RegExp = /^$/): void {
  assert.deepEqual([run.code, run.stdout], [code, stdout], run.stderr)
  assert.match(run.stderr, stderr)
}

test('a command runs on another node, and its output and exit code come back', async () => {
  await using bed = new Testbed()
  const [here, there] = await bed.mesh({ here: { concurrency: 0 }, there: allow })
  assert.ok(here && there)

  const script = 'echo out; echo err >&2; exit 7'
  assertRun(await bed.run(runOn(here, '--', 'sh', '-c', script)), 7, 'out\n', /^err\n$/)
  // Several words are the command's as they are; a single one is for the shell.
  const words = ['printf', '%s|', 'a b', '$HOME', "it's", '*']
  assertRun(await bed.run(runOn(here, ...words)), 0, "a b|$HOME|it's|*|")
  assertRun(await bed.run(runOn(here, 'echo $((6 * 7)) | cat')), 0, '42\n')
  assertRun(await bed.run(runOn(here, '--', 'sh', '-c', 'kill -9 $$; true')), 137, '', /Killed|^$/)
  assertRun(await bed.run(runOn(here, 'cat; pwd | grep -c work')), 0, '1\n')

  const json = await bed.run(runOn(here, '--json', script))
  assert.equal(json.code, 7)
  const { peerId: node } = there
  assert.partialDeepStrictEqual(json.lines, [
    { state: 'done', code: 7, signal: null, node, attempt: 1, stdout: 'out\n', stderr: 'err\n' },
  ])

  const guest = ['run', '--no-mdns', '--bootstrap', String(there.addresses[0]), '--', 'sh', '-c']
  assertRun(await bed.run([...guest, script]), 7, 'out\n', /^err\n$/)
})

test('output is shown while the command runs', async () => {
  await using bed = new Testbed()
  const node = await bed.up('a', allow)
  const gate = bed.path('gate')
  const loop = `echo first; until test -e '${gate}'; do sleep 0.05; done; echo second`
  const run = bed.spawn(runOn(node, loop))
  await run.printed('first\n', batchMs)
  assert.equal(run.stdout, 'first\n')
  await writeFile(gate, '')
  assert.deepEqual(await run.exited, { code: 0, signal: null })
  assert.equal(run.stdout, 'first\nsecond\n')
})

test('much output comes whole and in order', async () => {
  await using bed = new Testbed()
  const [here] = await bed.mesh({ here: { concurrency: 0 }, there: allow })
  assert.ok(here)
  const hash = (text: string): string => createHash('sha256').update(text).digest('hex')
  const all = Array.from({ length: 1_000_000 }, (_, i) => `${i + 1}\n`).join('')
  const run = await bed.run(runOn(here, 'seq 1 1000000; seq 1 20000 >&2'))
  assert.equal(run.code, 0)
  assert.equal(run.stdout.length, all.length)
  assert.equal(hash(run.stdout), hash(all))
  assert.ok(run.stderr.endsWith('19999\n20000\n'))
})

test('Ctrl-C goes to the command, which says how it ends', async () => {
  await using bed = new Testbed()
  const [here] = await bed.mesh({ here: { concurrency: 0 }, there: allow })
  assert.ok(here)
  const trap = 'trap "echo cleaned; exit 5" INT; echo ready; sleep 1000 & wait'
  const run = bed.spawn(runOn(here, trap))
  await run.printed('ready', batchMs)
  run.kill('SIGINT')
  assert.deepEqual(await run.exited, { code: 5, signal: null })
  assert.equal(run.stdout, 'ready\ncleaned\n')

  const other = bed.spawn(runOn(here, 'echo ready; sleep 1000'))
  await other.printed('ready', batchMs)
  other.kill('SIGTERM')
  assert.deepEqual(await other.exited, { code: 143, signal: null })
})

test('a second Ctrl-C ends the wait, and the command that does not listen', async () => {
  await using bed = new Testbed()
  const [here, there] = await bed.mesh({ here: { concurrency: 0 }, there: allow })
  assert.ok(here && there)
  const deaf = 'trap "echo no" INT; trap "" TERM; echo $$; while :; do sleep 0.1; done'
  const run = bed.spawn(runOn(here, deaf))
  await run.printed('\n', batchMs)
  const shell = Number(run.stdout)
  run.kill('SIGINT')
  await run.printed('no\n', batchMs)
  run.kill('SIGINT')
  assert.deepEqual(await run.exited, { code: 130, signal: null })
  await there.process.said('it was killed', batchMs)
  assert.throws(() => process.kill(shell, 0), { code: 'ESRCH' })
})

test('Ctrl-C cancels a command that has not begun', async () => {
  await using bed = new Testbed()
  const one = { ...allow, concurrency: 1 }
  const [here] = await bed.mesh({ here: { concurrency: 0 }, there: one })
  assert.ok(here)
  const first = bed.spawn(runOn(here, 'echo up; sleep 1000'))
  await first.printed('up', batchMs)
  const second = bed.spawn(runOn(here, 'echo up'))
  const list = ['task', 'ls', '--json', '--state', 'pending', '--data', here.dataDir]
  const signal = AbortSignal.timeout(batchMs)
  while ((await bed.run(list)).lines.length === 0) signal.throwIfAborted()
  second.kill('SIGINT')
  assert.deepEqual(await second.exited, { code: 130, signal: null })
  assert.deepEqual([second.stdout, second.stderr], ['', ''])
  first.kill('SIGINT')
  assert.deepEqual(await first.exited, { code: 130, signal: null })
})

test('a command whose user has gone is ended', async () => {
  await using bed = new Testbed()
  const [here, there] = await bed.mesh({ here: { concurrency: 0 }, there: allow })
  assert.ok(here && there)
  const run = bed.spawn(runOn(here, 'echo $$; sleep 1000'))
  await run.printed('\n', batchMs)
  run.kill('SIGKILL')
  const isCancelled = ({ event }: { event?: unknown }): boolean => event === 'task:cancelled'
  await here.process.when('the task is cancelled', isCancelled, batchMs)
})

test('a command whose node is killed goes on elsewhere, and nothing is shown twice', async () => {
  await using bed = new Testbed()
  const [here, first] = await bed.mesh({ here: { concurrency: 0 }, first: allow })
  assert.ok(here && first)
  const [gate, log] = [bed.path('gate'), bed.path('log')]
  const wait = `echo x >> '${log}'; until test -e '${gate}'; do sleep 0.05; done`
  const same = bed.spawn(runOn(here, `echo begun; ${wait}; echo over`))
  const other = bed.spawn(runOn(here, `echo $$ begun; ${wait}; echo over`))
  await same.printed('begun', batchMs)
  await other.printed('begun', batchMs)
  first.process.kill('SIGKILL')
  await bed.up('second', { ...allow, bootstrap: [here] })
  await untilContains(log, 'x\nx\nx\nx\n')
  await writeFile(gate, '')
  assert.deepEqual(await same.exited, { code: 0, signal: null })
  assert.equal(same.stdout, 'begun\nover\n')

  // What has been written otherwise cannot be taken back: it is said that all comes again.
  assert.deepEqual(await other.exited, { code: 0, signal: null })
  assert.match(other.stdout, /^\d+ begun\n\d+ begun\nover\n$/)
  assert.match(other.stderr, /^warning: another node has run the command again; all .* follows$/m)
})

test('a command is tried again, ended in time, and placed by labels', async () => {
  await using bed = new Testbed()
  const [here, , gpu] = await bed.mesh({
    here: { concurrency: 0 },
    plain: allow,
    gpu: { args: ['--allow-run', '--label', 'gpu=2'] },
  })
  assert.ok(here && gpu)
  const third = 'echo try $MESHWORK_ATTEMPT; test $MESHWORK_ATTEMPT = 3'
  const tried = await bed.run(runOn(here, '--json', '--retries', '3', third))
  assert.equal(tried.code, 0, tried.stderr)
  assert.partialDeepStrictEqual(tried.lines, [{ attempt: 3, stdout: 'try 3\n' }])
  const twice = await bed.run(runOn(here, '--json', '--retries', '2', `${third} || exit 9`))
  assert.equal(twice.code, 9)
  assert.partialDeepStrictEqual(twice.lines, [{ attempt: 2, stdout: 'try 2\n' }])

  const late = await bed.run(runOn(here, '--timeout', '300ms', 'echo begun; sleep 1000'))
  assertRun(late, 124, 'begun\n', /^error: .*: it was ended since its time was up$/m)

  const placed = await bed.run(runOn(here, '--json', '--requires', 'gpu=2', 'true'))
  assert.partialDeepStrictEqual(placed.lines, [{ code: 0, node: gpu.peerId }])
  const nowhere = ['--requires', 'gpu=3', '--wait-timeout', '500ms', 'true']
  assertRun(await bed.run(runOn(here, ...nowhere)), 4, '', /^error: No node .* gpu=3 .*\n$/)
})

test('files are sent and given back, with their modes, below the working folders', async () => {
  await using bed = new Testbed()
  const [here] = await bed.mesh({ here: { concurrency: 0 }, there: allow })
  assert.ok(here)
  const cwd = bed.path('project')
  await mkdir(`${cwd}/lib/inner`, { recursive: true })
  await writeFile(`${cwd}/run.sh`, '#!/bin/sh\ncat lib/a lib/inner/b > out/both\n', { mode: 0o755 })
  await writeFile(`${cwd}/lib/a`, 'a'.repeat(200_000))
  await writeFile(`${cwd}/lib/inner/b`, 'b', { mode: 0o600 })
  const flags = ['--send', 'run.sh', '--send', 'lib/', '--return', 'out/both', '--return', 'x']
  const script =
    'mkdir out; ./run.sh; echo "#!" > x; chmod 750 x; stat -c "%a %n" $(find lib -type f)'
  const run = await bed.run(runOn(here, ...flags, script), { cwd })
  assert.equal(run.code, 0, run.stderr)
  assert.deepEqual(run.stdout.trim().split('\n').toSorted(), ['600 lib/inner/b', '644 lib/a'])
  assert.equal(await readFile(`${cwd}/out/both`, 'utf8'), `${'a'.repeat(200_000)}b`)
  assert.equal((await stat(`${cwd}/x`)).mode & 0o777, 0o750)

  const missing = await bed.run(runOn(here, '--return', 'absent', 'true'), { cwd })
  assertRun(missing, 1, '', /^error: true: it left no file absent, which was to be returned\n$/)
})

test('what cannot be done is one clear line', async () => {
  await using bed = new Testbed()
  const [idle, node] = await bed.mesh({ idle: {}, node: allow })
  assert.ok(idle && node)
  const cases: readonly (readonly [readonly string[], number, RegExp])[] = [
    [['--send', 'nothing', 'true'], 2, /^error: --send: there is no file nothing\n$/],
    [
      ['--send', '../x', 'true'],
      2,
      /^error: --send: \.\.\/x leads out of the working folder; .*\n$/,
    ],
    [['--send', '/etc/passwd', 'true'], 2, /^error: --send: \/etc\/passwd leads out .*\n$/],
    [['--return', 'a/../../x', 'true'], 2, /^error: --return: a\/\.\.\/\.\.\/x leads out .*\n$/],
    [['--retries', '0', 'true'], 2, /^error: .*Expected a whole number of at least 1\.\n$/],
    [[], 2, /^error: missing required argument 'command'\n$/],
  ]
  for (const [words, code, said] of cases)
    assertRun(await bed.run(runOn(node, ...words)), code, '', said)

  const absent = await bed.run(runOn(node, 'no-such-program'))
  assertRun(absent, 127, '', /^error: no-such-program: it was not found on node 12D3\w+\n$/m)

  node.process.kill('SIGTERM')
  await node.process.exited
  const refused = await bed.run(runOn(idle, '--wait-timeout', '500ms', 'true'))
  const remedy = /^error: No node of this mesh runs commands of others; .*up --allow-run\n$/
  assertRun(refused, 4, '', remedy)
})
