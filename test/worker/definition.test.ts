import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { expectTypeOf } from 'expect-type'
import { z } from 'zod'
import {
  defineTask,
  type TaskContext,
  type TaskDefinition,
  type TaskDefinitionLike,
} from '../../src/worker/definition.ts'

/** Stands for what publishes: types follow from the definition alone. */
async function publish<Input, Output>(
  task: TaskDefinition<Input, Output>,
  input: Input,
): Promise<Output> {
  return task.run(input, {} as TaskContext)
}

suite('defineTask', () => {
  test('types follow from schema and handler', () => {
    const resize = defineTask('resize', {
      input: z.object({ path: z.string(), width: z.coerce.number().default(1) }),
      run: async ({ path, width }, ctx) => {
        expectTypeOf(path).toBeString()
        expectTypeOf(width).toBeNumber()
        expectTypeOf(ctx).toEqualTypeOf<TaskContext>()
        return { bytes: width }
      },
    })
    type Types = NonNullable<(typeof resize)['~types']>
    expectTypeOf<Types['input']>().toEqualTypeOf<{ path: string; width?: unknown }>()
    expectTypeOf<Types['output']>().toEqualTypeOf<{ bytes: number }>()
    const published = (): Promise<{ bytes: number }> => publish(resize, { path: 'a' })
    expectTypeOf(published).returns.resolves.toEqualTypeOf<{ bytes: number }>()

    const double = defineTask('double', { run: (n: number) => n * 2 })
    expectTypeOf(double).toEqualTypeOf<TaskDefinition<number, number>>()
    expectTypeOf(resize).toExtend<TaskDefinitionLike>()
    expectTypeOf(double).toExtend<TaskDefinition<unknown, unknown>>()
    // @ts-expect-error A number is no string.
    const wrong = (): unknown => publish(double, 'a')
    assert.ok(wrong)
  })

  test('a definition carries its settings and cannot be changed', () => {
    const backoff = { type: 'exponential', delayMs: 500 } as const
    const task = defineTask('a', {
      attempts: 5,
      backoff,
      priority: -3,
      concurrency: 2,
      run: () => 1,
    })
    const { name, attempts, priority, concurrency } = task
    assert.deepEqual(
      { name, attempts, priority, concurrency },
      { name: 'a', attempts: 5, priority: -3, concurrency: 2 },
    )
    assert.equal(task.backoff, backoff)
    assert.ok(Object.isFrozen(task))
  })

  test('a handler may be a method that uses its siblings', () => {
    const init = { factor: 3, run: (n: number): number => n * 3 }
    class Tripler {
      readonly factor = 3
      run(n: number): number {
        return n * this.factor
      }
    }
    assert.equal(defineTask('t', new Tripler()).run(2, {} as TaskContext), 6)
    assert.equal(defineTask('t', init).run(2, {} as TaskContext), 6)
  })

  const run = (): number => 1
  const refused: readonly { name: string; define: () => unknown; says: RegExp }[] = [
    { name: 'an empty queue', define: () => defineTask('', { run }), says: /queue needs a name/ },
    {
      name: 'an endless queue',
      define: () => defineTask('é'.repeat(129), { run }),
      says: /more than 256 bytes/,
    },
    {
      name: 'no handler',
      define: () => defineTask('a', {} as never),
      says: /Task a needs a function run/,
    },
    {
      name: 'a schema of its own kind',
      define: () => defineTask('a', { input: {} as never, run }),
      says: /Standard Schema/,
    },
    {
      name: 'a limit',
      define: () => defineTask('a', { limit: { key: (n: number) => `${n}` }, run }),
      says: /limit of task a is not supported/,
    },
    {
      name: 'no attempt',
      define: () => defineTask('a', { attempts: 0, run }),
      says: /attempts .* not 0/,
    },
    {
      name: 'half a priority',
      define: () => defineTask('a', { priority: 0.5, run }),
      says: /priority/,
    },
    {
      name: 'a timer too long',
      define: () => defineTask('a', { timeoutMs: 2 ** 31, run }),
      says: /timeoutMs/,
    },
    {
      name: 'no slot',
      define: () => defineTask('a', { concurrency: 0, run }),
      says: /concurrency/,
    },
    {
      name: 'a strange backoff',
      define: () => defineTask('a', { backoff: { type: 'random', delayMs: 1 } as never, run }),
      says: /fixed or exponential/,
    },
  ]
  for (const { name, define, says } of refused) {
    test(`${name} is refused`, () => {
      assert.throws(define, { name: 'InvalidParametersError', message: says })
    })
  }
})
