import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { batchMs, ndjson, patienceMs, Testbed, untilContains, workHandlers } from './processes.ts'

test('Ctrl-C lets running tasks finish, and gives the others to other nodes', async () => {
  await using bed = new Testbed()
  const [publisher, leaver] = await bed.mesh({
    publisher: { concurrency: 0 },
    leaver: { handlers: workHandlers, concurrency: 2 },
  })
  assert.ok(publisher && leaver)
  const gate = bed.path('gate')
  const log = bed.path('starts.log')
  const publish = bed.spawn(
    ['publish', 'hold', '--ndjson', '--wait', '--json', '--data', publisher.dataDir],
    { input: ndjson(Array.from({ length: 12 }, () => ({ gate, log }))) },
  )
  await untilContains(log, ` ${leaver.process.pid}\n`)
  const left = leaver.process.end(patienceMs, 'SIGINT')
  const other = await bed.up('other', {
    handlers: workHandlers,
    concurrency: 4,
    bootstrap: [publisher],
  })
  await untilContains(log, ` ${other.process.pid}\n`)
  await writeFile(gate, '')

  assert.deepEqual(await left, { code: 0, signal: null })
  assert.deepEqual(await publish.exited, { code: 0, signal: null })
  const makers = publish.lines.map(({ node }) => node)
  assert.equal(makers.length, 12)
  assert.ok(makers.includes(leaver.peerId), 'what ran was finished')
  assert.ok(makers.includes(other.peerId), 'what did not run was handed on')
  assert.ok(
    publish.lines.every(({ attempt }) => attempt === 1),
    'leaving costs no attempt',
  )
  assert.ok(!existsSync(join(leaver.dataDir, 'control.sock')))
})

test('a second Ctrl-C does not wait', async () => {
  await using bed = new Testbed()
  const node = await bed.up('a', { handlers: workHandlers })
  const input = JSON.stringify({ gate: bed.path('gate'), log: bed.path('starts.log') })
  const published = await bed.run(['publish', 'hold', input, '--data', node.dataDir])
  assert.equal(published.code, 0, published.stderr)
  await untilContains(bed.path('starts.log'), ` ${node.process.pid}\n`)

  node.process.kill('SIGINT')
  await node.process.said('finishing what runs', batchMs)
  node.process.kill('SIGINT')
  assert.deepEqual(await node.process.exited, { code: 130, signal: null })
})
