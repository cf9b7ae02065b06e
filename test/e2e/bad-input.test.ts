import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { once } from 'node:events'
import { join } from 'node:path'
import { test } from 'node:test'
import { patienceMs, Testbed, workHandlers, type Run } from './processes.ts'

/** Asserts that a command has ended with a code and one line that says why. */
function assertRefused(run: Run, code: number, why: RegExp): void {
  const errors = run.stderr.split('\n').filter(line => line.startsWith('error: '))
  assert.equal(run.code, code, run.stderr)
  assert.equal(errors.length, 1, run.stderr)
  assert.match(errors[0] ?? '', why)
  assert.doesNotMatch(run.stderr, /^\s+at /m, 'no stack')
}

/** Runs an `up` that is expected to refuse. */
async function refusedUp(bed: Testbed, name: string, args: readonly string[]): Promise<Run> {
  const process = bed.spawnUp(bed.path(name), { args })
  const exit = await process.exited
  const { lines, stdout, stderr } = process
  return { ...exit, lines, stdout, stderr }
}

test('a command line that makes no sense ends with 2', async () => {
  await using bed = new Testbed()
  const cases: readonly (readonly [readonly string[], RegExp])[] = [
    [['levitate'], /unknown command 'levitate'/],
    [['publish'], /missing required argument 'queue'/],
    [['publish', 'echo', '1', '--colour'], /unknown option '--colour'/],
    [['publish', 'echo', '{oops'], /The input is not JSON/],
    [['publish', 'echo', '@no-such-file'], /no-such-file cannot be read/],
    [['publish', 'echo', '1', '--delay', 'soon'], /Expected a duration/],
    [['publish', 'echo', '1', '--priority', 'high'], /Expected a whole number/],
    [['up', 'no-such-folder'], /There are no handlers at no-such-folder/],
    [['up', '--concurrency', 'many'], /Expected a whole number/],
    [['up', '--concurrency', 'echo=0'], /Expected a whole number of at least 1/],
    [['up', '--no-mdns', '--concurrency', 'echo=2'], /echo, which this node does not serve/],
    [['up', '--handler-memory', '0'], /Expected a whole number of at least 1/],
    [['up', '--secret-file', 'no-such-file'], /no-such-file cannot be read/],
    [['up', '--listen', 'somewhere'], /somewhere/],
    [['task', 'ls', '--state', 'bored'], /Expected one of pending/],
  ]
  for (const [args, why] of cases) assertRefused(await bed.run(args), 2, why)
})

test('a secret that is too short to be one is refused', async () => {
  await using bed = new Testbed()
  const run = await bed.run(['up', '--no-mdns'], { env: { MESHWORK_SECRET: 'hunter2' } })
  assertRefused(run, 2, /secret/i)
})

test('a new secret is long, and another one each time', async () => {
  await using bed = new Testbed()
  const [one, two] = [await bed.run(['secret', '--json']), await bed.run(['secret', '--json'])]
  const secrets = [one, two].map(run => String(run.lines[0]?.['secret']))
  assert.ok(secrets.every(secret => Buffer.from(secret, 'base64url').length === 32))
  assert.equal(new Set(secrets).size, 2)
})

test('handlers that cannot be loaded are named', async () => {
  await using bed = new Testbed()
  await writeFile(bed.path('throws.mjs'), "throw new Error('the moon is\\nnot full')\n")
  await writeFile(bed.path('broken.mjs'), 'export function (\n')
  assertRefused(
    await refusedUp(bed, 'a', [bed.path('throws.mjs')]),
    1,
    /throws\.mjs.*the moon is not full/,
  )
  assertRefused(await refusedUp(bed, 'b', [bed.path('broken.mjs')]), 1, /broken\.mjs/)
})

test('a port in use is named', async () => {
  await using bed = new Testbed()
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  try {
    const address = server.address()
    assert.ok(typeof address === 'object' && address !== null)
    const listen = `/ip4/127.0.0.1/tcp/${address.port}`
    const run = await refusedUp(bed, 'a', ['--listen', listen])
    assertRefused(run, 1, new RegExp(String(address.port)))
  } finally {
    server.close()
  }
})

test('a data directory serves one node at a time', async () => {
  await using bed = new Testbed()
  const node = await bed.up('a')
  assertRefused(await refusedUp(bed, 'a', []), 1, /in use|locked|another/i)
  assert.equal((await bed.run(['node', 'ls', '--json', '--data', node.dataDir])).code, 0)
})

test('a data directory of a newer version is refused', async () => {
  await using bed = new Testbed()
  const node = await bed.up('a')
  await node.process.end(patienceMs)
  const file = join(node.dataDir, 'meshwork.json')
  const identity = JSON.parse(await readFile(file, 'utf8')) as object
  assert.ok('format' in identity)
  await writeFile(file, JSON.stringify({ ...identity, format: 999 }))
  assertRefused(await refusedUp(bed, 'a', []), 1, /has format 999, this version reads up to \d+/)
})

test('JSON over the limit of a command is refused, and what to do instead is said', async () => {
  await using bed = new Testbed()
  const node = await bed.up('a')
  const file = bed.path('large.json')
  await writeFile(file, `"${'x'.repeat(2 ** 26)}"`)
  const run = await bed.run(['publish', 'echo', `@${file}`, '--data', node.dataDir])
  assertRefused(run, 2, /longer than 67108864 bytes of JSON; publish it as bytes, with --raw/)
  await writeFile(file, `1\n"${'x'.repeat(2 ** 26)}"\n`)
  const many = ['publish', 'echo', `@${file}`, '--ndjson', '--data', node.dataDir]
  assertRefused(await bed.run(many), 2, /Line 2 is longer than 67108864 bytes/)
  const raw = await bed.run(['publish', 'echo', `@${file}`, '--raw', '--data', node.dataDir])
  assert.equal(raw.code, 0, raw.stderr)
})

test('bytes that cannot be read or written are refused before anything is published', async () => {
  await using bed = new Testbed()
  const output = ['--wait', '--output']
  const cases: readonly (readonly [readonly string[], RegExp])[] = [
    [['publish', 'echo', '@no-such-file', '--raw'], /no-such-file cannot be read: ENOENT/],
    [['publish', 'echo', '--raw'], /With --raw, give @FILE, - or a text/],
    [['publish', 'echo', '--raw', '--ndjson'], /--ndjson is JSON, and --raw is none/],
    [['publish', 'echo', '1', '--output', 'x'], /--output waits for a result: add --wait/],
    [['publish', 'echo', '--ndjson', ...output, 'x'], /--output takes one result/],
    [['publish', 'echo', '1', ...output, 'none/x'], /none\/x cannot be written: ENOENT/],
    [['task', 'show', 'x', '--output', 'none/x'], /none\/x cannot be written: ENOENT/],
  ]
  for (const [args, why] of cases) assertRefused(await bed.run(args), 2, why)
})

test('a queue that nobody serves is a warning, and waiting for it ends with 4', async () => {
  await using bed = new Testbed()
  const node = await bed.up('a', { handlers: workHandlers })
  const publish = ['publish', 'nobody-does-this', '1', '--data', node.dataDir]
  const warned = await bed.run(publish)
  assert.equal(warned.code, 0, warned.stderr)
  assert.match(warned.stderr, /^warning: .*nobody-does-this/m)
  const waited = await bed.run([...publish, '--wait', '--wait-timeout', '1s'])
  assertRefused(waited, 4, /Nobody has served queue nobody-does-this for 1 s/)
})

test('a publish that no majority takes ends with 4', async () => {
  await using bed = new Testbed()
  const [a, ...others] = await bed.mesh({ a: {}, b: {}, c: {} })
  assert.ok(a)
  const args = ['publish', 'echo', '1', '--data', a.dataDir]
  assert.equal((await bed.run(args)).code, 0)
  for (const { process } of others) process.kill('SIGKILL')
  await Promise.all(others.map(({ process }) => process.exited))
  assertRefused(
    await bed.run([...args, '--wait-timeout', '2s']),
    4,
    /No majority of voters has taken the tasks within 2 s; they may still run/,
  )
})

test('a task that fails ends a wait with 1, and says why', async () => {
  await using bed = new Testbed()
  const node = await bed.up('a', { handlers: workHandlers })
  const args = ['publish', 'fail', '{"message":"no paper"}', '--attempts', '1', '--wait']
  const text = await bed.run([...args, '--data', node.dataDir])
  assertRefused(text, 1, /failed: attempts: .*no paper/)
  const json = await bed.run([...args, '--json', '--data', node.dataDir])
  assert.equal(json.code, 1)
  assert.deepEqual(
    json.lines.map(({ state, reason, attempt, node }) => ({ state, reason, attempt, node })),
    [{ state: 'failed', reason: 'attempts', attempt: 1, node: node.peerId }],
  )
})

test('what nobody knows is not found', async () => {
  await using bed = new Testbed()
  const node = await bed.up('a')
  const id = `${'0'.repeat(32)}-7`
  assertRefused(await bed.run(['task', 'show', id, '--data', node.dataDir]), 3, /not known/)
  assertRefused(await bed.run(['task', 'cancel', id, '--data', node.dataDir]), 3, /not known/)
})

test('a command that finds no node of its mesh says so', async () => {
  await using bed = new Testbed()
  const run = await bed.run(['task', 'ls', '--no-mdns', '--mesh', 'lonely'])
  assertRefused(run, 4, /No node of mesh lonely was found/)
})

test('a node with another secret stays outside', async () => {
  await using bed = new Testbed()
  const secrets = [0, 1].map(() => randomBytes(32).toString('base64url'))
  const node = await bed.up('a', { env: { MESHWORK_SECRET: secrets[0] ?? '' } })
  const address = node.addresses[0] ?? ''
  const args = ['node', 'ls', '--json', '--no-mdns', '--bootstrap', address]
  const wrong = await bed.run(args, { env: { MESHWORK_SECRET: secrets[1] ?? '' } })
  assertRefused(wrong, 4, /secret/)
  const right = await bed.run(args, { env: { MESHWORK_SECRET: secrets[0] ?? '' } })
  assert.equal(right.code, 0, right.stderr)
})
