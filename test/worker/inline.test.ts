import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { z } from 'zod'
import { isCanonical } from '../../src/core/ranges.ts'
import { systemTimers } from '../../src/time/system-timers.ts'
import { defineTask, type TaskContext } from '../../src/worker/definition.ts'
import { UnrecoverableError } from '../../src/worker/errors.ts'
import { ledger, rig, runOf, turns } from './harness.ts'

/** Timers of a machine on which nothing takes any time, so that a turn is never cut off. */
const timers = { ...systemTimers, now: () => 0 }

const note = (body: string): { name: string; message: string } => JSON.parse(body)

suite('handlers on the main loop', () => {
  test('100 handlers without promises make one input of one range', async t => {
    const double = defineTask('double', { run: (n: number) => n * 2 })
    const it = await rig(t, { timers, definitions: [double] })
    it.worker.run(
      runOf(
        'double',
        Array.from({ length: 100 }, (_, i) => i),
        { seqs: [7, 100] },
      ),
    )
    assert.equal(it.finished.length, 0, 'nothing is told from within a call')

    await it.ended(100)
    assert.equal(it.finished.length, 1)
    assert.deepEqual(it.finished[0]?.seqs, [7, 100])
    assert.deepEqual(it.ends[99], { seq: 106, token: 1, kind: 'done', body: '198' })
  })

  test('100 promises that resolve in one turn make one input', async t => {
    const definitions = [{ name: 'a', run: async () => 1 }]
    const it = await rig(t, { timers, concurrency: 100, definitions })
    it.worker.run(
      runOf(
        'a',
        Array.from({ length: 100 }, () => 0),
      ),
    )
    await it.ended(100)
    assert.equal(it.finished.length, 1)
  })

  test('runs of one ballot are told together, those of two apart', async t => {
    const it = await rig(t, { timers, definitions: [{ name: 'a', run: () => 1 }] })
    it.worker.run(runOf('a', [1, 2], { seqs: [0, 2] }))
    it.worker.run(runOf('a', [1, 2], { seqs: [2, 2], priority: 3 }))
    it.worker.run(runOf('a', [1], { seqs: [9, 1], token: 2 }))
    await it.ended(5)
    const told = it.finished.map(({ token, seqs }) => ({ token, seqs }))
    assert.deepEqual(told, [
      { token: 1, seqs: [0, 4] },
      { token: 2, seqs: [9, 1] },
    ])
  })

  test('runs that end out of order are told as canonical ranges', async t => {
    const gates = new Map<number, PromiseWithResolvers<string>>()
    const run = (n: unknown): Promise<string> => {
      const gate = Promise.withResolvers<string>()
      gates.set(n as number, gate)
      return gate.promise
    }
    const it = await rig(t, { concurrency: 10, definitions: [{ name: 'a', run }] })
    it.worker.run(runOf('a', [3, 4, 5, 9, 10], { seqs: [3, 3, 9, 2] }))
    await turns(2)
    for (const n of [10, 4, 3, 9, 5]) gates.get(n)?.resolve(`é${n}`)
    await it.ended(5)
    const [finished] = it.finished
    assert.equal(it.finished.length, 1)
    assert.deepEqual(finished?.seqs, [3, 3, 9, 2])
    assert.ok(isCanonical(finished?.seqs ?? [], 100))
    assert.deepEqual(
      it.ends.map(end => end.body),
      ['"é3"', '"é4"', '"é5"', '"é9"', '"é10"'],
    )
  })

  test('a context knows its run, and its members work on their own', async t => {
    const seen: unknown[] = []
    const run = async (_: unknown, ctx: TaskContext): Promise<void> => {
      const { signal, token, attempt, taskId, node, progress, log, publish } = ctx
      seen.push({ aborted: signal.aborted, token, attempt, taskId, node })
      progress(0.5)
      log('half-way')
      seen.push(await publish('next', { a: 1 }, { priority: 2 }))
    }
    const it = await rig(t, { definitions: [{ name: 'a', run }] })
    it.worker.run(runOf('a', [0], { seqs: [5, 1], token: 8, attempt: 3 }))
    await it.ended(1)
    const taskId = `${ledger}-5`
    assert.deepEqual(seen, [
      { aborted: false, token: 8, attempt: 3, taskId, node: 'peer-1' },
      { id: `${ledger}-99`, durable: true },
    ])
    assert.deepEqual(it.published, [{ task: 'next', input: { a: 1 }, options: { priority: 2 } }])
    const told = it.reported.map(({ kind, seq, token, body }) => [
      kind,
      seq,
      token,
      String(Buffer.from(body)),
    ])
    assert.deepEqual(told, [
      ['progress', 5, 8, '0.5'],
      ['log', 5, 8, 'half-way'],
    ])
  })

  const results: readonly { name: string; run: () => unknown; kind: string; says: RegExp }[] = [
    { name: 'nothing', run: () => undefined, kind: 'done', says: /^null$/ },
    { name: 'a circle', run: () => circle(), kind: 'result', says: /not JSON.*circular/ },
    { name: 'a BigInt', run: () => 1n, kind: 'result', says: /not JSON.*BigInt/ },
    { name: '65,536 bytes', run: () => 'x'.repeat(65_534), kind: 'done', says: /^"x+"$/ },
    {
      name: '65,537 bytes',
      run: () => 'x'.repeat(65_535),
      kind: 'result',
      says: /65537 bytes.*65536/,
    },
    { name: 'long characters', run: () => '€'.repeat(30_000), kind: 'result', says: /90002 bytes/ },
    {
      name: 'an error',
      run: () => fail(new RangeError('far')),
      kind: 'error',
      says: /RangeError.*far/,
    },
    { name: 'a thrown string', run: () => fail('far'), kind: 'error', says: /"message":"far"/ },
    {
      name: 'no hope',
      run: () => fail(new UnrecoverableError('no')),
      kind: 'unrecoverable',
      says: /no/,
    },
    {
      name: 'an endless error',
      run: () => fail(new Error('€'.repeat(99_999))),
      kind: 'error',
      says: /€…/,
    },
    { name: 'a hostile error', run: () => fail(hostile), kind: 'error', says: /cannot be read/ },
  ]
  for (const { name, run, kind, says } of results) {
    for (const way of ['returned', 'promised']) {
      test(`${name}, ${way}, is ${kind}`, async t => {
        const handler = way === 'returned' ? run : async () => run()
        const it = await rig(t, { definitions: [{ name: 'a', run: handler }] })
        it.worker.run(runOf('a', [0]))
        const [end] = await it.ended(1)
        assert.equal(end?.kind, kind)
        assert.match(end?.body ?? '', says)
        if (kind !== 'done') assert.ok(Buffer.byteLength(end?.body ?? '') <= 8_192)
        assert.doesNotThrow(() => JSON.parse(end?.body ?? ''))
      })
    }
  }

  test('a payload that is not JSON fails for good', async t => {
    const it = await rig(t, { definitions: [{ name: 'a', run: () => 1 }] })
    it.worker.run(runOf('a', ['{"a":', '', '1']))
    await it.ended(3)
    const kinds = new Map(it.ends.map(end => [end.seq, end.kind]))
    assert.deepEqual(
      [0, 1, 2].map(seq => kinds.get(seq)),
      ['unrecoverable', 'unrecoverable', 'done'],
    )
    assert.match(it.ends.find(end => end.seq === 0)?.body ?? '', /Payload is not JSON/)
  })

  const schemas = {
    'at once': z.object({ width: z.number().default(3) }),
    'in time': z.object({ width: z.number().default(3) }).refine(async () => true),
  }
  for (const [when, input] of Object.entries(schemas)) {
    test(`a schema that answers ${when} decides what the handler gets`, async t => {
      const area = defineTask('area', { input, run: ({ width }) => width * width })
      const it = await rig(t, { definitions: [area] })
      it.worker.run(runOf('area', [{}, { width: 'wide' }]))
      await it.ended(2)
      assert.equal(it.ends.find(end => end.seq === 0)?.body, '9')
      const refused = it.ends.find(end => end.seq === 1)
      assert.equal(refused?.kind, 'unrecoverable')
      const { name, message } = note(refused?.body ?? '')
      assert.equal(name, 'UnrecoverableError')
      assert.match(message, /^Input is not valid: width: .*number/)
    })
  }

  test('a handler that blocks the loop is named in one warning', async t => {
    const run = (): void => {
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 30)
    }
    const it = await rig(t, { definitions: [{ name: 'slow', run }], blockMs: 20 })
    it.worker.run(runOf('slow', [1, 2, 3]))
    await it.ended(3)
    assert.equal(it.warnings.length, 1)
    assert.match(it.warnings[0] ?? '', /Handler of slow blocked the main loop for \d+ ms/)
  })

  test('a long row of handlers lets the loop turn', async t => {
    let ticks = 0
    const run = (): void => {
      const until = performance.now() + 1
      while (performance.now() < until);
    }
    const it = await rig(t, { definitions: [{ name: 'busy', run }] })
    const ticker = setInterval(() => ticks++, 1)
    t.after(() => clearInterval(ticker))
    it.worker.run(
      runOf(
        'busy',
        Array.from({ length: 60 }, () => 0),
      ),
    )
    await it.ended(60)
    assert.ok(ticks >= 5, `${ticks} ticks`)
    assert.ok(it.finished.length >= 5, 'results go out meanwhile')
  })
})

const hostile = {
  get name(): string {
    throw new Error('no name')
  },
  message: '',
}

function fail(error: unknown): never {
  throw error
}

function circle(): unknown {
  const all: Record<string, unknown> = {}
  all['self'] = all
  return all
}
