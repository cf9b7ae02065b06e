import assert from 'node:assert/strict'
import { cp, rm } from 'node:fs/promises'
import { test } from 'node:test'
import { flip, placeOf } from '../store/segments.ts'
import { batchMs, met, patienceMs, Testbed, workHandlers } from './processes.ts'

const worker = { handlers: workHandlers, concurrency: 2 }

test('a node whose journal was damaged goes on by itself, and doctor tells of it', async () => {
  await using bed = new Testbed()
  const [a, b, c] = await bed.mesh({ a: worker, b: worker, c: worker })
  assert.ok(a && b && c)
  const published = await bed.run(['publish', 'echo', '1', '--wait', '--data', a.dataDir])
  assert.equal(published.code, 0, published.stderr)
  c.process.kill('SIGKILL')
  await c.process.exited
  const { path, body } = placeOf(c.dataDir, 1)
  flip(path, body)

  const again = await bed.up('again', { ...worker, dataDir: c.dataDir, bootstrap: [a] })
  assert.equal(again.peerId, c.peerId)
  const told = await again.process.when(
    'it says what it has set aside',
    ({ event }) => event === 'storage:set-aside',
    patienceMs,
  )
  assert.match(String(told['message']), /entry 1 has a damaged body/)
  await met(again, a)
  const doctor = await bed.run(['doctor', '--json', '--no-mdns', '--data', c.dataDir])
  const findings = doctor.lines.map(line => `${String(line['level'])} ${String(line['message'])}`)
  assert.ok(
    findings.some(text => /^warning on .*quarantined/.test(text)),
    findings.join('\n'),
  )
})

test('a node that was given an old copy of its storage notices, and goes on by itself', async () => {
  await using bed = new Testbed()
  const lonely = await bed.up('c')
  lonely.process.kill('SIGTERM')
  await lonely.process.exited
  const copy = bed.path('copy')
  await cp(lonely.dataDir, copy, { recursive: true })
  const [a, , c] = await bed.mesh({ a: worker, b: worker, c: worker })
  assert.ok(a && c)
  const run = await bed.run(['publish', 'echo', '1', '--wait', '--data', c.dataDir])
  assert.equal(run.code, 0, run.stderr)
  c.process.kill('SIGKILL')
  await c.process.exited
  await rm(c.dataDir, { recursive: true })
  await cp(copy, c.dataDir, { recursive: true })

  const again = await bed.up('again', { ...worker, dataDir: c.dataDir, bootstrap: [a] })
  const told = await again.process.when(
    'it has started on another storage',
    ({ event }) => event === 'storage:set-aside',
    batchMs,
  )
  assert.match(String(told['problem']), /other nodes have seen more of its journal/)
  const ups = again.process.lines.filter(({ event }) => event === 'up')
  assert.deepEqual(new Set(ups.map(({ peerId }) => peerId)), new Set([c.peerId]))
  assert.match(again.process.stderr, /the storage must not be used any more/i)
  const published = await bed.run(['publish', 'echo', '1', '--wait', '--data', c.dataDir])
  assert.equal(published.code, 0, published.stderr)
})
