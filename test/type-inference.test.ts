import { test } from 'node:test'
import { expectTypeOf } from 'expect-type'
import { z } from 'zod'
import {
  defineTask,
  type MeshNode,
  type MeshNodeEvents,
  type MeshNodeInit,
  type PublishOptions,
  type TaskEvent,
  type TaskHandle,
  type TaskOutcome,
} from '../src/index.ts'

// Checked by the compiler; run, this file only shows that it loads.

const resize = defineTask('resize', {
  input: z.object({ path: z.string(), width: z.number().default(100) }),
  attempts: 5,
  backoff: { type: 'exponential', delayMs: 500 },
  run: async ({ path, width }, ctx) => {
    expectTypeOf(path).toEqualTypeOf<string>()
    // What the handler gets has the schema's defaults.
    expectTypeOf(width).toEqualTypeOf<number>()
    expectTypeOf(ctx.signal).toEqualTypeOf<AbortSignal>()
    return { bytes: 123 }
  },
})

const square = defineTask('square', { run: (n: number) => n * n })

declare const node: MeshNode

async function publishing(): Promise<void> {
  const task = await node.publish(resize, { path: 'a.png' }, { priority: 5 })
  expectTypeOf(task).toEqualTypeOf<TaskHandle<{ bytes: number }>>()
  expectTypeOf(await task.result()).toEqualTypeOf<{ bytes: number }>()
  expectTypeOf(await task.outcome()).toEqualTypeOf<TaskOutcome<{ bytes: number }>>()
  expectTypeOf(task.events()).toEqualTypeOf<AsyncIterable<TaskEvent<{ bytes: number }>>>()

  // @ts-expect-error The definition asks for a path.
  await node.publish(resize, { width: 7 })
  // @ts-expect-error The definition asks for a number.
  await node.publish(square, 'seven')
  // @ts-expect-error An option that this version does not have.
  await node.publish(square, 7, { groupKey: 'a' })

  const squares = await node.publishMany(square, [1, 2, 3])
  expectTypeOf(squares).toEqualTypeOf<TaskHandle<number>[]>()
  // @ts-expect-error One of them is no number.
  await node.publishMany(square, [1, '2'])

  expectTypeOf(await node.publish('anything', { any: 'json' })).toEqualTypeOf<TaskHandle>()
  expectTypeOf(await node.publish<number>('count')).toEqualTypeOf<TaskHandle<number>>()
  expectTypeOf(node.task<string>('id')).toEqualTypeOf<TaskHandle<string>>()
}

function listening(): void {
  node.addEventListener('task:done', ({ detail }) => {
    expectTypeOf(detail).toEqualTypeOf<MeshNodeEvents['task:done']['detail']>()
    expectTypeOf(detail.attempt).toEqualTypeOf<number>()
  })
  // @ts-expect-error There is no such event.
  node.addEventListener('task:finished', () => {})
}

test('results are typed by their definitions', () => {
  expectTypeOf(publishing).returns.resolves.toBeVoid()
  expectTypeOf(listening).returns.toBeVoid()
})

test('tasks are given as definitions, or as functions by queue', () => {
  expectTypeOf<{ tasks: (typeof resize | typeof square)[] }>().toExtend<MeshNodeInit>()
  const add = ({ a, b }: { a: number; b: number }): number => a + b
  expectTypeOf<{ tasks: { add: typeof add; square: typeof square } }>().toExtend<MeshNodeInit>()
  expectTypeOf<{ tasks: { add: 7 } }>().not.toExtend<MeshNodeInit>()
})

test('options may be given as undefined', () => {
  expectTypeOf<{ priority: undefined; runAt: undefined }>().toExtend<PublishOptions>()
  expectTypeOf<{ mesh: undefined; dataDir: undefined }>().toExtend<MeshNodeInit>()
})
