import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Effect } from '../../src/core/effects.ts'
import type { Input } from '../../src/core/inputs.ts'
import { Driver } from '../../src/driver/driver.ts'
import type { ApplicationEffect } from '../../src/driver/ports.ts'
import {
  entry,
  ManualClock,
  RecordingNetwork,
  RecordingWorker,
  ScriptedCore,
  send,
  SlowStore,
  turns,
} from './fake-ports.ts'

function setup(limits?: { entriesMax: number; bytesMax: number; inputsMax: number }) {
  const core = new ScriptedCore()
  const store = new SlowStore()
  const network = new RecordingNetwork()
  const worker = new RecordingWorker()
  const clock = new ManualClock()
  const effects: ApplicationEffect[] = []
  const failures: Error[] = []
  const driver = new Driver({
    core,
    store,
    network,
    worker,
    clock,
    onEffect: effect => effects.push(effect),
    onFailed: error => failures.push(error),
    pressure: limits,
  })
  return { core, store, network, worker, clock, effects, failures, driver }
}

/** Makes a core write one entry for each peer that comes up, and greet it after that entry. */
function greetDurably(core: ScriptedCore, firstLsn = 1): void {
  let lsn = firstLsn - 1
  core.onStep = input => {
    if (input.type !== 'peer-up') return []
    lsn++
    return [send(input.peer, lsn), { type: 'persist', lsn, entry: entry(lsn) }]
  }
}

test('a message leaves only when the journal is durable as far as it rests on it', async () => {
  const { core, store, network, driver } = setup()
  greetDurably(core)
  await driver.start()
  network.events.up('a')
  await turns()
  assert.equal(store.appends.length, 1)
  assert.deepEqual(network.sent, [])

  store.sync()
  assert.deepEqual(network.sent, [{ to: 'a', envelope: { lsn: 1, message: { type: 'goodbye' } } }])
  await turns()
  assert.deepEqual(core.stepped.at(-1), { type: 'durable', lsn: 1 })
  await driver.stop()
})

test('a frame tells how far the journal is durable, not how far it is written', async () => {
  const { core, store, network, driver } = setup()
  core.onStep = input =>
    input.type === 'peer-up'
      ? [
          ...[1, 2, 3].map((lsn): Effect => ({ type: 'persist', lsn, entry: entry(lsn) })),
          send('at once', 0),
          send('after the second', 2),
        ]
      : []
  await driver.start()
  network.events.up('a')
  await turns()
  store.sync(2)
  assert.deepEqual(
    network.sent.map(({ to, envelope }) => [to, envelope.lsn]),
    [
      ['at once', 0],
      ['after the second', 2],
    ],
  )
  await driver.stop()
})

test('messages that wait leave in the order of what they rest on', async () => {
  const { core, store, network, driver } = setup()
  core.onStep = input =>
    input.type === 'peer-up'
      ? [
          ...[1, 2, 3].map((lsn): Effect => ({ type: 'persist', lsn, entry: entry(lsn) })),
          send('third', 3),
          send('first', 1),
          send('second', 2),
          send('also first', 1),
          send('at once', 0),
        ]
      : []
  await driver.start()
  network.events.up('a')
  await turns()
  const sentTo = () => network.sent.map(({ to }) => to)
  assert.deepEqual(sentTo(), ['at once'])
  store.sync(2)
  assert.deepEqual(sentTo(), ['at once', 'first', 'also first', 'second'])
  store.sync(3)
  assert.deepEqual(sentTo().slice(4), ['third'])
  await driver.stop()
})

test('everything that waits for a turn is written in one append', async () => {
  const { core, store, network, driver } = setup()
  greetDurably(core)
  await driver.start()
  for (let i = 0; i < 500; i++) network.events.up(`p${i}`)
  await turns()
  assert.deepEqual(
    store.appends.map(entries => entries.length),
    [500],
  )
  store.sync()
  assert.deepEqual(
    network.sent.map(({ to }) => to),
    Array.from({ length: 500 }, (_, i) => `p${i}`),
  )
  await driver.stop()
})

test('a journal that is durable as it is written answers within the turn', async () => {
  const { core, store, network, driver } = setup()
  store.instant = true
  greetDurably(core)
  await driver.start()
  await turns()
  network.events.up('a')
  await new Promise(resolve => setImmediate(resolve))
  assert.equal(network.sent.length, 1)
  assert.deepEqual(core.stepped.at(-1), { type: 'durable', lsn: 1 })
  await driver.stop()
})

test('readers wait while the store lags behind, and go on at half the limit', async () => {
  const { core, store, network, driver } = setup({ entriesMax: 4, bytesMax: 1e9, inputsMax: 1e9 })
  greetDurably(core)
  await driver.start()
  for (let i = 0; i < 5; i++) network.events.up(`p${i}`)
  await turns()
  const waits = network.events.message('a', { lsn: 0, message: { type: 'goodbye' } })
  assert.ok(waits instanceof Promise)
  let isResolved = false
  const waited = (async () => {
    await waits
    isResolved = true
  })()
  store.sync(2)
  await turns()
  assert.equal(isResolved, false)
  network.events.up('more')
  await turns()
  store.sync(6)
  await waited
  assert.equal(network.events.message('a', { lsn: 0, message: { type: 'goodbye' } }), undefined)
  await driver.stop()
})

test('readers wait while inputs pile up before a turn', async () => {
  const { network, driver } = setup({ entriesMax: 1e9, bytesMax: 1e9, inputsMax: 10 })
  await driver.start()
  await turns()
  let waits: void | Promise<void> = undefined
  for (let i = 0; i < 11; i++) {
    waits = network.events.message('a', { lsn: 0, message: { type: 'goodbye' } })
  }
  assert.ok(waits instanceof Promise)
  await waits
  await driver.stop()
})

test('an error in the core ends the node, and nothing of its turn is performed', async () => {
  const { core, store, network, clock, failures, driver } = setup()
  greetDurably(core)
  const greet = core.onStep
  core.onStep = input => {
    if (input.type === 'peer-down') throw new Error('invariant')
    return greet(input)
  }
  await driver.start()
  network.events.up('a')
  network.events.down('b')
  await turns()
  assert.deepEqual(
    failures.map(error => error.message),
    ['invariant'],
  )
  assert.deepEqual([store.appends, network.sent], [[], []])
  assert.equal(clock.stopped, true)
  assert.equal(driver.isRunning, false)

  const stepped = core.stepped.length
  network.events.up('c')
  await turns()
  assert.equal(core.stepped.length, stepped)
})

test('an entry out of order ends the node before it is written', async () => {
  const { core, store, network, failures, driver } = setup()
  greetDurably(core, 7)
  await driver.start()
  network.events.up('a')
  await turns()
  assert.equal(failures.length, 1)
  assert.deepEqual(store.appends, [])
})

test('a disk that fails ends the node, and what waited for it never leaves', async () => {
  const { core, store, network, failures, driver } = setup()
  greetDurably(core)
  await driver.start()
  network.events.up('a')
  await turns()
  const full = new Error('no space')
  store.fail(full)
  store.sync()
  assert.deepEqual(failures, [full])
  assert.deepEqual(network.sent, [])
})

test('a node whose storage has lost something does not start', async () => {
  const { core, driver, failures } = setup()
  core.onStart = () => [{ type: 'quarantine', reason: 'entries are missing' }]
  await assert.rejects(driver.start(), { name: 'QuarantinedError', reason: 'entries are missing' })
  assert.equal(failures.length, 1)
})

test('a storage of which others have seen more is marked before the node ends', async () => {
  const { core, store, network, failures, driver } = setup()
  const marked: number[] = []
  Object.assign(store, { outdate: () => marked.push(failures.length) })
  core.onStep = () => [{ type: 'quarantine', reason: 'entries are missing' }]
  await driver.start()
  network.events.up('a')
  await turns()
  assert.deepEqual(marked, [0])
  assert.equal(failures[0]?.name, 'QuarantinedError')
})

test('the journal is replayed in order before the first step', async () => {
  const { core, store, driver } = setup()
  store.journal.push(entry(1), entry(2))
  let isFirst = true
  core.onStart = () => {
    isFirst = core.stepped.length === 0
    assert.deepEqual(core.replayed, [entry(1), entry(2)])
    return [{ type: 'persist', lsn: 3, entry: entry(3) }]
  }
  await driver.start()
  assert.equal(isFirst, true)
  assert.deepEqual(driver.lsns, { written: 3, durable: 2 })
  await driver.stop()
})

test('the core is woken when it asks to be', async () => {
  const { core, clock, driver } = setup()
  core.wake = 5_000
  await driver.start()
  await turns()
  assert.equal(clock.at, 5_000)
  clock.ring()
  await turns()
  assert.deepEqual(core.stepped.at(-1), { type: 'tick' })
  await driver.stop()
})

test('a wall clock that jumped is told before anything else of the turn', async () => {
  const { core, network, clock, driver } = setup()
  await driver.start()
  await turns()
  core.stepped.length = 0
  clock.offset = 900
  network.events.up('a')
  await turns()
  clock.offset = 1_001
  network.events.up('b')
  await turns()
  const expected: Input[] = [
    { type: 'peer-up', peer: 'a' },
    { type: 'clock-jumped', wallOffsetMs: 1_001 },
    { type: 'peer-up', peer: 'b' },
  ]
  assert.deepEqual(core.stepped, expected)
  await driver.stop()
})

test('a checkpoint states what is written up to its lsn', async () => {
  const { core, store, network, driver } = setup()
  greetDurably(core)
  await driver.start()
  store.wantsCheckpoint = true
  network.events.up('a')
  await turns()
  assert.deepEqual(store.checkpoints, [{ lsn: 1, entries: [entry(99)] }])
  await driver.stop()
})

test('a checkpoint is taken, too, when much of what the last one holds is gone', async () => {
  const { core, store, network, driver } = setup()
  greetDurably(core)
  await driver.start()
  core.wantsCheckpoint = true
  network.events.up('a')
  await turns()
  assert.equal(store.checkpoints[0]?.lsn, 1)
  core.wantsCheckpoint = false
  await driver.stop()
})

test('effects for the worker and the application are handed on in order', async () => {
  const { core, network, worker, effects, driver } = setup()
  core.onStep = input =>
    input.type === 'peer-up'
      ? [
          { type: 'report', event: { type: 'peer-left', peer: 'x' } },
          { type: 'abort', ledger: 'l', token: 3, seqs: [1, 2], reason: 'cancelled' },
          { type: 'dial', peer: 'x', addresses: [] },
          { type: 'hangup', peer: 'y', reason: 'broke the protocol' },
          { type: 'published', request: 1, parts: [], durable: true },
        ]
      : []
  await driver.start()
  network.events.up('a')
  await turns()
  assert.deepEqual(worker.aborts, ['l 3 1,2 cancelled'])
  assert.deepEqual(network.calls, ['dial x', 'hangup y broke the protocol'])
  assert.deepEqual(
    effects.map(({ type }) => type),
    ['report', 'published'],
  )
  await driver.stop()
})

test('flush resolves when no message waits for the disk any more', async () => {
  const { core, store, network, driver } = setup()
  greetDurably(core)
  await driver.start()
  network.events.up('a')
  const flushed = driver.flush()
  assert.equal(store.appends.length, 1)
  store.sync()
  await flushed
  assert.equal(network.sent.length, 1)
  await driver.stop()
})
