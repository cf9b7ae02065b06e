import assert from 'node:assert/strict'
import { suite, test, type TestContext } from 'node:test'
import type { TaskContext } from '../../src/worker/definition.ts'
import { servedQueues } from '../../src/worker/lane.ts'
import type { WorkerInit } from '../../src/worker/worker-init.ts'
import { ledger, Rig, rig, runOf, turns } from './harness.ts'

/** A worker whose handlers end when the test lets them. */
async function gated(
  t: TestContext,
  init: Partial<WorkerInit> & { queues?: Record<string, number> } = {},
) {
  const { queues = { a: 100 }, ...rest } = init
  const order: string[] = []
  const gates = new Map<string, PromiseWithResolvers<unknown>>()
  const contexts = new Map<string, TaskContext>()
  const definitions = Object.entries(queues).map(([name, concurrency]) => ({
    name,
    concurrency,
    run: (input: unknown, ctx: TaskContext) => {
      const gate = Promise.withResolvers<unknown>()
      const key = `${name}${String(input)}`
      order.push(key)
      gates.set(key, gate)
      contexts.set(key, ctx)
      return gate.promise
    },
  }))
  // Before the worker's own, which waits for the handlers.
  t.after(() => gates.forEach(gate => gate.resolve(undefined)))
  const it = await rig(t, { concurrency: 2, graceMs: 50, definitions, ...rest })
  const open = async (...keys: string[]): Promise<void> => {
    for (const key of keys) gates.get(key)?.resolve(key)
    await turns(3)
  }
  return { it, order, contexts, open }
}

const kindsOf = (it: Rig): unknown[] => it.finished.map(({ kind, seqs }) => [kind, seqs])

suite('slots of the worker', () => {
  test('no more run than there are slots', async t => {
    const { it, order, open } = await gated(t)
    it.worker.run(runOf('a', [0, 1, 2, 3]))
    await turns(3)
    assert.deepEqual(order, ['a0', 'a1'])
    await open('a1')
    assert.deepEqual(order, ['a0', 'a1', 'a2'])
    assert.deepEqual(kindsOf(it), [['done', [1, 1]]])
  })

  test('a queue at its own limit lets others pass', async t => {
    const { it, order, open } = await gated(t, { concurrency: 3, queues: { a: 1, b: 2 } })
    it.worker.run(runOf('a', [0, 1], { seqs: [0, 2], priority: 9 }))
    it.worker.run(runOf('b', [0, 1, 2], { seqs: [2, 3] }))
    await turns(3)
    assert.deepEqual(order, ['a0', 'b0', 'b1'])
    await open('a0')
    assert.deepEqual(order, ['a0', 'b0', 'b1', 'a1'])
  })

  test('higher priority runs first, equal ones as they came', async t => {
    const { it, order, open } = await gated(t, { concurrency: 1 })
    it.worker.run(runOf('a', [0], { seqs: [0, 1] }))
    await turns(2)
    it.worker.run(runOf('a', [1], { seqs: [1, 1] }))
    it.worker.run(runOf('a', [2], { seqs: [2, 1], priority: 5 }))
    it.worker.run(runOf('a', [3], { seqs: [3, 1], priority: -1 }))
    it.worker.run(runOf('a', [4], { seqs: [4, 1], priority: 5 }))
    it.worker.run(runOf('a', [5], { seqs: [5, 1] }))
    for (const key of ['a0', 'a2', 'a4', 'a1', 'a5']) await open(key)
    assert.deepEqual(order, ['a0', 'a2', 'a4', 'a1', 'a5', 'a3'])
  })

  test('a run of higher priority passes one that has half started', async t => {
    const { it, order, open } = await gated(t, { concurrency: 1 })
    it.worker.run(runOf('a', [0, 1, 2], { seqs: [0, 3] }))
    await turns(2)
    it.worker.run(runOf('a', [7], { seqs: [7, 1], priority: 1 }))
    for (const key of ['a0', 'a7', 'a1']) await open(key)
    assert.deepEqual(order, ['a0', 'a7', 'a1', 'a2'])
  })

  test('a run that a handler brings about comes before the rest of its batch', async t => {
    const order: unknown[] = []
    const bring = { more: (): void => undefined }
    const run = (input: unknown): void => {
      if (order.push(input) === 1) bring.more()
    }
    const it = await rig(t, { definitions: [{ name: 'a', run }] })
    bring.more = () => it.worker.run(runOf('a', [7], { seqs: [7, 1], priority: 1 }))
    it.worker.run(runOf('a', [0, 1, 2]))
    await it.ended(4)
    assert.deepEqual(order, [0, 7, 1, 2])
  })

  test('drain gives back what has not started, and what comes later', async t => {
    const { it, order, open } = await gated(t)
    it.worker.run(runOf('a', [0, 1, 2, 3, 4], { seqs: [0, 3, 10, 2] }))
    it.worker.run(runOf('a', [5], { seqs: [20, 1], token: 2 }))
    await turns(2)
    it.worker.abort(ledger, 1, [10, 1], 'cancelled')
    it.worker.drain()
    it.worker.run(runOf('a', [6], { seqs: [30, 1], token: 3 }))
    await turns(2)
    assert.deepEqual(
      it.finished.map(({ kind, token, seqs }) => [kind, token, seqs]),
      [
        ['released', 1, [2, 1, 11, 1]],
        ['released', 2, [20, 1]],
        ['released', 3, [30, 1]],
      ],
    )
    await open('a0', 'a1')
    assert.deepEqual(order, ['a0', 'a1'])
    assert.deepEqual(kindsOf(it).at(-1), ['done', [0, 2]])
  })

  test('runs of a queue that is not served are given back', async t => {
    const { it } = await gated(t)
    it.worker.run(runOf('other', [0, 1]))
    await turns(2)
    assert.deepEqual(kindsOf(it), [['released', [0, 2]]])
  })

  test('an aborted run that waits never starts', async t => {
    const { it, order, open } = await gated(t, { concurrency: 1 })
    it.worker.run(runOf('a', [0, 1, 2, 3, 4], { seqs: [0, 5] }))
    await turns(2)
    it.worker.abort(ledger, 1, [1, 2], 'lease-lost')
    it.worker.abort(ledger, 1, [4, 1], 'lease-lost')
    it.worker.abort(ledger, 2, [3, 1], 'lease-lost')
    for (const key of ['a0', 'a3']) await open(key)
    assert.deepEqual(order, ['a0', 'a3'])
    assert.deepEqual(kindsOf(it), [
      ['done', [0, 1]],
      ['done', [3, 1]],
    ])
  })

  const reasons = [
    { reason: 'lease-lost', name: 'LeaseLostError' },
    { reason: 'cancelled', name: 'AbortError' },
    { reason: 'leaving', name: 'AbortError' },
  ]
  for (const { reason, name } of reasons) {
    test(`${reason} aborts the signal with ${name}, and the result is dropped`, async t => {
      const { it, order, contexts, open } = await gated(t, { concurrency: 1, graceMs: 60_000 })
      it.worker.run(runOf('a', [0, 1]))
      await turns(2)
      const asked = contexts.get('a0')?.signal
      it.worker.abort(ledger, 1, [0, 1], reason)
      assert.equal(asked?.reason.name, name)
      contexts.get('a0')?.progress(1)
      await turns(3)
      assert.deepEqual(order, ['a0'], 'the slot is taken until the handler ends')
      await assert.rejects(async () => contexts.get('a0')?.publish('b', 1), { name })
      await open('a0')
      assert.deepEqual(order, ['a0', 'a1'])
      assert.deepEqual(it.finished, [])
      assert.deepEqual(it.reported, [])
    })
  }

  test('a signal that is asked for after the abort is aborted', async t => {
    const { it, contexts } = await gated(t)
    it.worker.run(runOf('a', [0]))
    await turns(2)
    it.worker.abort(ledger, 1, [0, 1], 'lease-lost')
    assert.equal(contexts.get('a0')?.signal.aborted, true)
  })

  test('an end that has not been told yet is dropped by an abort', async t => {
    const { it } = await gated(t)
    it.worker.drain()
    it.worker.run(runOf('a', [0, 1, 2], { token: 4 }))
    it.worker.abort(ledger, 4, [0, 2], 'cancelled')
    await turns(2)
    assert.deepEqual(kindsOf(it), [['released', [2, 1]]])
  })

  test('a handler that aborts its own run from within is not told of', async t => {
    const self = { stop: (): void => undefined }
    const run = (input: unknown): unknown => {
      self.stop()
      return input === 0 ? 1 : Promise.resolve(1)
    }
    const it = await rig(t, { concurrency: 1, definitions: [{ name: 'a', run }] })
    self.stop = () => it.worker.abort(ledger, 1, [0, 2], 'cancelled')
    it.worker.run(runOf('a', [0, 1, 2]))
    await it.ended(1)
    assert.deepEqual(kindsOf(it), [['done', [2, 1]]])
  })

  test('a run that takes too long is told at once as a timeout', async t => {
    const { it, contexts, order, open } = await gated(t, { concurrency: 1, graceMs: 60_000 })
    it.worker.run(runOf('a', [0, 1], { timeoutMs: 5 }))
    await turns(2)
    const { signal } = contexts.get('a0') ?? assert.fail()
    await it.ended(1)
    assert.equal(signal.reason.name, 'TimeoutError')
    assert.equal(it.ends[0]?.kind, 'timeout')
    assert.match(it.ends[0]?.body ?? '', /longer than 5 ms/)
    assert.deepEqual(order, ['a0'])
    await open('a0')
    assert.deepEqual(order, ['a0', 'a1'])
    assert.equal(it.ends.filter(end => end.seq === 0).length, 1, 'the late result is ignored')
  })

  test('a handler that ignores its signal loses its slot after the grace period', async t => {
    const { it, order } = await gated(t, { concurrency: 1, graceMs: 5 })
    it.worker.run(runOf('a', [0, 1]))
    await turns(2)
    it.worker.abort(ledger, 1, [0, 1], 'lease-lost')
    await it.until(() => it.warnings.length > 0)
    await turns(3)
    assert.deepEqual(order, ['a0', 'a1'])
    assert.match(it.warnings[0] ?? '', /Handler of a .* has not ended 5 ms after/)
  })

  test('stop aborts what runs, waits for it and says nothing more', async t => {
    const ended: string[] = []
    const run = (_: unknown, { signal }: TaskContext): Promise<void> => {
      const { promise, reject } = Promise.withResolvers<void>()
      signal.addEventListener('abort', () => {
        ended.push(signal.reason.name)
        reject(signal.reason)
      })
      return promise
    }
    const it = await rig(t, { definitions: [{ name: 'a', run }] })
    it.worker.run(runOf('a', [0, 1, 2, 3, 4]))
    await turns(2)
    await it.worker.stop()
    assert.deepEqual(ended, ['AbortError', 'AbortError', 'AbortError', 'AbortError'])
    await turns(2)
    assert.deepEqual(it.finished, [])
  })

  test('a worker that never started stops', async () => {
    await new Rig({}).worker.stop()
  })

  test('a worker serves its queues, none with more slots than it has', () => {
    const run = (): number => 1
    const modules = [{ queue: 'c', file: '/c.mjs', concurrency: 2, defaults: {} }]
    const definitions = [
      { name: 'a', run },
      { name: 'b', concurrency: 9, run },
    ]
    assert.deepEqual(servedQueues({ concurrency: 4, definitions, modules }), [
      { queue: 'a', concurrency: 4 },
      { queue: 'b', concurrency: 4 },
      { queue: 'c', concurrency: 2 },
    ])
    assert.deepEqual(servedQueues({ concurrency: 0, definitions, modules }), [])
  })

  test('two handlers of one queue are refused', () => {
    const run = (): number => 1
    assert.throws(
      () =>
        new Rig({
          definitions: [
            { name: 'a', run },
            { name: 'a', run },
          ],
        }),
      {
        name: 'InvalidParametersError',
        message: /Queue a has more than one handler/,
      },
    )
  })
})
