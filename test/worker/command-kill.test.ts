import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { on, once } from 'node:events'
import { readdirSync, watch } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { suite, test, type TestContext } from 'node:test'
import type { WorkerInit } from '../../src/worker/worker-init.ts'
import { folder, ledger, type Rig, rig, runOf, turns } from './harness.ts'
import { lifeline } from './lifeline.ts'

/** A started run of a command that has said `up`. */
async function running(
  t: TestContext,
  command: string,
  init: Partial<WorkerInit> & { timeoutMs?: number } = {},
): Promise<Rig> {
  const { timeoutMs = 0, ...rest } = init
  const it = await rig(t, { commands: [{ queue: 'q', command }], ...rest })
  it.worker.run(runOf('q', [0], { timeoutMs }))
  await it.until(() => said(it).includes('up'))
  return it
}

const said = (it: Rig): string[] => it.reported.map(({ body }) => String(Buffer.from(body)))

const open = (): string[] =>
  process.getActiveResourcesInfo().filter(it => /Process|Pipe|Timeout|Immediate/.test(it))

// Members that only their group tells of: in the background, in a subshell, deaf to SIGTERM.
const family = `sleep 1000 & (sleep 1000; true) & echo up >&2; wait`
const deafFamily = `trap '' TERM; ${family}; wait; sleep 1000`

suite('commands are ended as a group', () => {
  for (const reason of ['cancelled', 'lease-lost', 'leaving']) {
    test(`an abort (${reason}) ends grandchildren, too, and tells nothing`, async t => {
      const line = await lifeline(t)
      const it = await running(t, line.hold + family)
      it.worker.abort(ledger, 1, [0, 1], reason)
      await line.cut
      await it.worker.stop()
      assert.deepEqual(it.ends, [])
      assert.deepEqual(it.warnings, [])
    })
  }

  test('a timeout ends all, and is told as one', async t => {
    const line = await lifeline(t)
    const it = await running(t, line.hold + family, { timeoutMs: 2_000 })
    await line.cut
    const [end] = await it.ended(1)
    assert.equal(end?.kind, 'timeout')
    assert.match(end.body, /longer than 2000 ms/)
  })

  test('members that ignore SIGTERM are killed, with a warning that names queue and task', async t => {
    const line = await lifeline(t)
    const it = await running(t, line.hold + deafFamily, { graceMs: 50 })
    it.worker.abort(ledger, 1, [0, 1], 'cancelled')
    await line.cut
    await it.until(() => it.warnings.length > 0)
    assert.deepEqual(it.warnings, [
      `Command of q (task ${ledger}-0) did not end 50 ms after SIGTERM; it was killed`,
    ])
  })

  test('a command has its time to end well, even if its shell has not', async t => {
    const done = join(await folder(t, {}), 'done')
    const line = await lifeline(t)
    const polite = `trap 'echo bye > ${done}; exit' TERM; echo up >&2; while :; do sleep 0.1; done`
    const command = `${line.hold} sh -c "${polite}" > /dev/null & trap 'exit 1' TERM; wait`
    const it = await running(t, command, { graceMs: 15_000 })
    it.worker.abort(ledger, 1, [0, 1], 'cancelled')
    await line.cut
    assert.deepEqual(readdirSync(join(done, '..')), ['done'])
    assert.deepEqual(it.warnings, [])
  })

  test('the slot of a run that was stopped is free when its processes are gone', async t => {
    const it = await running(t, deafFamily, { graceMs: 50, concurrency: 1 })
    it.worker.abort(ledger, 1, [0, 1], 'cancelled')
    const before = said(it).length
    it.worker.run(runOf('q', [0], { seqs: [1, 1] }))
    await it.until(() => said(it).length > before)
    assert.equal(it.warnings.length, 1, 'the first was killed before the second began')
  })

  test('what a command leaves in its group is killed when it ends', async t => {
    const line = await lifeline(t)
    const it = await running(t, `${line.hold} sleep 1000 & echo up >&2; echo 7`)
    const [end] = await it.ended(1)
    assert.equal(end?.body, '7')
    await line.cut
  })

  test('output that a group member writes after its shell has ended is kept', async t => {
    const it = await rig(t, { commands: [{ queue: 'q', command: '(sleep 0.2; echo 7) & exit 0' }] })
    it.worker.run(runOf('q', [0]))
    const [end] = await it.ended(1)
    assert.equal(end?.body, '7')
  })

  test('stop ends all, and nothing is left open', async t => {
    const before = open()
    const line = await lifeline(t)
    const it = await running(t, line.hold + family)
    assert.notDeepEqual(open(), before)
    await it.worker.stop()
    await line.cut
    // A process that has ended is still being closed in the turn that tells of it.
    await turns(2)
    assert.deepEqual(open(), before)
    assert.deepEqual(it.ends, [])
  })

  for (const [says, command] of [
    ['ends', family],
    ['kills', deafFamily],
  ] as const) {
    test(`the death of the node ${says} its commands and removes their folders`, async t => {
      const line = await lifeline(t)
      const temporary = await folder(t, {})
      const host = spawn(
        process.execPath,
        [join(import.meta.dirname, 'command-host.ts'), `${line.hold} : > file; ${command}`],
        { env: { ...process.env, TMPDIR: temporary }, stdio: ['ignore', 'pipe', 'inherit'] },
      )
      t.after(() => host.kill('SIGKILL'))
      const signal = AbortSignal.timeout(20_000)
      await once(createInterface({ input: host.stdout }), 'line', { signal })
      assert.equal(readdirSync(temporary).length, 1)
      host.kill('SIGKILL')
      await line.cut
      await emptied(temporary, signal)
    })
  }
})

async function emptied(path: string, signal: AbortSignal): Promise<void> {
  const watcher = watch(path)
  const changes = on(watcher, 'change', { signal })
  try {
    while (readdirSync(path).length > 0) await changes.next()
  } finally {
    watcher.close()
  }
}
