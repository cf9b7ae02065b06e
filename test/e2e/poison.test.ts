import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { Testbed } from './processes.ts'

/** Starts of a task that no outcome follows, at the most. */
const maxDeliveries = 5

test('a task that ends every node which runs it fails, and ends no more of them', async () => {
  await using bed = new Testbed()
  const worker = { handlers: join(import.meta.dirname, 'unruly'), concurrency: 1 }
  const [here, there] = await bed.mesh({ here: { concurrency: 0 }, there: { concurrency: 0 } })
  assert.ok(here && there)
  const publish = ['publish', 'crash', '"SIGKILL"', '--wait', '--json', '--data', here.dataDir]
  const publishing = bed.spawn(publish)
  let deaths = 0
  const settled = publishing.exited.then(() => undefined)
  for (let start = 0; start < 2 * maxDeliveries; start++) {
    // As a service manager does.
    const node = await bed.up('worker', { ...worker, bootstrap: [here, there] })
    const end = await Promise.race([node.process.exited, settled])
    if (end === undefined) break
    assert.equal(end.signal, 'SIGKILL')
    deaths += 1
  }
  assert.deepEqual(await publishing.exited, { code: 1, signal: null })
  const [line] = publishing.lines
  const { state, reason } = line ?? {}
  assert.deepEqual(
    { state, reason, deaths },
    { state: 'failed', reason: 'deliveries', deaths: maxDeliveries },
  )
})
