import assert from 'node:assert/strict'
import { test } from 'node:test'
import { defaultLogger } from '@libp2p/logger'
import { Blobs } from '../../src/blobs/blobs.ts'
import { MemoryBlobStore } from '../../src/blobs/memory-store.ts'
import { resolveConfig } from '../../src/config.ts'
import { createMachine } from '../../src/core/machine.ts'
import { coreOf } from '../../src/driver/core.ts'
import { Driver } from '../../src/driver/driver.ts'
import { RunningNode } from '../../src/running-node.ts'
import { WatchedWorker } from '../../src/watched-worker.ts'
import { ManualClock, RecordingNetwork, RecordingWorker, SlowStore } from '../driver/fake-ports.ts'

/** A real node and core on ports that the test holds in its hands. */
function setup() {
  const config = resolveConfig({ mdns: false })
  const [network, store, clock] = [new RecordingNetwork(), new SlowStore(), new ManualClock()]
  const worker = new WatchedWorker(new RecordingWorker())
  const machine = createMachine({
    peer: network.peer,
    incarnation: '0'.repeat(16),
    storageId: '1'.repeat(32),
    seed: [1, 2, 3, 4],
    guest: false,
    voters: 3,
    leaseMs: 30_000,
    maxDeliveries: 5,
    queues: [],
    concurrency: 0,
    labels: [],
    maxBytes: 1 << 20,
    wallOffsetMs: 0,
    intact: true,
    pageTasks: 64,
  })
  const core = coreOf(machine)
  const driver: Driver = new Driver({
    core,
    network,
    store,
    worker,
    clock,
    onEffect: effect => node.perform(effect),
    onFailed: error => node.fail(error),
  })
  const log = defaultLogger().forComponent('meshwork:test')
  const definitions = new Map()
  const blobs = new Blobs({
    store: new MemoryBlobStore({ bytesMax: 1 << 20 }),
    network: {
      // oxlint-disable-next-line require-yield
      async *get() {
        throw new Error('There are no peers')
      },
      put: () => Promise.reject(new Error('There are no peers')),
      serve: () => {},
      movedBytes: () => 0,
    },
    machine,
    warn: () => {},
  })
  const node: RunningNode = new RunningNode({
    config,
    definitions,
    machine,
    network,
    store,
    worker,
    blobs,
    clock,
    driver,
    log,
  })
  return { node, store, driver, core }
}

test('a node whose disk fails stops, says so, and ends every wait', async () => {
  const { node, store } = setup()
  await node.start()
  const errors: Error[] = []
  node.addEventListener('error', ({ detail }) => errors.push(detail))
  const task = node.publish('q', 1)
  const full = new Error('no space left on device')
  store.fail(full)

  assert.equal(await node.stopped, full)
  assert.deepEqual(errors, [full])
  const stopped = { name: 'NodeStoppedError', cause: full }
  await assert.rejects(task, stopped)
  await assert.rejects(node.publish('q', 2), stopped)
  await assert.rejects(node.ready(), stopped)
  await assert.rejects(node.drain(), stopped)
  await node.stop()
})

test('a node whose core meets a bug stops before anything follows from it', async () => {
  const { node, store, driver, core } = setup()
  store.instant = true
  await node.start()
  core.step = () => {
    throw new Error('a register was settled twice')
  }
  const written = store.journal.length
  await assert.rejects(node.publish('q', 1), { name: 'NodeStoppedError' })
  assert.equal((await node.stopped)?.message, 'a register was settled twice')
  assert.deepEqual([store.journal.length, driver.isRunning], [written, false])
})

test('a node that was told to stop before it began has nothing to wait for', async () => {
  const { node } = setup()
  await node.stop()
  assert.equal(await node.stopped, undefined)
})
