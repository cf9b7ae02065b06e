import assert from 'node:assert/strict'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { loadHandlers } from '../../src/worker/load.ts'
import { folder } from './harness.ts'

const definition = pathToFileURL(join(import.meta.dirname, '../../src/worker/definition.ts')).href

suite('loadHandlers', () => {
  test('exports name queues, of every kind of module in a folder', async t => {
    const path = await folder(t, {
      'a.mjs':
        'export function one() {}; export const two = async () => {}; export const three = 3; export class Four {}',
      'b.ts': `import { defineTask } from '${definition}'
        export const named = defineTask('its-own', { attempts: 5, concurrency: 2, run: (n: number): number => n })
        export default named`,
      'resize.mts': 'export default (x: number): number => x',
      'old.cjs': 'module.exports = { five() {}, six: () => 6 }',
      'whole.cjs': 'module.exports = () => 7',
      'types.d.ts': 'export declare function none(): void',
      'notes.txt': 'export function none() {}',
      '.hidden.mjs': 'export function none() {}',
    })
    const handlers = await loadHandlers(path)
    const queues = handlers.map(({ queue }) => queue)
    assert.deepEqual(queues, ['one', 'two', 'its-own', 'five', 'six', 'resize', 'whole'])
    const own = handlers.find(({ queue }) => queue === 'its-own')
    assert.equal(own?.file, join(path, 'b.ts'))
    assert.equal(own.concurrency, 2)
    assert.equal(own.defaults.attempts, 5)
  })

  test('a folder of nothing, and a module of nothing, have no handlers', async t => {
    assert.deepEqual(await loadHandlers(await folder(t, {})), [])
    const path = await folder(t, { 'a.mjs': 'export const port = 80' })
    assert.deepEqual(await loadHandlers(join(path, 'a.mjs')), [])
  })

  test('modules are never imported in this thread', async t => {
    const path = await folder(t, { 'a.mjs': 'globalThis.wasHere = true; export function a() {}' })
    await loadHandlers(path)
    assert.equal('wasHere' in globalThis, false)
  })

  const ok = 'export function fine() {}'
  const refused: readonly {
    name: string
    files: Record<string, string>
    says: RegExp
    importMs?: number
  }[] = [
    {
      name: 'a module that throws',
      files: { 'a.mjs': ok, 'bad.mjs': 'throw new RangeError("no disk")' },
      says: /bad\.mjs cannot be used: RangeError: no disk$/,
    },
    {
      name: 'a module that does not parse',
      files: { 'bad.mjs': 'export const = 3' },
      says: /bad\.mjs cannot be used: SyntaxError: /,
    },
    {
      name: 'a module that misses another',
      files: { 'bad.mjs': 'import "./not-there.mjs"' },
      says: /bad\.mjs cannot be used: Error: Cannot find module .*not-there/,
    },
    {
      name: 'a module whose TypeScript is more than types',
      files: { 'bad.ts': 'export enum Colour { Red }' },
      says: /bad\.ts cannot be used: SyntaxError: .*enum is not supported/i,
    },
    {
      name: 'a module that exits',
      files: { 'a.mjs': ok, 'bad.mjs': 'process.exit(3)' },
      says: /bad\.mjs cannot be used: it ended its thread with exit code 3 /,
    },
    {
      name: 'a module that never ends',
      files: { 'bad.mjs': 'for (;;);' },
      says: /bad\.mjs cannot be used: it took longer than 300 ms/,
      importMs: 300,
    },
    {
      name: 'a queue in two modules',
      files: { 'a.mjs': ok, 'b.mjs': ok },
      says: /b\.mjs cannot be used: it exports queue fine, and so does .*a\.mjs$/,
    },
    {
      name: 'a queue twice in one module',
      files: { 'bad.mjs': `${ok}; export const other = { name: 'fine', run() {} }` },
      says: /bad\.mjs cannot be used: .*it exports queue fine twice/,
    },
  ]
  for (const { name, files, says, importMs } of refused) {
    test(`${name} is refused`, async t => {
      const path = await folder(t, files)
      await assert.rejects(loadHandlers(path, { importMs }), {
        name: 'HandlerModuleError',
        message: says,
      })
    })
  }

  test('modules that are to run in processes are imported in one', async t => {
    const path = await folder(t, { 'a.mjs': 'export function a() {}' })
    const handlers = await loadHandlers(path, { isolate: 'process' })
    assert.deepEqual(
      handlers.map(({ queue }) => queue),
      ['a'],
    )
    const crashing = await folder(t, { 'bad.mjs': 'process.abort()' })
    await assert.rejects(loadHandlers(crashing, { isolate: 'process' }), {
      name: 'HandlerModuleError',
      message: /bad\.mjs cannot be used: it ended its process by SIGABRT while being imported$/,
    })
  })

  test('a path that is nothing or no module is refused', async t => {
    const path = await folder(t, { 'notes.txt': '' })
    const refused = (file: string, message: RegExp) =>
      assert.rejects(loadHandlers(join(path, file)), { name: 'HandlerModuleError', message })
    await refused('none.mjs', /none\.mjs cannot be used: there is no such file or folder$/)
    await refused('notes.txt', /notes\.txt cannot be used: its name must end in \.js/)
  })
})
