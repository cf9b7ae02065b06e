import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { pathToFileURL } from 'node:url'
import { loadHandlers } from '../../src/worker/load.ts'
import type { WorkerInit } from '../../src/worker/worker-init.ts'
import { folder, ledger, type Rig, rig, runOf, turns } from './harness.ts'

const source = (name: string): string =>
  pathToFileURL(join(import.meta.dirname, '../../src/worker', name)).href

const handlers = `
import { threadId, isMainThread } from 'node:worker_threads'
import { z } from '${pathToFileURL(join(import.meta.dirname, '../../node_modules/zod/index.js')).href}'
import { defineTask, type TaskContext } from '${source('definition.ts')}'

export const echo = async (input: unknown) => input
export const where = () => ({ threadId, isMainThread, pid: process.pid })
export function block(ms: number, ctx: TaskContext) {
  ctx.log('blocking')
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms)
  return 'unblocked'
}
export function exit(code: number) { process.exit(code) }
export const uncaught = () => new Promise(() => { setTimeout(() => { throw new RangeError('late') }) })
export function devour(kind: string) {
  const all: unknown[] = []
  const map = new Map()
  for (let i = 0; ; i++) {
    if (kind === 'arrays') all.push(new Array(10_000).fill(i))
    if (kind === 'numbers') all.push(i + 0.5)
    if (kind === 'objects') all.push({})
    if (kind === 'large') all.push(new Array(5_000_000).fill(1))
    if (kind === 'map') map.set(i, i)
    if (kind === 'buffers') all.push(Buffer.alloc(10_000_000, 1))
  }
}
export const abort = () => process.abort()
export const width = defineTask('width', { input: z.object({ width: z.number() }), run: it => it.width })
export async function about(_: unknown, { token, attempt, taskId, node, signal }: TaskContext) {
  return { token, attempt, taskId, node, aborted: signal.aborted }
}
export const tell = (_: unknown, ctx: TaskContext) => { ctx.progress({ at: 1 }); ctx.progress({ at: 2 }); ctx.progress({ at: 3 }); ctx.log('a line') }
export const publishOne = (input: unknown, { publish }: TaskContext) => publish(width, input, { priority: 4 })
export const publishBad = (_: unknown, ctx: TaskContext) => ctx.publish('x', undefined)
export const huge = () => 'x'.repeat(70_000)
export const fail = () => { throw Object.assign(new Error('for good'), { name: 'UnrecoverableError' }) }
export const polite = (_: unknown, { signal, log }: TaskContext) => new Promise((_, reject) => {
  signal.addEventListener('abort', () => { reject(signal.reason) })
  log('listening')
})
export const deaf = (_: unknown, ctx: TaskContext) => { ctx.log('deaf'); for (;;); }
`

/** What handlers of modules run in, and how it says that one has gone wrong there. */
export interface Isolation {
  readonly isolate: 'thread' | 'process'
  /** By the queue that a task is of. */
  readonly says: Readonly<Record<'exit' | 'abort', RegExp>>
  /** Ways to use up memory, by the input of `devour`. */
  readonly memory: readonly string[]
}

/** A worker with the handlers of this suite. */
export async function moduleRig(t: TestContext, init: Partial<WorkerInit> = {}): Promise<Rig> {
  const path = await folder(t, { 'handlers.ts': handlers })
  return rig(t, { concurrency: 2, modules: await loadHandlers(path), ...init })
}

/** Resolves when a handler has logged a line. */
export const logged = (it: Rig, line: string): Promise<void> =>
  it.until(() => it.reported.some(({ body }) => String(Buffer.from(body)) === line))

const open = (): string[] =>
  process
    .getActiveResourcesInfo()
    .filter(it => /Worker|MessagePort|Process|Pipe|Timeout|Immediate/.test(it))
    .toSorted()

const seqOf = ({ seq }: { seq: number }): string => String(seq)

/** What holds for handlers of modules, whatever they run in. */
export function moduleSuite({ isolate, says, memory }: Isolation): void {
  const start = (t: TestContext, init: Partial<WorkerInit> = {}): Promise<Rig> =>
    moduleRig(t, { isolate, ...init })

  test('handlers run elsewhere, with the whole of their context', async t => {
    const it = await start(t)
    it.worker.run(runOf('about', [0], { seqs: [5, 1], token: 3, attempt: 2 }))
    it.worker.run(runOf('where', [0], { seqs: [6, 1], token: 3 }))
    await it.ended(2)
    const bodies = new Map(it.ends.map(end => [end.seq, JSON.parse(end.body)]))
    const taskId = `${ledger}-5`
    assert.deepEqual(bodies.get(5), {
      token: 3,
      attempt: 2,
      taskId,
      node: 'peer-1',
      aborted: false,
    })
    assert.equal(bodies.get(6).isMainThread, isolate === 'process')
    assert.equal(bodies.get(6).pid === process.pid, isolate === 'thread')
  })

  test('the main loop turns while a handler blocks', async t => {
    const it = await start(t)
    let ticks = 0
    const ticker = setInterval(() => ticks++, 10)
    t.after(() => clearInterval(ticker))
    it.worker.run(runOf('block', [2_000]))
    await logged(it, 'blocking')
    ticks = 0
    await it.ended(1)
    assert.equal(it.ends[0]?.body, '"unblocked"')
    assert.ok(ticks >= 50, `${ticks} ticks`)
    assert.deepEqual(it.warnings, [])
  })

  const ends: readonly { queue: string; input?: unknown; kind: string; says: RegExp }[] = [
    { queue: 'echo', input: { a: ['é'] }, kind: 'done', says: /^\{"a":\["é"\]\}$/ },
    { queue: 'tell', kind: 'done', says: /^null$/ },
    { queue: 'width', input: { width: 7 }, kind: 'done', says: /^7$/ },
    { queue: 'width', input: {}, kind: 'unrecoverable', says: /Input is not valid: width: / },
    { queue: 'echo', input: '{', kind: 'unrecoverable', says: /Payload is not JSON/ },
    { queue: 'fail', kind: 'unrecoverable', says: /for good/ },
    { queue: 'huge', kind: 'result', says: /70002 bytes is over the limit of 65536/ },
    { queue: 'exit', input: 0, kind: 'error', says: says.exit },
    { queue: 'exit', input: 7, kind: 'error', says: says.exit },
    { queue: 'abort', kind: 'error', says: says.abort },
    { queue: 'uncaught', kind: 'error', says: /RangeError.*late/ },
  ]
  test('each way to end has its kind, and others go on', async t => {
    const it = await start(t, { concurrency: 3 })
    for (const [i, { queue, input = 0 }] of ends.entries()) {
      it.worker.run(runOf(queue, [input], { seqs: [i, 1] }))
    }
    await it.ended(ends.length)
    for (const [i, { queue, kind, says }] of ends.entries()) {
      const end = it.ends.find(end => end.seq === i)
      assert.equal(end?.kind, kind, `${queue}: ${end?.body}`)
      assert.match(end?.body ?? '', says)
    }
  })

  test('a handler that calls process.exit harms no other task', async t => {
    const it = await start(t)
    it.worker.run(runOf('block', [300], { seqs: [0, 1] }))
    await logged(it, 'blocking')
    it.worker.run(runOf('exit', [1, 1, 1], { seqs: [1, 3] }))
    it.worker.run(runOf('echo', [8], { seqs: [4, 1] }))
    await it.ended(5)
    const kinds = it.ends.toSorted((a, b) => a.seq - b.seq).map(end => end.kind)
    assert.deepEqual(kinds, ['done', 'error', 'error', 'error', 'done'])
  })

  for (const kind of memory) {
    test(`a handler that uses up its memory by ${kind} ends in an error, others go on`, async t => {
      const resourceLimits = { maxOldGenerationSizeMb: 64 }
      const it = await start(t, { concurrency: 2, resourceLimits })
      it.worker.run(runOf('polite', [0], { seqs: [7, 1] }))
      await logged(it, 'listening')
      it.worker.run(runOf('devour', [JSON.stringify(kind)]))
      it.worker.run(runOf('echo', [8], { seqs: [1, 1] }))
      const ends = await it.ended(2)
      assert.deepEqual(
        ends.map(end => [end.seq, end.kind]),
        [
          [0, 'error'],
          [1, 'done'],
        ],
      )
      assert.match(ends[0]?.body ?? '', /devour .*64 MiB/)
      assert.deepEqual(it.warnings, [])
    })
  }

  test('there are as many runs as the worker has slots, and a queue has its own limit', async t => {
    const it = await start(t, { concurrency: 3 })
    const modules = await loadHandlers(await folder(t, { 'handlers.ts': handlers }))
    const limited = await rig(t, {
      isolate,
      concurrency: 3,
      modules: modules.map(module => ({ ...module, concurrency: 1 })),
    })
    for (const rig of [it, limited]) rig.worker.run(runOf('polite', [0, 0, 0, 0]))
    await it.until(() => it.reported.length === 3)
    await limited.until(() => limited.reported.length === 1)
    it.worker.abort(ledger, 1, [0, 1], 'cancelled')
    limited.worker.abort(ledger, 1, [0, 1], 'cancelled')
    await it.until(() => it.reported.length === 4)
    await limited.until(() => limited.reported.length === 2)
    assert.deepEqual(it.reported.slice(0, 3).map(seqOf).toSorted(), ['0', '1', '2'])
    assert.deepEqual(limited.reported.map(seqOf), ['0', '1'])
  })

  test('progress and lines come through, the last of quick ones at the end', async t => {
    const it = await start(t)
    it.worker.run(runOf('tell', [0]))
    await it.ended(1)
    const told = it.reported.map(({ kind, body }) => `${kind} ${String(Buffer.from(body))}`)
    assert.equal(told[0], 'progress {"at":1}')
    assert.equal(told.at(-1), 'progress {"at":3}')
    assert.ok(told.includes('log a line'))
  })

  test('nothing that a run has said is lost when it ends', async t => {
    const it = await start(t)
    it.worker.run(
      runOf(
        'tell',
        Array.from({ length: 200 }, () => 0),
      ),
    )
    await it.ended(200)
    const said = Map.groupBy(it.reported, seqOf)
    const last = [...said.values()].map(all => String(Buffer.from(all.at(-1)?.body ?? [])))
    assert.equal(last.filter(body => body === '{"at":3}').length, 200)
    assert.equal(it.reported.filter(({ kind }) => kind === 'log').length, 200)
  })

  test('a handler publishes from where it is', async t => {
    const it = await start(t)
    it.worker.run(runOf('publishOne', [{ width: 2 }]))
    await it.ended(1)
    assert.equal(it.ends[0]?.body, JSON.stringify({ id: `${ledger}-99`, durable: true }))
    assert.equal(it.published[0]?.task, 'width')
    assert.deepEqual(it.published[0]?.input, { width: 2 })
    assert.partialDeepStrictEqual(it.published[0]?.options, { priority: 4 })

    it.publishError = Object.assign(new Error('nobody there'), { name: 'QuorumUnavailableError' })
    it.worker.run(runOf('publishOne', [{}], { seqs: [1, 1] }))
    it.worker.run(runOf('publishBad', [{}], { seqs: [2, 1] }))
    await it.ended(3)
    const bodies = new Map(it.ends.map(end => [end.seq, end.body]))
    assert.match(bodies.get(1) ?? '', /QuorumUnavailableError.*nobody there/)
    assert.match(bodies.get(2) ?? '', /payload must be JSON/)
  })

  test('an abort reaches the handler, and its result is dropped', async t => {
    const it = await start(t, { concurrency: 1, graceMs: 15_000 })
    it.worker.run(runOf('polite', [0]))
    await logged(it, 'listening')
    it.worker.abort(ledger, 1, [0, 1], 'lease-lost')
    it.worker.run(runOf('where', [0], { seqs: [1, 1] }))
    await it.ended(1)
    assert.deepEqual(
      it.ends.map(end => end.seq),
      [1],
    )
    assert.deepEqual(it.warnings, [])
  })

  test('a handler that ends in time after its timeout is told as a timeout', async t => {
    const it = await start(t, { concurrency: 1, graceMs: 15_000 })
    it.worker.run(runOf('polite', [0], { timeoutMs: 20 }))
    const [end] = await it.ended(1)
    assert.equal(end?.kind, 'timeout')
    assert.match(end.body, /longer than 20 ms/)
    assert.deepEqual(it.warnings, [])
  })

  test('a handler that ignores its timeout is ended with what it runs in', async t => {
    const it = await start(t, { concurrency: 1, graceMs: 20 })
    it.worker.run(runOf('deaf', [0], { timeoutMs: 20 }))
    it.worker.run(runOf('echo', [1], { seqs: [1, 1] }))
    await it.ended(2)
    assert.deepEqual(
      it.ends.map(end => end.kind),
      ['timeout', 'done'],
    )
    assert.match(
      it.warnings[0] ?? '',
      new RegExp(`^Handler of deaf \\(task [\\da-f]+-0\\) is stuck: .* its ${isolate} was ended$`),
    )
  })

  test('a handler that ignores its abort keeps its slot until it has been ended', async t => {
    const it = await start(t, { concurrency: 1, graceMs: 50 })
    it.worker.run(runOf('deaf', [0]))
    await logged(it, 'deaf')
    it.worker.abort(ledger, 1, [0, 1], 'cancelled')
    it.worker.run(runOf('echo', [1], { seqs: [1, 1] }))
    await it.ended(1)
    assert.equal(it.warnings.length, 1, 'it was ended first')
    assert.deepEqual(
      it.ends.map(end => [end.seq, end.kind]),
      [[1, 'done']],
    )
  })

  test('what is not ready in time is an error of the run', async t => {
    const path = await folder(t, { 'slow.mjs': 'export function slow() {}' })
    const file = join(path, 'never.mjs')
    const modules = (await loadHandlers(path)).map(handler => ({ ...handler, file }))
    await writeFile(file, 'await new Promise(() => setInterval(() => {}, 1000))')
    const it = await rig(t, { isolate, modules, startMs: 400 })
    it.worker.run(runOf('slow', [0]))
    const [end] = await it.ended(1)
    assert.equal(end?.kind, 'error')
    assert.match(end.body, /was not ready to run after 400 ms/)
  })

  test('a module that cannot be imported any more is an error of the run', async t => {
    const modules = [
      { queue: 'gone', file: '/nowhere/gone.mjs', concurrency: undefined, defaults: {} },
    ]
    const it = await rig(t, { isolate, modules })
    it.worker.run(runOf('gone', [0]))
    const [end] = await it.ended(1)
    assert.equal(end?.kind, 'error')
    assert.match(end.body, /HandlerModuleError.*gone\.mjs cannot be used/)
  })

  test('a run that has not started is dropped by an abort', async t => {
    const it = await start(t, { concurrency: 1 })
    it.worker.run(runOf('echo', [0], { seqs: [0, 1] }))
    await new Promise(resolve => setImmediate(resolve))
    it.worker.abort(ledger, 1, [0, 1], 'lease-lost')
    it.worker.run(runOf('echo', [1], { seqs: [1, 1] }))
    await it.ended(1)
    assert.deepEqual(
      it.ends.map(end => end.seq),
      [1],
    )
  })

  test('stop ends all, and nothing is left open', async t => {
    const it = await start(t, { graceMs: 20 })
    const before = open()
    it.worker.run(runOf('deaf', [0, 1]))
    await it.until(() => it.reported.length === 2)
    assert.notDeepEqual(open(), before)
    await it.worker.stop()
    // A process that has ended is still being closed in the turn that tells of it.
    await turns(2)
    assert.deepEqual(open(), before)
    assert.deepEqual(it.ends, [])
  })
}
