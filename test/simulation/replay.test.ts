import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { runScenario } from '../../src/simulator/scenario.ts'

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
  const [first, second] = await run()
  const again = await run()
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
})

test('the command exits with 2 and its usage for what it does not understand', async () => {
  const run = promisify(execFile)(process.execPath, ['scripts/simulate.ts', '--faults', 'frogs'])
  await assert.rejects(run, (error: Error & { code?: number; stderr?: string }) => {
    assert.equal(error.code, 2)
    assert.match(error.stderr ?? '', /no kind of fault called frogs; --faults help names all/)
    return true
  })
})
