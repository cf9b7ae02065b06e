import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite, test, type TestContext } from 'node:test'
import { chunksOf } from '../../src/blobs/chunks.ts'
import type { WorkerBlobs } from '../../src/worker/large.ts'
import { commandEnv } from '../../src/worker/command-env.ts'
import type { WorkerInit } from '../../src/worker/worker-init.ts'
import { type End, ledger, Rig, rig, runOf } from './harness.ts'

/** A worker of one command, `q`. */
function worker(t: TestContext, command: string, init: Partial<WorkerInit> = {}): Promise<Rig> {
  return rig(t, { commands: [{ queue: 'q', command }], ...init })
}

/** How one run of a command ends. */
async function endOf(t: TestContext, command: string, input: unknown = 0): Promise<End> {
  const it = await worker(t, command)
  it.worker.run(runOf('q', [input]))
  const [end] = await it.ended(1)
  assert.ok(end)
  return end
}

/** Takes large results, and says how large they are. */
const keeper: WorkerBlobs = {
  directory: undefined,
  take: () => Promise.reject(new Error('not called')),
  async keep(_, large) {
    assert.ok(large.type !== 'file')
    let bytes = 0
    if (large.type === 'json') bytes = Buffer.byteLength(large.text)
    else for await (const chunk of chunksOf(large.source)) bytes += chunk.byteLength
    return Buffer.from(`${large.type} of ${bytes}`)
  },
  store: () => Promise.reject(new Error('not called')),
  stored: () => assert.fail('not called'),
}

const logs = (it: Rig): string[] =>
  it.reported.filter(({ kind }) => kind === 'log').map(({ body }) => String(Buffer.from(body)))

suite('commands', () => {
  const results: readonly { says: string; command: string; input?: unknown; body: string }[] = [
    {
      says: 'the payload comes on stdin as it was published',
      command: 'cat',
      input: '{ "b":1, "a":["é"] }',
      body: '{ "b":1, "a":["é"] }',
    },
    { says: 'JSON is a value, without space around it', command: 'echo " [1, 2]"', body: '[1, 2]' },
    {
      says: 'a number keeps its digits',
      command: 'echo 12345678901234567890',
      body: '12345678901234567890',
    },
    {
      says: 'other text is text, to its last line break',
      command: 'echo hello',
      body: '"hello\\n"',
    },
    { says: 'no output is an empty text', command: 'true', body: '""' },
    {
      says: 'a command may end without reading its input',
      command: 'exec <&-; echo 1',
      input: 'x'.repeat(60_000),
      body: '1',
    },
    { says: 'the shell expands and pipes', command: 'echo $((1 + 2)) | tr 3 4', body: '4' },
  ]
  for (const { says, command, input, body } of results) {
    test(`result: ${says}`, async t => {
      const end = await endOf(t, command, input)
      assert.equal(end.kind, 'done', end.body)
      assert.equal(end.body, body)
    })
  }

  const failures: readonly { says: string; command: string; kind: string; why: RegExp }[] = [
    {
      says: 'an exit code',
      command: 'echo why >&2; exit 3',
      kind: 'error',
      why: /CommandFailedError.*q ended with exit code 3: why"/,
    },
    { says: 'a signal', command: 'kill -SEGV $$', kind: 'error', why: /q died of SIGSEGV/ },
    {
      says: 'an exit code that stands for a signal',
      command: 'exit 139',
      kind: 'error',
      why: /exit code 139 \(SIGSEGV\)/,
    },
    {
      says: 'a program that is not there',
      command: 'no-such-program-here',
      kind: 'error',
      why: /CommandNotFoundError.*q was not found.*no-such-program-here/,
    },
    {
      says: 'output that is no text',
      command: "printf '\\377\\376'",
      kind: 'result',
      why: /not UTF-8/,
    },
  ]
  for (const { says, command, kind, why } of failures) {
    test(`failure: ${says}`, async t => {
      const end = await endOf(t, command)
      assert.equal(end.kind, kind, end.body)
      assert.match(end.body, why)
    })
  }

  test('an error tells the last 2 KiB of stderr, in whole lines', async t => {
    const end = await endOf(
      t,
      'i=0; while [ $i -lt 500 ]; do echo "line $i" >&2; i=$((i+1)); done; exit 1',
    )
    const { message } = JSON.parse(end.body)
    assert.match(message, /exit code 1: …line \d+\nline/)
    assert.match(message, /\nline 499$/)
    assert.ok(message.length > 1_900 && message.length < 2_200, `${message.length} characters`)
  })

  test('a command that no system takes is an error, and the next one runs', async t => {
    const commands = [
      { queue: 'long', command: `: ${'x'.repeat(300_000)}` },
      { queue: 'q', command: 'echo 1' },
    ]
    const it = await rig(t, { commands })
    it.worker.run(runOf('long', [0], { seqs: [0, 1] }))
    it.worker.run(runOf('q', [0], { seqs: [1, 1] }))
    const ends = (await it.ended(2)).toSorted((a, b) => a.seq - b.seq)
    assert.deepEqual(
      ends.map(end => end.kind),
      ['error', 'done'],
    )
    assert.match(ends[0]?.body ?? '', /CommandNotStartedError.*long could not be started: .*E2BIG/)
  })

  test('lines of stderr are log lines, while it runs and at the end', async t => {
    const it = await worker(t, "printf 'one\\r\\n\\ntwo' >&2; printf ' more\\nlast' >&2; echo 1")
    it.worker.run(runOf('q', [0]))
    await it.ended(1)
    assert.deepEqual(logs(it), ['one', '', 'two more', 'last'])
  })

  test('a log line comes at once', async t => {
    const it = await worker(t, 'echo started >&2; sleep 1000')
    it.worker.run(runOf('q', [0]))
    await it.until(() => logs(it).includes('started'))
    it.worker.abort(ledger, 1, [0, 1], 'cancelled')
  })

  test('output up to the limit is kept, more than it is not and ends the command', async t => {
    const it = await worker(
      t,
      'read -r n; head -c $n /dev/zero | tr "\\0" 7; echo; [ $n -lt 2000 ] || exec sleep 1000',
      {
        maxResultBytes: 1_000,
      },
    )
    for (const [i, bytes] of [1_000, 1_001, 1_000_000].entries()) {
      it.worker.run(runOf('q', [`${bytes}\n`], { seqs: [i, 1] }))
    }
    const ends = (await it.ended(3)).toSorted((a, b) => a.seq - b.seq)
    assert.deepEqual(
      ends.map(end => end.kind),
      ['done', 'result', 'result'],
    )
    assert.equal(ends[0]?.body, '7'.repeat(1_000))
    for (const end of ends.slice(1)) assert.match(end.body, /over the limit of 1000 bytes/)
  })

  test('more output than can be JSON or text is bytes, streamed from disk', async t => {
    const it = await worker(t, 'read -r n; head -c $n /dev/zero | tr "\\0" 7', { blobs: keeper })
    for (const [i, bytes] of [3_000_000, 40_000_000].entries()) {
      it.worker.run(runOf('q', [`${bytes}\n`], { seqs: [i, 1] }))
    }
    const ends = (await it.ended(2)).toSorted((a, b) => a.seq - b.seq)
    assert.deepEqual(
      ends.map(({ kind, body }) => [kind, body]),
      [
        ['done', 'json of 3000000'],
        ['done', 'raw of 40000000'],
      ],
    )
  })

  test('output over the limit of all ends the command', async t => {
    const init = { blobs: keeper, maxOutputBytes: 2_000_000 }
    const it = await worker(t, 'head -c 2000010 /dev/zero; echo; exec sleep 1000', init)
    it.worker.run(runOf('q', [0]))
    const [end] = await it.ended(1)
    assert.equal(end?.kind, 'result')
    assert.match(end.body, /Output of the command of q is over the limit of 2000000 bytes/)
  })

  test('output that finds no room here is an error, and ends the command', async t => {
    const it = await worker(t, 'mkdir ../output; cat /dev/zero', { blobs: keeper })
    it.worker.run(runOf('q', [0]))
    const [end] = await it.ended(1)
    assert.equal(end?.kind, 'error')
    assert.match(end.body, /Output of the command of q could not be kept: EEXIST/)
  })

  test('text counts as JSON to the limit', async t => {
    const it = await worker(t, 'cat; echo not JSON', { maxResultBytes: 1_000 })
    it.worker.run(runOf('q', ['"'.repeat(900)]))
    const [end] = await it.ended(1)
    assert.equal(end?.kind, 'result')
    assert.match(end.body, /over the limit of 1000 bytes/)
  })

  test('the environment is what is documented', async t => {
    const it = await worker(t, "env -u PWD -u OLDPWD -u SHLVL -u _ | sort | tr '\\n' ';'")
    process.env['MESHWORK_SECRET'] = 'not to be seen'
    t.after(() => delete process.env['MESHWORK_SECRET'])
    it.worker.run(runOf('q', [0], { seqs: [5, 1], token: 3, attempt: 2 }))
    const [end] = await it.ended(1)
    const run = { ledger, seq: 5, token: 3, attempt: 2, timeoutMs: 0 }
    const expected = Object.entries(commandEnv(process.env, run)).map(([k, v]) => `${k}=${v};`)
    assert.deepEqual(
      String(JSON.parse(end?.body ?? ''))
        .split(';')
        .toSorted(),
      expected.join('').split(';').toSorted(),
    )
  })

  test('of the own environment only what is listed is taken over', () => {
    const own = { PATH: 'p', HOME: 'h', LC_ALL: 'C', MESHWORK_SECRET: 's', NODE_OPTIONS: 'n' }
    const env = commandEnv(own, { ledger: 'l', seq: 4, token: 7, attempt: 1, timeoutMs: 0 })
    assert.deepEqual(env, {
      PATH: 'p',
      HOME: 'h',
      LC_ALL: 'C',
      MESHWORK_TASK_ID: 'l-4',
      MESHWORK_ATTEMPT: '1',
      MESHWORK_TOKEN: '7',
    })
  })

  test('each run has an empty folder of its own, and it is gone afterwards', async t => {
    const temporary = process.env['TMPDIR']
    const folder = mkdtempSync(join(tmpdir(), 'meshwork-command-'))
    t.after(async () => {
      if (temporary === undefined) delete process.env['TMPDIR']
      else process.env['TMPDIR'] = temporary
      await rm(folder, { recursive: true })
    })
    process.env['TMPDIR'] = folder
    const it = await worker(t, 'ls -A | wc -l; mkdir -p deep/er; : > deep/er/file; pwd >&2')
    it.worker.run(runOf('q', [0, 0]))
    await it.ended(2)
    assert.deepEqual(
      it.ends.map(end => end.body),
      ['0', '0'],
    )
    assert.equal(new Set(logs(it)).size, 2)
    assert.ok(logs(it).every(path => path.startsWith(folder)))
    await it.worker.stop()
    assert.deepEqual(readdirSync(folder), [])
  })

  test('a queue has its own limit, and the worker one for all', async t => {
    const gate = 'echo up >&2; exec sleep 1000'
    const commands = [
      { queue: 'a', command: gate, concurrency: 1 },
      { queue: 'b', command: gate },
    ]
    const it = await rig(t, { concurrency: 3, commands })
    it.worker.run(runOf('a', [0, 0], { seqs: [0, 2], priority: 1 }))
    it.worker.run(runOf('b', [0, 0, 0], { seqs: [2, 3] }))
    await it.until(() => logs(it).length === 3)
    assert.deepEqual(new Set(it.reported.map(({ seq }) => seq)), new Set([0, 2, 3]))
    it.worker.abort(ledger, 1, [0, 1], 'cancelled')
    await it.until(() => logs(it).length === 4)
    assert.equal(it.reported.at(-1)?.seq, 1)
  })

  test('a command that is none, and a queue that another handler has, are refused', () => {
    for (const command of ['', '  ', 'echo\0']) {
      assert.throws(() => new Rig({ commands: [{ queue: 'q', command }] }), /must be a text/)
    }
    const twice = { queue: 'q', command: 'true' }
    assert.throws(() => new Rig({ commands: [twice, twice] }), /more than one handler/)
  })
})
