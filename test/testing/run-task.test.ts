import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { z } from 'zod'
import { defineTask, UnrecoverableError } from '../../src/index.ts'
import { type PublishedByHandler, runTask } from '../../src/testing/index.ts'

const thumbnail = defineTask('thumbnail', {
  input: z.object({ width: z.number() }),
  run: async ({ width }, ctx) => {
    if (width < 1) throw new UnrecoverableError('a thumbnail has a width')
    ctx.progress({ width })
    ctx.log(`attempt ${ctx.attempt} on ${ctx.node}`)
    await ctx.publish('count', { width }, { delayMs: 5 })
    return { width, at: new Date(0), nothing: undefined }
  },
})

describe('one handler alone', () => {
  test('gets its input, and its result is what comes out of JSON', async () => {
    const result: unknown = await runTask(thumbnail, { width: 3 })
    assert.deepEqual(result, { width: 3, at: '1970-01-01T00:00:00.000Z' })
  })

  test('tells what it reports and publishes', async () => {
    const told: unknown[] = []
    const published: PublishedByHandler[] = []
    await runTask(
      thumbnail,
      { width: 3 },
      {
        ...{ attempt: 2, node: 'n7' },
        onProgress: value => told.push(value),
        onLog: line => told.push(line),
        onPublish: one => published.push(one),
      },
    )
    assert.deepEqual(told, [{ width: 3 }, 'attempt 2 on n7'])
    assert.deepEqual(published, [{ queue: 'count', input: { width: 3 }, options: { delayMs: 5 } }])
  })

  test('fails as itself', async () => {
    await assert.rejects(runTask(thumbnail, { width: 0 }), { name: 'UnrecoverableError' })
    await assert.rejects(runTask(thumbnail, { width: 'x' as never }), { name: 'InvalidInputError' })
  })

  test('must report what is JSON, as in a mesh, whether anybody listens or not', async () => {
    const circular: { self?: unknown } = {}
    circular.self = circular
    const values = [undefined, circular, 'x'.repeat(9_000)]
    for (const value of values) {
      const report = defineTask('report', { run: (_: null, ctx) => ctx.progress(value) })
      for (const options of [{}, { onProgress: () => {} }]) {
        await assert.rejects(runTask(report, null, options), { name: 'TypeError' })
      }
    }
  })

  test('hears a signal, and does not begin once it has been given', async () => {
    const begun = Promise.withResolvers<void>()
    const waiting = defineTask('waiting', {
      run: (_: null, { signal }) => {
        return new Promise((_, reject) => {
          signal.addEventListener('abort', () => reject(signal.reason as Error))
          begun.resolve()
        })
      },
    })
    const controller = new AbortController()
    const { signal } = controller
    const running = runTask(waiting, null, { signal })
    await begun.promise
    controller.abort(new Error('enough'))
    await assert.rejects(running, /enough/)
    await assert.rejects(runTask(waiting, null, { signal }), /enough/)
  })

  test('of bytes needs a cluster', async () => {
    const bytes = defineTask('bytes', { run: (input: Uint8Array) => input.length })
    await assert.rejects(runTask(bytes, Uint8Array.of(1)), /try bytes with createTestCluster/)
  })
})
