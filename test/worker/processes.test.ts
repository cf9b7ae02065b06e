import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { suite, test, type TestContext } from 'node:test'
import { loadHandlers } from '../../src/worker/load.ts'
import type { WorkerInit } from '../../src/worker/worker-init.ts'
import { folder, ledger, type Rig, rig, runOf } from './harness.ts'
import { lifeline } from './lifeline.ts'
import { logged, moduleRig, moduleSuite } from './module-suite.ts'

const handlers = `
import { spawn } from 'node:child_process'
import { openSync } from 'node:fs'

export const pid = () => process.pid
export function later(signal) { setTimeout(() => process.kill(process.pid, signal), 20) }
export function spin(path, ctx) { openSync(path, 'r+'); ctx.log('up'); for (;;); }
export function family(path, ctx) {
  const sleep = spawn('sleep', ['1000'], { stdio: ['ignore', openSync(path, 'r+'), 'ignore'] })
  sleep.on('spawn', () => ctx.log('up'))
  return new Promise(() => {})
}
`

async function processes(t: TestContext, init: Partial<WorkerInit> = {}): Promise<Rig> {
  const modules = await loadHandlers(await folder(t, { 'handlers.mjs': handlers }))
  return rig(t, { isolate: 'process', concurrency: 2, modules, ...init })
}

suite('handlers in processes', () => {
  moduleSuite({
    isolate: 'process',
    says: {
      exit: /HandlerCrashedError.*Handler of exit has crashed: its process ended with exit code \d/,
      abort: /HandlerCrashedError.*Handler of abort has crashed: its process died of SIGABRT/,
    },
    memory: ['objects', 'buffers'],
  })

  test('a native abort harms no other task', async t => {
    const it = await moduleRig(t, { isolate: 'process' })
    it.worker.run(runOf('polite', [0], { seqs: [0, 1] }))
    await logged(it, 'listening')
    it.worker.run(runOf('abort', [0, 0, 0], { seqs: [1, 3] }))
    it.worker.run(runOf('echo', [8], { seqs: [4, 1] }))
    const ends = await it.ended(4)
    assert.deepEqual(
      ends.map(({ seq, kind }) => `${seq} ${kind}`),
      ['1 error', '2 error', '3 error', '4 done'],
    )
  })

  test('a process serves one task after the other, until it dies', async t => {
    const it = await processes(t, { concurrency: 1 })
    const pids: string[] = []
    for (let seq = 0; seq < 40; seq += 2) {
      it.worker.run(runOf('pid', [0], { seqs: [seq, 1] }))
      await it.ended(seq + 1)
      pids.push(it.ends.at(-1)?.body ?? '')
      // Its death comes before, while or after the next task is given to it.
      it.worker.run(runOf('later', ['"SIGKILL"'], { seqs: [seq + 1, 1] }))
      await it.ended(seq + 2)
    }
    assert.deepEqual(
      it.ends.filter(({ seq }) => seq % 2 === 1).map(({ kind }) => kind),
      Array.from({ length: 20 }, () => 'done'),
    )
    assert.ok(new Set(pids).size < 20, 'some have served two')
  })

  test('what a handler has started ends with it', async t => {
    const line = await lifeline(t)
    const it = await processes(t, { graceMs: 50 })
    it.worker.run(runOf('family', [JSON.stringify(line.path)]))
    await logged(it, 'up')
    it.worker.abort(ledger, 1, [0, 1], 'cancelled')
    await line.cut
    await it.until(() => it.warnings.length > 0)
    assert.match(it.warnings[0] ?? '', /^Handler of family .* is stuck: .* its process was ended$/)
  })

  test('a process without work ends by itself', async t => {
    const line = await lifeline(t)
    const hold = `import { openSync } from 'node:fs'; export const hold = path => void openSync(path, 'r+')`
    const modules = await loadHandlers(await folder(t, { 'hold.mjs': hold }))
    const it = await rig(t, { isolate: 'process', modules, idleMs: 50 })
    it.worker.run(runOf('hold', [JSON.stringify(line.path)]))
    await line.cut
    assert.equal((await it.ended(1))[0]?.kind, 'done')
  })

  for (const queue of ['spin', 'family']) {
    test(`the death of the node ends a handler: ${queue}`, async t => {
      const line = await lifeline(t)
      const path = await folder(t, { 'handlers.mjs': handlers })
      const host = join(import.meta.dirname, 'module-host.ts')
      const node = spawn(process.execPath, [host, path, queue, line.path], {
        stdio: ['ignore', 'pipe', 'inherit'],
      })
      t.after(() => node.kill('SIGKILL'))
      const signal = AbortSignal.timeout(20_000)
      await once(createInterface({ input: node.stdout }), 'line', { signal })
      node.kill('SIGKILL')
      await line.cut
    })
  }
})
