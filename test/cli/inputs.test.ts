import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { test } from 'node:test'
import { readInputs } from '../../src/cli/inputs.ts'

async function read(
  argument: string | undefined,
  options: { ndjson?: boolean; stdin?: string } = {},
): Promise<unknown[]> {
  const { ndjson = false, stdin = '' } = options
  const batches = readInputs({ argument, ndjson, stdin: Readable.from([Buffer.from(stdin)]) })
  return (await Array.fromAsync(batches)).flat()
}

test('an input is JSON on the command line, in a file, or on stdin', async t => {
  const folder = await mkdtemp(join(tmpdir(), 'meshwork-test-'))
  t.after(() => rm(folder, { recursive: true }))
  const file = join(folder, 'input.json')
  await writeFile(file, '{\n  "from": "a file"\n}\n')

  assert.deepEqual(await read('{"a":1}'), [{ a: 1 }])
  assert.deepEqual(await read(`@${file}`), [{ from: 'a file' }])
  assert.deepEqual(await read('-', { stdin: '[1,\n2]' }), [[1, 2]])
  assert.deepEqual(await read(undefined), [null])
})

test('with ndjson each line is an input, and empty lines are none', async () => {
  const stdin = '1\n\n"two"\r\n{"three":3}'
  assert.deepEqual(await read('-', { ndjson: true, stdin }), [1, 'two', { three: 3 }])
  assert.deepEqual(await read(undefined, { ndjson: true, stdin }), [1, 'two', { three: 3 }])
})

test('what is not JSON is named by its place, in one line', async () => {
  const cases = [
    { argument: '{oops', what: /^The input is not JSON: .+/ },
    { argument: '-', stdin: '1\n{"a":\n3', ndjson: true, what: /^Line 2 is not JSON: .+/ },
    { argument: '@no-such-file', what: /^no-such-file cannot be read: .*ENOENT/ },
    { argument: '@no-such-file', ndjson: true, what: /^no-such-file cannot be read: .*ENOENT/ },
  ]
  for (const { argument, what, ...options } of cases) {
    await assert.rejects(read(argument, options), { name: 'UsageError', message: what })
  }
})

test('an input that never ends is refused', async () => {
  async function* endless(): AsyncGenerator<Buffer> {
    for (;;) yield Buffer.alloc(1 << 20, ' ')
  }
  const stdin = Readable.from(endless())
  await assert.rejects(Array.fromAsync(readInputs({ argument: '-', ndjson: false, stdin })), {
    name: 'UsageError',
    message: 'The input is longer than 67108864 bytes of JSON; publish it as bytes, with --raw',
  })
})
