import assert from 'node:assert/strict'
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { promisify } from 'node:util'
import { runScenario } from '../../src/simulator/scenario.ts'
import { sometimes } from '../../src/simulator/sometimes.ts'

const small = { tasks: 30, faultyMs: 20_000 } as const

test('a seed gives the same run every time, and another seed another', () => {
  for (const faults of ['none', 'chaos', 'swarm'] as const) {
    for (const seed of [3, 4]) {
      const [first, second] = [1, 2].map(() => runScenario({ ...small, seed, faults: [faults] }))
      assert.equal(first?.hash, second?.hash)
      assert.equal(first?.simulatedMs, second?.simulatedMs)
    }
    const hashes = [5, 6, 7].map(seed => runScenario({ ...small, seed, faults: [faults] }).hash)
    assert.equal(new Set(hashes).size, 3)
  }
})

test('a line of the trace is made for every input and effect, and changes nothing', () => {
  const lines: string[] = []
  const options = { ...small, seed: 8, faults: ['chaos'] } as const
  const traced = runScenario({ ...options, onTrace: line => lines.push(line) })
  assert.equal(traced.hash, runScenario(options).hash)
  assert.ok(lines.some(line => line.includes('<- ') && line.includes('CLAIMED ')))
  assert.deepEqual(traced.simulation.trace.lines(), lines.slice(-400))
})

test('the command prints a line per seed that any later run repeats', async () => {
  const run = async (): Promise<Record<string, unknown>[]> => {
    const args = [
      'scripts/simulate.ts',
      '--seed',
      '11',
      '--seeds',
      '2',
      '--faults',
      'crashes',
      '--json',
    ]
    const { stdout } = await promisify(execFile)(process.execPath, args)
    return stdout
      .trim()
      .split('\n')
      .map(line => JSON.parse(line) as Record<string, unknown>)
  }
  const [first, second, whole] = await run()
  const again = (await run()).slice(0, 2)
  assert.deepEqual(Object.keys(first ?? {}), [
    'seed',
    'hash',
    'simulatedMs',
    'wallMs',
    'violations',
    'tasks',
    'runs',
    'faults',
    'coverage',
  ])
  assert.deepEqual([first?.['seed'], second?.['seed']], [11, 12])
  assert.deepEqual(
    again.map(({ hash }) => hash),
    [first?.['hash'], second?.['hash']],
  )
  assert.match(String(first?.['hash']), /^[0-9a-f]{16}$/)
  assert.deepEqual(Object.keys(whole ?? {}), ['coverage', 'seeds'])
  assert.deepEqual(Object.keys(whole?.['coverage'] ?? {}), sometimes)
  assert.equal(whole?.['seeds'], 2)
})

test('a signal ends the command within a seed, and it prints what it has', async () => {
  const args = ['--faults', 'none', '--tasks', '100000', '--json']
  const child = spawn(process.execPath, ['scripts/simulate.ts', ...args])
  const closed = once(child, 'close')
  await setTimeout(4_000)
  child.kill('SIGINT')
  const killedAt = performance.now()
  const printed = await text(child.stdout)
  assert.deepEqual(await closed, [130, null])
  assert.ok(performance.now() - killedAt < 2_000, `${performance.now() - killedAt} ms`)
  assert.match(printed, /^\{"coverage":\{.*\},"seeds":0\}\n$/)
})

test('the command says the limits of what it is given', async () => {
  const cases = [
    [['--seed', '9'.repeat(20)], /--seed <n>.*9{20}.*from 0 to 9007199254740991/],
    [['--seed', '9007199254740991', '--seeds', '2'], /2 seeds from 9007199254740991 on go beyond/],
    [['--nodes', '2000'], /--nodes <n>.*2000.*from 1 to 200\./],
    [['--guests', '51'], /--guests <n>.*51.*from 0 to 50\./],
    [['--tasks', '100001'], /--tasks <n>.*100001.*from 1 to 100000\./],
  ] as const
  for (const [words, message] of cases) {
    const run = promisify(execFile)(process.execPath, ['scripts/simulate.ts', ...words])
    await assert.rejects(run, (error: Error & { code?: number; stderr?: string }) => {
      assert.equal(error.code, 2)
      assert.match(error.stderr ?? '', message)
      assert.equal(error.stderr?.trim().split('\n').length, 1)
      return true
    })
  }
})

test('a run in which nothing was published has not held', async () => {
  const run = promisify(execFile)(process.execPath, [
    'scripts/simulate.ts',
    '--seed',
    '1',
    '--ms',
    '5',
  ])
  await assert.rejects(
    run,
    (error: Error & { code?: number; stdout?: string; stderr?: string }) => {
      assert.equal(error.code, 1)
      assert.match(error.stdout ?? '', /0 tasks, 0 runs {2}EMPTY/)
      assert.match(error.stderr ?? '', /No task was published, .* as --ms 20s/)
      return true
    },
  )
})

test('the command exits with 2 and its usage for what it does not understand', async () => {
  const run = promisify(execFile)(process.execPath, ['scripts/simulate.ts', '--faults', 'frogs'])
  await assert.rejects(run, (error: Error & { code?: number; stderr?: string }) => {
    assert.equal(error.code, 2)
    assert.match(error.stderr ?? '', /no kind of fault called frogs; --faults help names all/)
    return true
  })
})
