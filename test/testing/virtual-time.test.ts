import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { defineTask } from '../../src/index.ts'
import { createTestCluster } from '../../src/testing/index.ts'
import { resize } from './tasks.ts'

const hourMs = 3_600_000
const input = { path: 'a', width: 1 }

describe('virtual time', () => {
  test('passes for as long as a test lets it, though that is more than a wait may take', async () => {
    await using c = await createTestCluster({ nodes: 1, seed: 1, waitMs: 60_000, tasks: [resize] })
    const before = c.nowMs
    await c.advance(61_000)
    for (let times = 0; times < 3; times++) await c.advance(25_000)
    await c.sleep(90_000)
    assert.equal(c.nowMs, before + 226_000)
    const handle = await c.node(0).publish(resize, input, { delayMs: 120_000 })
    await c.settle({ limitMs: 24 * hourMs })
    c.assertCompleted([handle])
  })

  test('goes on to the end of an advance, whatever else is waited for', async () => {
    await using c = await createTestCluster({ nodes: 1, seed: 1, waitMs: 60_000, tasks: [resize] })
    const handle = await c.node(0).publish(resize, input, { delayMs: 200_000 })
    const result = handle.result()
    await c.advance(190_000)
    await c.advance(20_000)
    assert.deepEqual(await result, { bytes: 2 })
  })

  test('ends a wait that nothing comes of, and nothing but that wait', async () => {
    await using c = await createTestCluster({ nodes: 1, seed: 1, waitMs: 60_000, tasks: [resize] })
    const handle = await c.node(0).publish(resize, input, { delayMs: 200_000 })
    await assert.rejects(
      handle.result(),
      /Nothing has come of it in 60000 virtual ms; let time pass with advance\(\), or raise waitMs/,
    )
    await c.advance(10_000)
    const other = await c.node(0).publish(resize, input)
    assert.deepEqual(await other.result(), { bytes: 2 })
    await c.settle()
    c.assertCompleted([handle, other])
  })

  test('passes while a handler sleeps, for longer than a wait may take', async () => {
    const patient = defineTask('patient', {
      run: async () => {
        await c.sleep(2 * hourMs)
        return 'rested'
      },
    })
    await using c = await createTestCluster({ nodes: 1, seed: 1, tasks: [patient] })
    const handle = await c.node(0).publish(patient, null)
    assert.equal(await handle.result(), 'rested')
  })

  test('stands still while a test is at something else, though a handler sleeps', async () => {
    const patient = defineTask('patient', { run: () => c.sleep(hourMs) })
    await using c = await createTestCluster({ nodes: 1, seed: 1, tasks: [patient] })
    await c.node(0).publish(patient, null)
    await c.advance(1_000)
    const before = c.nowMs
    await pause(50)
    assert.equal(c.nowMs, before)
    await c.settle({ limitMs: 2 * hourMs })
    assert.ok(c.nowMs - before >= hourMs - 1_000)
  })

  test('may be let pass by a handler as by a test', async () => {
    const patient = defineTask('patient', { run: () => c.advance(5_000) })
    await using c = await createTestCluster({ nodes: 1, seed: 1, tasks: [patient] })
    await (await c.node(0).publish(patient, null)).result()
  })

  test('that nothing comes of may be due to real work that nobody sees, which is said', async () => {
    const hanging = defineTask('hanging', { run: () => new Promise<never>(() => {}) })
    await using c = await createTestCluster({ nodes: 1, seed: 1, waitMs: 60_000, tasks: [hanging] })
    const handle = await c.node(0).publish(hanging, null)
    await assert.rejects(
      handle.result(),
      /1 handler has not ended, and may wait for something real that cannot be seen/,
    )
  })
})
