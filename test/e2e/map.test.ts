import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { batchMs, cli, type Run, Testbed, untilContains, type UpNode } from './processes.ts'

/** Why there is no terminal to be had, or `false`. */
const lacksScript =
  spawnSync('script', ['--version']).status === 0 ? false : 'script is not on this machine'

const allow = { args: ['--allow-run'], concurrency: 2 }

/** Words of a `map` that goes through a node. */
function mapOn(node: UpNode, ...words: readonly string[]): string[] {
  return ['map', '--data', node.dataDir, ...words]
}

function linesOf(text: string): string[] {
  return text.split('\n').slice(0, -1)
}

function assertOutput(run: Run, code: number, lines: readonly string[]): void {
  assert.equal(run.code, code, run.stderr)
  assert.deepEqual(linesOf(run.stdout).toSorted(), lines.toSorted())
}

/** A node that only publishes, and two that run commands. */
async function threeNodes(bed: Testbed): Promise<[UpNode, UpNode, UpNode]> {
  const nodes = await bed.mesh({ here: { concurrency: 0 }, one: allow, two: allow })
  return nodes as [UpNode, UpNode, UpNode]
}

test('a command is run for each argument, from the command line or from stdin', async () => {
  await using bed = new Testbed()
  const [here, one, two] = await threeNodes(bed)
  const words = ['echo', '{} {.} {/} {#}', ':::', 'a/b.c', "it's $HOME;", 'x*']
  assertOutput(await bed.run(mapOn(here, ...words)), 0, [
    'a/b.c a/b b.c 1',
    "it's $HOME; it's $HOME; it's $HOME; 2",
    'x* x* x* 3',
  ])
  const ordered = await bed.run(mapOn(here, '-k', 'echo', ':::', 'b', 'a', ':::', '2', '1'))
  assert.deepEqual(linesOf(ordered.stdout), ['b 2', 'b 1', 'a 2', 'a 1'])

  const input = Array.from({ length: 40 }, (_, i) => `${i}\n`).join('')
  const json = await bed.run(mapOn(here, '--json', '--keep-order', 'echo'), { input })
  assert.equal(json.code, 0, json.stderr)
  assert.deepEqual(
    json.lines.map(({ seq, args, command, stdout, code }) => [seq, args, command, stdout, code]),
    Array.from({ length: 40 }, (_, i) => [i + 1, [String(i)], `echo ${i}`, `${i}\n`, 0]),
  )
  const workers = new Set(json.lines.map(({ node }) => node))
  assert.ok([...workers].every(node => node === one.peerId || node === two.peerId))

  const alone = await bed.run(mapOn(here, ':::', 'echo a; echo b', 'echo c'))
  assertOutput(alone, 0, ['a', 'b', 'c'])
  assertOutput(await bed.run(mapOn(here, '--dry-run', 'wc -c {}', ':::', 'a b')), 0, [
    "wc -c 'a b'",
  ])
  assertOutput(await bed.run(mapOn(here, 'echo', ':::')), 0, [])
})

test(
  'a terminal shows how far a map is, and nothing else does',
  { skip: lacksScript },
  async () => {
    await using bed = new Testbed()
    const node = await bed.up('a', allow)
    const words = mapOn(node, 'echo said {}', ':::', '1', '2', '3')
    const piped = await bed.run(words)
    assert.equal(piped.stderr, '')
    // Without a size, as terminals within others may be, and with one.
    for (const before of ['', 'stty cols 80 rows 24; ']) {
      const line = `${before}${[process.execPath, cli, ...words].map(word => `'${word}'`).join(' ')}`
      const { stdout } = spawnSync('script', ['-qec', line, '/dev/null'], {
        encoding: 'utf8',
        input: '',
        cwd: bed.path('empty'),
        env: { ...process.env, MESHWORK_SECRET: '' },
      })
      assert.match(stdout, /█+░* \d+% \d\/3.*left/)
      assert.match(stdout, /100% 3\/3/)
      for (const word of ['said 1', 'said 2', 'said 3']) assert.ok(stdout.includes(word), stdout)
    }
  },
)

test('outputs do not mix, and come in order where that is asked for', async () => {
  await using bed = new Testbed()
  const [here] = await threeNodes(bed)
  const gate = bed.path('gate')
  // The first one ends last.
  const script = `seq 1 2000; echo {} a; test {} != 1 || until test -e '${gate}'; do sleep 0.05; done; echo {} b`
  const log = bed.path('joblog')
  const run = bed.spawn(mapOn(here, '-k', '--joblog', log, script, ':::', '1', '2', '3'))
  await untilContains(log, '; echo 2 b\n')
  await untilContains(log, '; echo 3 b\n')
  assert.equal(run.stdout, '')
  await writeFile(gate, '')
  assert.deepEqual(await run.exited, { code: 0, signal: null })
  const numbers = Array.from({ length: 2_000 }, (_, i) => String(i + 1))
  const expected = ['1', '2', '3'].flatMap(arg => [...numbers, `${arg} a`, `${arg} b`])
  assert.deepEqual(linesOf(run.stdout), expected)
})

test('a job log tells what has run, and what has failed is run again', async () => {
  await using bed = new Testbed()
  const [here] = await threeNodes(bed)
  const [log, mended] = [bed.path('joblog'), bed.path('mended')]
  const script = `echo {}; test {} != b || test -e '${mended}' || exit 3`
  const first = await bed.run(mapOn(here, '--joblog', log, script, ':::', 'a', 'b', 'c'))
  assertOutput(first, 1, ['a', 'b', 'c'])
  const [header = '', ...rows] = linesOf(await readFile(log, 'utf8'))
  assert.equal(
    header.split('\t').join(' '),
    'Seq Host Starttime JobRuntime Send Receive Exitval Signal Command',
  )
  const columns = rows.map(row => row.split('\t')).toSorted(([a], [b]) => Number(a) - Number(b))
  assert.deepEqual(
    columns.map(([seq, , , , , , exit, signal]) => [seq, exit, signal]),
    [
      ['1', '0', '0'],
      ['2', '3', '0'],
      ['3', '0', '0'],
    ],
  )
  assert.ok(columns.every(([, host, start]) => host?.startsWith('12D3') && Number(start) > 1e9))

  const again = ['--resume-failed', '--joblog', log, script, ':::', 'a', 'b', 'c', 'd']
  await writeFile(mended, '')
  assertOutput(await bed.run(mapOn(here, ...again)), 0, ['b', 'd'])
  assertOutput(await bed.run(mapOn(here, ...again)), 0, [])
  assert.equal(linesOf(await readFile(log, 'utf8')).length, 1 + 3 + 2)
  const resumed = ['--resume', '--joblog', log, script, ':::', 'a', 'b', 'c', 'd', 'e']
  assertOutput(await bed.run(mapOn(here, ...resumed)), 0, ['e'])
})

test('what fails is tried again, and a map that may give up does', async () => {
  await using bed = new Testbed()
  const [here] = await threeNodes(bed)
  const third = 'echo {} $MESHWORK_ATTEMPT; test $MESHWORK_ATTEMPT -ge {}'
  assertOutput(await bed.run(mapOn(here, '--retries', '3', third, ':::', '1', '3')), 0, [
    '1 1',
    '3 3',
  ])
  assertOutput(await bed.run(mapOn(here, '--retries', '2', third, ':::', '1', '3')), 1, [
    '1 1',
    '3 2',
  ])

  const hold = 'test {} = bad && exit 1; sleep 1000'
  const args = [':::', 'bad', ...Array.from({ length: 20 }, (_, i) => `good${i}`)]
  const now = await bed.run(mapOn(here, '--halt', 'now,fail=1', hold, ...args))
  assertOutput(now, 1, [])
  assert.match(now.stderr, /^halt: 1 failed, 0 succeeded; ending what runs$/m)
})

test('a map that gives up soon lets end what runs', async () => {
  await using bed = new Testbed()
  const [here] = await threeNodes(bed)
  const [gate, log] = [bed.path('gate'), bed.path('log')]
  // Four run at the same time, and the rest waits.
  const good = `echo {} >> '${log}'; until test -e '${gate}'; do sleep 0.05; done; echo {}`
  const script = `test {} != bad || { until test -e '${gate}.bad'; do sleep 0.05; done; exit 1; }; ${good}`
  const args = ['bad', ...Array.from({ length: 30 }, (_, i) => `good${i}`)]
  const run = bed.spawn(mapOn(here, '--halt', 'soon,fail=1', script, ':::', ...args))
  await untilContains(log, 'good')
  await writeFile(`${gate}.bad`, '')
  await run.said('waiting for what runs', batchMs)
  const isCancelled = ({ event }: { event?: unknown }): boolean => event === 'task:cancelled'
  await here.process.when('the rest is cancelled', isCancelled, batchMs)
  await writeFile(gate, '')
  assert.deepEqual(await run.exited, { code: 1, signal: null })
  const ended = linesOf(run.stdout)
  assert.ok(ended.length >= 1 && ended.length < 30, run.stdout)
})

test('Ctrl-C ends all that a map has published', async () => {
  await using bed = new Testbed()
  const [here] = await threeNodes(bed)
  const log = bed.path('log')
  const args = Array.from({ length: 2_000 }, (_, i) => String(i))
  const run = bed.spawn(mapOn(here, `echo x >> '${log}'; sleep 1000`, ':::', ...args))
  await untilContains(log, 'x\nx\nx\nx\n')
  run.kill('SIGINT')
  assert.deepEqual(await run.exited, { code: 130, signal: null })
  const isLast = ({ taskId, event }: { taskId?: unknown; event?: unknown }): boolean =>
    event === 'task:cancelled' && String(taskId).endsWith('-1999')
  await here.process.when('the last one is cancelled', isLast, batchMs)
  const left = await bed.run(['task', 'ls', '--json', '--state', 'pending', '--data', here.dataDir])
  assert.deepEqual(left.lines, [])
})

test('files travel to where they are needed, and back', async () => {
  await using bed = new Testbed()
  const [here] = await threeNodes(bed)
  const cwd = bed.path('project')
  await mkdir(join(cwd, 'src'), { recursive: true })
  const common = 'common\n'.repeat(50_000)
  await writeFile(join(cwd, 'common'), common)
  const names = Array.from({ length: 12 }, (_, i) => `src/${i}.in`)
  for (const [i, name] of names.entries()) {
    // Half of them have the same content.
    await writeFile(join(cwd, name), i % 2 === 0 ? 'same' : `own ${i}`)
  }
  const flags = ['--send', 'common', '--send', '{}', '--return', '{.}.out', '--joblog', 'log']
  const script = 'cat common {} > {.}.out; chmod 755 {.}.out'
  const run = await bed.run(mapOn(here, ...flags, script, ':::', ...names), { cwd })
  assertOutput(run, 0, [])
  for (const [i, name] of names.entries()) {
    const file = join(cwd, name.replace('.in', '.out'))
    assert.equal(await readFile(file, 'utf8'), `${common}${i % 2 === 0 ? 'same' : `own ${i}`}`)
    assert.equal((await stat(file)).mode & 0o777, 0o755)
  }
  const rows = linesOf(await readFile(join(cwd, 'log'), 'utf8')).slice(1)
  const sent = rows.map(row => Number(row.split('\t')[4]) - common.length)
  assert.equal(
    sent.reduce((sum, bytes) => sum + bytes),
    6 * 4 + 5 * 5 + 6,
  )
})

test('a map goes on when a node is killed', async () => {
  await using bed = new Testbed()
  const [here, one, two] = await threeNodes(bed)
  const gate = bed.path('gate')
  const args = Array.from({ length: 12 }, (_, i) => String(i))
  const script = `until test -e '${gate}'; do sleep 0.05; done; echo {}`
  const run = bed.spawn(mapOn(here, '--json', script, ':::', ...args))
  const claims = ({ event }: { event?: unknown }): boolean => event === 'task:claimed'
  await one.process.when('a claim', claims, batchMs)
  await two.process.when('a claim', claims, batchMs)
  one.process.kill('SIGKILL')
  await writeFile(gate, '')
  assert.deepEqual(await run.exited, { code: 0, signal: null })
  assert.deepEqual(run.lines.map(({ stdout }) => String(stdout).trim()).toSorted(), args.toSorted())
})

test('what makes no sense is one clear line', async () => {
  await using bed = new Testbed()
  const [idle, node] = await bed.mesh({ idle: {}, node: allow })
  assert.ok(idle && node)
  const cwd = bed.path('project')
  await mkdir(cwd)
  await writeFile(join(cwd, 'a'), '')
  const cases: readonly (readonly [readonly string[], RegExp])[] = [
    [['--send', '{}', 'cat', ':::', 'a', 'b'], /^error: --send: there is no file b\n$/],
    [['--send', '{}', 'cat', ':::', 'a', '../a'], /^error: --send: \.\.\/a leads out .*\n$/],
    [['--return', '{//}/../x', 'cat', ':::', 'a'], /^error: --return: \.\/\.\.\/x leads out .*\n$/],
    [['--halt', 'tomorrow', 'cat', ':::', 'a'], /^error: .*Expected never, or such as .*\n$/],
    [['--resume', 'cat', ':::', 'a'], /^error: --resume and --resume-failed need --joblog .*\n$/],
    [['--joblog', 'no/log', 'cat', ':::', 'a'], /^error: --joblog: no\/log cannot be used: .*\n$/],
  ]
  for (const [words, said] of cases) {
    const run = await bed.run(mapOn(node, ...words), { cwd })
    assertOutput(run, 2, [])
    assert.match(run.stderr, said)
  }
  const listed = await bed.run(['task', 'ls', '--json', '--data', node.dataDir])
  assert.deepEqual(listed.lines, [], 'nothing was published')

  const absent = await bed.run(mapOn(node, 'no-such-program', ':::', '1', '2', '3'))
  assertOutput(absent, 1, [])
  assert.equal(absent.stderr.match(/^error: .* was not found on node 12D3\w+$/gm)?.length, 1)

  node.process.kill('SIGTERM')
  await node.process.exited
  const refused = await bed.run(mapOn(idle, '--wait-timeout', '500ms', 'cat', ':::', 'a'))
  assertOutput(refused, 4, [])
  assert.match(refused.stderr, /^error: No node of this mesh runs commands of others; .*\n$/)
})
