import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { type JsonLine, Testbed } from '../e2e/processes.ts'

const quiet = ['--no-mdns', '--listen', '/ip4/127.0.0.1/tcp/0'] as const

function of(lines: readonly JsonLine[], check: string): JsonLine[] {
  return lines.filter(line => line['check'] === check)
}

test('the doctor asks the node that runs on the data directory', async () => {
  await using bed = new Testbed()
  const [a, b] = await bed.mesh({ a: {}, b: {} })
  assert.ok(a !== undefined && b !== undefined)
  const run = await bed.run(['doctor', '--json', ...quiet, '--data', b.dataDir])
  assert.equal(run.code, 0, JSON.stringify(run.lines))
  assert.match(String(of(run.lines, 'data')[0]?.['message']), /a node is running on .*\bb\b/)
  assert.equal(of(run.lines, 'peers')[0]?.['level'], 'ok')
  assert.match(String(of(run.lines, 'versions')[0]?.['message']), /2 nodes run version/)
  for (const line of run.lines) {
    assert.ok(['ok', 'warning', 'problem'].includes(String(line['level'])))
    assert.ok(line['level'] === 'ok' || typeof line['remedy'] === 'string')
  }
})

test('a corrupt data directory is one finding, and exit code 1', async () => {
  await using bed = new Testbed()
  const a = await bed.up('a')
  await a.process.end(0, 'SIGKILL')
  await writeFile(join(a.dataDir, 'meshwork.json'), '{')
  const run = await bed.run(['doctor', '--json', ...quiet, '--data', a.dataDir])
  assert.equal(run.code, 1, run.stderr)
  const [line, ...others] = of(run.lines, 'data')
  assert.deepEqual(others, [])
  assert.equal(line?.['level'], 'problem')
  assert.match(String(line?.['message']), /is corrupt: its file meshwork\.json is damaged/)
  assert.match(String(line?.['remedy']), /move it away/)
})

test('a secret that cannot be read is a mistake of the command line', async () => {
  await using bed = new Testbed()
  const run = await bed.run(['doctor', ...quiet, '--secret-file', bed.path('none')])
  assert.equal(run.code, 2)
  assert.match(run.stderr, /Secret file .* cannot be read/)
})

test('people get one line per finding, with what to do', () => {
  const root = join(import.meta.dirname, '..', '..')
  const cli = process.env['MESHWORK_CLI'] ?? join(root, 'dist', 'cli', 'main.js')
  const args = [cli, 'doctor', ...quiet, '--mesh', 'No Name']
  const { status, stdout } = spawnSync(process.execPath, args, { encoding: 'utf8' })
  assert.equal(status, 1)
  assert.match(
    stdout,
    /^problem {2}doctor: The name of a mesh must be .* → correct the options.*\n$/,
  )
})
