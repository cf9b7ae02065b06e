import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync } from 'node:fs'
import { rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite, test, type TestContext } from 'node:test'
import { FrameReader } from '../../src/shell/frames.ts'
import { readShellResult, type ShellResult } from '../../src/shell/result.ts'
import { shellQueue, type ShellTask } from '../../src/shell/task.ts'
import { ShellRuns } from '../../src/worker/shell-runs.ts'
import type { WorkerInit } from '../../src/worker/worker-init.ts'
import { type End, ledger, type Rig, rig, runOf } from './harness.ts'

interface ShellRig extends Rig {
  readonly runs: ShellRuns
}

async function worker(t: TestContext, init: Partial<WorkerInit> = {}): Promise<ShellRig> {
  const runs = new ShellRuns()
  return Object.assign(await rig(t, { shellRuns: runs, graceMs: 500, ...init }), { runs })
}

function taskOf(command: string, more: Partial<ShellTask> = {}): ShellTask {
  return { command, tries: 1, send: [], return: [], ...more }
}

/** How one run of a task ends. */
async function endOf(
  t: TestContext,
  task: unknown,
  { attempt = 1, timeoutMs = 0, ...init }: Partial<WorkerInit> & Partial<Meta> = {},
): Promise<End> {
  const it = await worker(t, init)
  it.worker.run(runOf(shellQueue, [task], { attempt, timeoutMs }))
  const [end] = await it.ended(1)
  assert.ok(end)
  return end
}

interface Meta {
  readonly attempt: number
  readonly timeoutMs: number
}

function resultOf(end: End): ShellResult & { readonly stdout: string; readonly stderr: string } {
  assert.equal(end.kind, 'done', end.body)
  const result = readShellResult(JSON.parse(end.body))
  assert.ok(typeof result.output === 'string')
  const pieces = new FrameReader().read(Buffer.from(result.output, 'base64'))
  const [stdout, stderr] = [1, 2].map(wanted => {
    const bytes = pieces.filter(({ stream }) => stream === wanted).map(piece => piece.bytes)
    return Buffer.concat(bytes).toString()
  })
  return { ...result, stdout: stdout ?? '', stderr: stderr ?? '' }
}

suite('commands of others', () => {
  test('an exit code is a result, with all output', async t => {
    const end = await endOf(t, taskOf('echo out; echo err >&2; exit 3'))
    const { code, signal, timedOut, stdout, stderr } = resultOf(end)
    assert.deepEqual(
      { code, signal, timedOut, stdout, stderr },
      { code: 3, signal: null, timedOut: false, stdout: 'out\n', stderr: 'err\n' },
    )
  })

  test('a failure is an error as long as it is tried again', async t => {
    const task = taskOf('echo no >&2; exit 3', { tries: 2 })
    const first = await endOf(t, task, { attempt: 1 })
    assert.equal(first.kind, 'error')
    assert.match(first.body, /"CommandFailedError","message":"Command ended with exit code 3: no"/)
    assert.equal(resultOf(await endOf(t, task, { attempt: 2 })).code, 3)
  })

  test('a command whose time is up is a result, too', async t => {
    const end = await endOf(t, taskOf('echo begun; sleep 1000'), { timeoutMs: 200 })
    const { code, signal, timedOut, stdout } = resultOf(end)
    assert.deepEqual(
      { code, signal, timedOut, stdout },
      { code: null, signal: 'SIGTERM', timedOut: true, stdout: 'begun\n' },
    )
  })

  test('output over the limit ends the command', async t => {
    const end = await endOf(t, taskOf('yes'), { maxOutputBytes: 100_000 })
    assert.equal(end.kind, 'error')
    assert.match(end.body, /"Output is over the limit of 100000 bytes"/)
  })

  test('files that are wanted are in the result, with their modes', async t => {
    const script = 'mkdir out; echo a > out/a; chmod 750 out/a; mkfifo pipe; ln -s out/a link'
    const wanted = ['out/a', 'pipe', 'absent', 'link']
    const { files } = resultOf(await endOf(t, taskOf(script, { return: wanted })))
    const content = Buffer.from('a\n').toString('base64')
    assert.deepEqual(files, [
      { path: 'out/a', mode: 0o750, content },
      { path: 'link', mode: 0o750, content },
    ])
  })

  test('output is read on the way, from memory and from its file', async t => {
    const it = await worker(t)
    const id = `${ledger}-0`
    const script = 'echo one; read -r _ < go; seq 1 20000; read -r _ < end'
    it.worker.run(runOf(shellQueue, [taskOf(`mkfifo go end; pwd >&2; ${script}`)]))
    const reader = new FrameReader()
    const texts = { 1: '', 2: '' }
    let from = 0
    const readUntil = async (isEnough: () => boolean): Promise<void> => {
      const signal = AbortSignal.timeout(20_000)
      while (!isEnough()) {
        signal.throwIfAborted()
        const part = await it.runs.output(id, from, 10_000)
        from += part?.bytes.byteLength ?? 0
        for (const { stream, bytes } of reader.read(part?.bytes ?? new Uint8Array())) {
          texts[stream] += Buffer.from(bytes).toString()
        }
        await new Promise(resolve => setImmediate(resolve))
      }
    }
    await readUntil(() => texts[1] === 'one\n' && texts[2].endsWith('\n'))
    const write = (name: string): Promise<void> => writeFile(join(texts[2].trim(), name), '\n')
    await write('go')
    await readUntil(() => texts[1].endsWith('\n20000\n'))
    const all = Array.from({ length: 20_000 }, (_, i) => `${i + 1}\n`).join('')
    assert.equal(texts[1], `one\n${all}`)
    assert.equal(await it.runs.output('other', 0, 10), undefined)
    await write('end')
    await it.ended(1)
    assert.equal(await it.runs.output(id, 0, 10), undefined)
  })

  test('signals reach the whole group', async t => {
    const it = await worker(t)
    const id = `${ledger}-0`
    assert.equal(it.runs.signal(id, 'SIGINT'), false)
    const script = `trap 'echo got; exit 4' USR1; sh -c 'trap "exit 0" USR1; sleep 1000 & wait' & echo up; wait`
    it.worker.run(runOf(shellQueue, [taskOf(script)]))
    const signal = AbortSignal.timeout(20_000)
    for (let bytes = 0; bytes === 0;) {
      signal.throwIfAborted()
      bytes = (await it.runs.output(id, 0, 100))?.bytes.byteLength ?? 0
      await new Promise(resolve => setImmediate(resolve))
    }
    assert.equal(it.runs.signal(id, 'SIGUSR1'), true)
    const [end] = await it.ended(1)
    assert.ok(end)
    assert.deepEqual([resultOf(end).code, resultOf(end).stdout], [4, 'up\ngot\n'])
  })

  test('a run that is stopped ends with its processes and its folder', async t => {
    const place = mkdtempSync(join(tmpdir(), 'meshwork-shell-'))
    t.after(() => rm(place, { recursive: true, force: true }))
    const before = process.env['TMPDIR']
    process.env['TMPDIR'] = place
    t.after(() => {
      if (before === undefined) delete process.env['TMPDIR']
      else process.env['TMPDIR'] = before
    })
    const it = await worker(t)
    it.worker.run(runOf(shellQueue, [taskOf('echo $$; sleep 1000 & wait')]))
    const reader = new FrameReader()
    const signal = AbortSignal.timeout(20_000)
    let group = 0
    while (group === 0) {
      signal.throwIfAborted()
      const part = await it.runs.output(`${ledger}-0`, 0, 100)
      if (part === undefined || part.bytes.byteLength === 0) {
        await new Promise(resolve => setImmediate(resolve))
        continue
      }
      const [piece] = reader.read(part.bytes)
      group = Number(Buffer.from(piece?.bytes ?? []).toString())
    }
    it.worker.abort(ledger, 1, [0, 1], 'cancelled')
    await it.worker.stop()
    assert.deepEqual(it.ends, [])
    assert.throws(() => process.kill(group, 0), { code: 'ESRCH' })
    assert.deepEqual(readdirSync(place), [])
  })

  const bad: readonly (readonly [string, unknown, RegExp])[] = [
    ['no command', { tries: 1, send: [], return: [] }, /Payload is no command/],
    ['no object', 'true', /Payload is no command/],
    ['a zero byte', taskOf('a\0b'), /Payload is no command/],
    [
      'a way out',
      taskOf('true', { return: ['../x'] }),
      /File \.\.\/x .* not in its working folder/,
    ],
    ['an absolute path', taskOf('true', { return: ['/x'] }), /File \/x .* not in its working/],
    [
      'a file without content',
      { ...taskOf('true'), send: [{ path: 'x', mode: 0o644, content: { size: 1, hash: 'y' } }] },
      /File x of a command has no content/,
    ],
  ]
  for (const [what, task, why] of bad) {
    test(`a task with ${what} fails at once`, async t => {
      const end = await endOf(t, JSON.stringify(task))
      assert.equal(end.kind, 'unrecoverable')
      assert.match(end.body, why)
    })
  }

  test('a node that does not allow it takes none', async t => {
    const it = await rig(t, {})
    it.worker.run(runOf(shellQueue, [taskOf('true')]))
    assert.equal((await it.ended(1))[0]?.kind, 'released')
  })
})
