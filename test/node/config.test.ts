import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { describe, it, test } from 'node:test'
import { runInNewContext } from 'node:vm'
import { defaults, resolveConfig } from '../../src/config.ts'
import { noTiming } from '../../src/core/timing.ts'
import { planPublish, publishDefaults } from '../../src/publish-options.ts'

const source = join(import.meta.dirname, '../../src')

/** The `@default` tags of an interface's members. */
async function defaultTags(file: string, name: string): Promise<Record<string, unknown>> {
  const text = await readFile(join(source, file), 'utf8')
  const body = new RegExp(`export interface ${name}[^{]*\\{\\n([\\s\\S]*?)\\n\\}`).exec(text)?.[1]
  const tags: Record<string, unknown> = {}
  const member = /@default (.+)\n\s+\*\/\n\s+readonly (\w+)\?/g
  for (const [, value = '', key = ''] of (body ?? '').matchAll(member)) {
    // The tags are literals of the language, such as 30_000 or 'disk'.
    tags[key] = runInNewContext(`(${value})`)
  }
  return plain(tags)
}

/** The same of this realm, without prototypes of another. */
function plain(values: object): Record<string, unknown> {
  return JSON.parse(JSON.stringify(values))
}

test('the @default tags of MeshNodeInit are the defaults', async () => {
  assert.deepEqual(await defaultTags('config.ts', 'MeshNodeInit'), plain(defaults))
})

test('the @default tags of PublishOptions are the defaults', async () => {
  const tags = await defaultTags('publish-options.ts', 'PublishOptions')
  assert.deepEqual(tags, plain(publishDefaults))
})

describe('resolveConfig', () => {
  it('fills in the defaults', () => {
    const config = resolveConfig({})
    assert.equal(config.mesh, 'default')
    assert.equal(config.concurrency, availableParallelism())
    assert.equal(config.leaseMs, 30_000)
    assert.equal(config.dataDir, undefined)
    assert.equal(Object.isFrozen(defaults), true)
  })

  it('takes functions by the name of their queue, and definitions by their own', () => {
    const add = async (input: { a: number }): Promise<number> => input.a
    assert.deepEqual(
      resolveConfig({ tasks: { add } }).tasks.map(({ name }) => name),
      ['add'],
    )
    const definition = { name: 'resize', attempts: 7, run: () => 1 }
    const renamed = resolveConfig({ tasks: { scale: definition } }).tasks[0]
    assert.equal(renamed?.name, 'scale')
    assert.equal(renamed?.attempts, 7)
    assert.equal(resolveConfig({ tasks: [definition] }).tasks[0], definition)
  })

  it('takes commands by the name of their queue', () => {
    const commands = { count: 'wc -w', scale: { command: 'convert - -', concurrency: 2 } }
    assert.deepEqual(resolveConfig({ commands }).commands, [
      { queue: 'count', command: 'wc -w', concurrency: undefined },
      { queue: 'scale', command: 'convert - -', concurrency: 2 },
    ])
  })

  it('sorts labels and makes texts of them', () => {
    const { labels } = resolveConfig({ labels: { os: 'linux', gpu: true, cores: 8 } })
    assert.deepEqual(Object.entries(labels), [
      ['cores', '8'],
      ['gpu', 'true'],
      ['os', 'linux'],
    ])
  })

  it('lets a guest neither listen nor work', () => {
    const { listen, concurrency } = resolveConfig({ guest: true })
    assert.deepEqual([listen, concurrency], [[], 0])
  })

  const run = (): number => 1
  const refused: readonly (readonly [string, object, RegExp])[] = [
    ['a mesh with a space', { mesh: 'my mesh' }, /mesh must be 1 to 63/],
    ['an empty secret', { secret: '' }, /secret must be text; make one with meshwork secret/],
    ['half a handler', { concurrency: 0.5 }, /concurrency must be an integer from 0 to/],
    ['even voters', { voters: 4 }, /voters must be odd/],
    ['too many voters', { voters: 9 }, /voters must be an integer from 1 to 7, not 9/],
    ['a short lease', { leaseMs: 10 }, /leaseMs must be an integer from 1000 to/],
    ['a durability of another kind', { durability: 'memory' }, /durability must be 'disk' or/],
    [
      'one address where a list is due',
      { bootstrap: '/ip4/127.0.0.1' },
      /bootstrap must be a list/,
    ],
    ['a flag that is none', { mdns: 'no' }, /mdns must be true or false/],
    ['a queue without a name', { tasks: { '': run } }, /needs a name that is not empty/],
    ['a queue with a name too long', { tasks: { ['q'.repeat(257)]: run } }, /256 bytes, not 257/],
    [
      'a queue given twice',
      {
        tasks: [
          { name: 'a', run },
          { name: 'a', run },
        ],
      },
      /has a twice/,
    ],
    ['a task that is none', { tasks: { a: 1 } }, /a is neither/],
    ['a command that is none', { commands: { a: ' ' } }, /command of a must be a text/],
    [
      'a command that never runs',
      { commands: { a: { command: 'true', concurrency: 0 } } },
      /concurrency must be an integer from 1/,
    ],
    ['a guest with a command', { guest: true, commands: { a: 'true' } }, /A guest runs nothing/],
    [
      'no memory',
      { threads: { resourceLimits: { stackSizeMb: 0 } } },
      /stackSizeMb must be above 0/,
    ],
    ['a guest that works', { guest: true, tasks: { a: run } }, /A guest runs nothing/],
    ['an empty path', { dataDir: '' }, /dataDir must be a path/],
    ['resources', { resources: { gpu: 1 } }, /resources is not supported by this version/],
    ['accept', { accept: run }, /accept is not supported by this version/],
    ['roles', { roles: [] }, /roles is not supported by this version/],
  ]
  for (const [what, init, message] of refused) {
    it(`refuses ${what}`, () => {
      assert.throws(() => resolveConfig(init), {
        name: 'InvalidParametersError',
        message,
      })
    })
  }
})

describe('planPublish', () => {
  it('prefers options to the definition, and the definition to the defaults', () => {
    const definition = { attempts: 5, timeoutMs: 100 }
    const { spec, timing } = planPublish('q', definition, { attempts: 2 }, 0)
    assert.deepEqual(spec, {
      queue: 'q',
      priority: 0,
      requires: '',
      attempts: 2,
      backoff: 'exponential',
      backoffMs: 1_000,
      backoffMaxMs: 3_600_000,
      timeoutMs: 100,
      resultTtlMs: 86_400_000,
    })
    assert.deepEqual(timing, noTiming)
  })

  it('makes a delay of a date, and none of one that has passed', () => {
    assert.equal(planPublish('q', {}, { runAt: 5_000 }, 2_000).timing.delayMs, 3_000)
    assert.equal(planPublish('q', {}, { runAt: new Date(5_000) }, 2_000).timing.delayMs, 3_000)
    assert.equal(planPublish('q', {}, { runAt: 1_000 }, 2_000).timing.delayMs, 0)
  })

  it('makes limits of a date and of a wait in the queue, which begins when the task is due', () => {
    const options = { runAt: 5_000, queueTimeoutMs: 700, expiresAt: new Date(9_000) }
    const { startWithinMs, endWithinMs } = planPublish('q', {}, options, 2_000).timing
    assert.deepEqual([startWithinMs, endWithinMs], [3_700, 7_000])
  })

  it('writes labels that are required in the order of their names', () => {
    const labels = { os: 'linux', gpu: 2, fast: true }
    const { spec } = planPublish('q', {}, { requires: { labels } }, 0)
    assert.equal(spec.requires, 'fast=true,gpu=2,os=linux')
    assert.equal(planPublish('q', {}, { requires: {} }, 0).spec.requires, '')
  })

  const refused: readonly (readonly [string, object, RegExp])[] = [
    [
      'resources',
      { requires: { resources: { gpu: 1 } } },
      /requires.resources is not supported by this version/,
    ],
    [
      'a range of a label',
      { requires: { labels: { ram: { gte: 8 } } } },
      /a range of label ram is not supported by this version/,
    ],
    ['a label with a comma', { requires: { labels: { os: 'a,b' } } }, /without commas/],
    [
      'a priority out of range',
      { priority: 2_000_000 },
      /priority must be an integer from -1000000/,
    ],
    ['no attempt', { attempts: 0 }, /attempts must be an integer from 1/],
    ['a delay before now', { delayMs: -1 }, /delayMs must be an integer from 0/],
    ['a delay and a date', { delayMs: 1, runAt: 1 }, /exclude each other; leave one out/],
    ['a date that is none', { runAt: new Date('never') }, /runAt must be a valid date/],
    ['a backoff of another kind', { backoff: { type: 'linear', delayMs: 1 } }, /'fixed' or/],
    ['an expiry that has passed', { expiresAt: 0 }, /expiresAt was 0 ms ago; give a time/],
    ['an expiry that is none', { expiresAt: Number.NaN }, /expiresAt must be a valid date/],
    ['a wait before now', { queueTimeoutMs: -1 }, /queueTimeoutMs must be an integer from 0/],
    ...['groupKey', 'dependsOn', 'repeat'].map(
      name =>
        [name, { [name]: 1 }, new RegExp(`${name} is not supported by this version`)] as const,
    ),
  ]
  for (const [what, options, message] of refused) {
    it(`refuses ${what}`, () => {
      assert.throws(() => planPublish('q', {}, options, 0), {
        name: 'InvalidParametersError',
        message,
      })
    })
  }
})
