import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { callSite, rerunCommand, userPlace } from '../../src/testing/rerun.ts'

const testing = pathToFileURL(join(import.meta.dirname, '../../src/testing/index.ts')).href

const files = {
  'helper.mjs': `
    import { createTestCluster } from '${testing}'
    export const make = async () => createTestCluster({ nodes: 1 })
  `,
  // Fails by an assertion of its own, which knows nothing of the cluster.
  'own (b).test.mjs': `
    import assert from 'node:assert/strict'
    import { test } from 'node:test'
    import { make } from './helper.mjs'
    test('has a node too few', async () => {
      const c = await make()
      assert.equal(c.size, Number(process.env.NODES))
    })
  `,
  'fuzz.test.mjs': `
    import { test } from 'node:test'
    import { fuzz } from '${testing}'
    test('fails at the third seed', () =>
      fuzz({ nodes: 1, seed: 1, runs: 5, faults: ['loss'] }, async c => {
        console.log('tries ' + c.seed + ';')
        if (c.seed === 3) throw new RangeError('the third is bad')
      }))
  `,
}

describe('how to run a failed test again', () => {
  let folder = ''

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'meshwork rerun-'))
    for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text)
  })
  after(() => rm(folder, { recursive: true, force: true }))

  /** Runs a file's tests in a process of their own, and gives all that it writes. */
  function run(file: string, given: NodeJS.ProcessEnv = {}): Promise<string> {
    const { NODE_TEST_CONTEXT: _, MESHWORK_SEED: __, ...env } = process.env
    const options = { cwd: folder, env: { ...env, ...given } }
    return new Promise(resolve => {
      execFile(process.execPath, ['--test', file], options, (_error, stdout, stderr) => {
        resolve(stdout + stderr)
      })
    })
  }

  test('is told of a seed drawn at random, by where it was drawn, if a test fails', async () => {
    const told = await run('own (b).test.mjs', { NODES: '2' })
    const line = /own \(b\)\.test\.mjs:6: MESHWORK_SEED=\d+ node --test 'own \(b\)\.test\.mjs'\s/
    assert.match(told, line)
  })

  test('is not told if none fails, nor of a seed that was given', async () => {
    const passed = await run('own (b).test.mjs', { NODES: '1' })
    assert.match(passed, /pass 1/)
    assert.doesNotMatch(passed, /MESHWORK_SEED/)
    const given = await run('own (b).test.mjs', { NODES: '2', MESHWORK_SEED: '7' })
    assert.match(given, /fail 1/)
    assert.doesNotMatch(given, /MESHWORK_SEED/)
  })

  test('repeats the very cluster that fuzz has failed with, though the test gives a seed', async () => {
    const first = await run('fuzz.test.mjs')
    assert.match(first, /tries 1;[^]*tries 2;[^]*tries 3;/)
    assert.match(first, /again: MESHWORK_SEED=3 node --test fuzz\.test\.mjs/)
    const again = await run('fuzz.test.mjs', { MESHWORK_SEED: '3' })
    assert.match(again, /the third is bad/)
    assert.doesNotMatch(again, /tries [12];/)
  })

  test('is refused with a seed that is none, and not with an empty one', async () => {
    const told = await run('fuzz.test.mjs', { MESHWORK_SEED: 'abc' })
    assert.match(
      told,
      /MESHWORK_SEED must be an integer from 0 to 9007199254740991, not abc; unset/,
    )
    assert.match(await run('fuzz.test.mjs', { MESHWORK_SEED: '' }), /tries 2;/)
  })

  test('is a command of a shell, whatever the file is called', () => {
    const command = (file: string): string => rerunCommand(5, file)
    assert.equal(command('test/a-b.test.ts'), 'MESHWORK_SEED=5 node --test test/a-b.test.ts')
    assert.equal(command(`it's.test.ts`), `MESHWORK_SEED=5 node --test 'it'\\''s.test.ts'`)
    // To the test runner this is a pattern, which matches i.test.ts.
    assert.equal(command('[id].test.ts'), `MESHWORK_SEED=5 node '[id].test.ts'`)
    assert.equal(rerunCommand(5, undefined), 'MESHWORK_SEED=5 node --test')
  })

  test('finds the line of the test in a stack: the outermost of the user', () => {
    const stack = [
      'Error: where',
      `    at callSite (${testing.replace('index', 'rerun')}:63:17)`,
      '    at make (file:///srv/my%20tests/helper%20(1).mjs:2:44)',
      '    at async /srv/my tests/a (b).test.mjs:7:12',
      '    at async run (file:///srv/node_modules/vitest/dist/run.js:2864:20)',
      '    at async Test.run (node:internal/test_runner/test:1125:7)',
    ].join('\n')
    assert.match(callSite(stack).line ?? '', /my tests\/a \(b\)\.test\.mjs:7$/)
    assert.equal(userPlace(stack), '/srv/my tests/helper (1).mjs:2:44')
  })
})
