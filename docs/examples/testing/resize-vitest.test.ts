import { createTestCluster, fuzz, runTask } from 'meshwork/testing'
import { expect, test } from 'vitest'
import { inputs, resize } from './resize.ts'

test('one handler alone', async () => {
  const told: unknown[] = []
  const result = await runTask(
    resize,
    { path: 'cat.jpg', width: 320 },
    { onProgress: value => told.push(value) },
  )
  expect(result).toEqual({ path: 'cat.jpg.320.webp', bytes: 32_000 })
  expect(told).toEqual([0.5])
})

test('a partition and a crash lose nothing', async () => {
  const c = await createTestCluster({ nodes: 5, seed: 42, tasks: [resize] })
  const handles = await c.node(0).publishMany(resize, inputs)
  c.partition([0, 1], [2, 3, 4])
  await c.advance(120_000)
  await c.crash(3)
  c.heal()
  await c.settle()
  c.assertCompleted(handles)
  c.assertConverged()
})

test('nor does whatever else may happen', async () => {
  await fuzz({ nodes: 5, runs: 3, seed: 1, tasks: [resize] }, async c => {
    await c.node(0).publishMany(resize, inputs)
    await c.advance(30_000)
  })
})
