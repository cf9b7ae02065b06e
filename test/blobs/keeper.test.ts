import assert from 'node:assert/strict'
import { describe, test, type TestContext } from 'node:test'
import { Keeper, type KeeperTimings } from '../../src/blobs/keeper.ts'
import { noticeBlobs } from '../../src/blobs/noticing-store.ts'
import { encodeBody } from '../../src/blobs/reference.ts'
import { eachNamed, isStillNamed, type NamedBlob, References } from '../../src/blobs/references.ts'
import type { Entry } from '../../src/core/entries.ts'
import { createMachine, replay } from '../../src/core/machine.ts'
import type { Chunk, Values } from '../../src/core/messages.ts'
import { noTiming } from '../../src/core/timing.ts'
import { memoryStore as entryStore } from '../../src/store/memory-store.ts'
import { decodeEntry, encodeEntry } from '../../src/wire/codec.ts'
import { until } from '../libp2p/until.ts'
import { blobOf, contentOf, memoryStore, piecesOf } from './stores.ts'

const ledger = 'ab'.repeat(16)

function machine() {
  return createMachine({
    ...{ peer: 'me', incarnation: '0'.repeat(16), storageId: '1'.repeat(32) },
    ...{ seed: [1, 2, 3, 4], guest: false, voters: 1, leaseMs: 30_000, maxDeliveries: 5 },
    ...{ queues: [], concurrency: 0, labels: [], maxBytes: 1 << 20, wallOffsetMs: 0 },
    ...{ intact: true, pageTasks: 64 },
  })
}

const voter = { peer: 'me', storageId: '1'.repeat(32) }

const opened: Entry = {
  ...{ type: 'opened', ledger, epoch: 0, producer: `me.${'0'.repeat(16)}` },
  voters: [voter],
}

function columns(bodies: readonly (string | Uint8Array)[]) {
  const parts = bodies.map(body => Buffer.from(body))
  return { lengths: Uint32Array.from(parts, part => part.length), bytes: Buffer.concat(parts) }
}

function stored(first: number, bodies: readonly (string | Uint8Array)[]): Entry {
  const { lengths, bytes } = columns(bodies)
  const spec: Chunk['spec'] = {
    ...{ queue: 'q', priority: 0, requires: '', attempts: 3, backoff: 'fixed' },
    ...{ backoffMs: 0, backoffMaxMs: 0, timeoutMs: 0, resultTtlMs: 0 },
  }
  const chunk = { first, count: bodies.length, spec, ...noTiming, lengths, payload: bytes }
  return { type: 'stored', ledger, dueWallMs: 0, publishedWallMs: 0, chunk }
}

function settled(seq: number, body: string | Uint8Array): Entry {
  const { lengths, bytes } = columns([body])
  const values: Values = {
    ...{ seqs: [seq, 1], kind: 'done', failures: 0, delayMs: 0, reason: '', by: 'me' },
    ...{ lengths, body: bytes },
  }
  const ballot = { counter: 1, proposer: `me.${'0'.repeat(16)}` }
  const outcome = { ballot, kind: 'done', seqs: [seq, 1], values: [values] } as const
  return { type: 'settled', ledger, outcomes: [outcome] }
}

function nameOf(bytes: Uint8Array): Uint8Array {
  return encodeBody({ content: { kind: 'raw', ...blobOf(bytes) }, blobs: [] })
}

const [input, output, loose, fresh] = [1, 2, 3, 4].map(seed => contentOf(1_000, seed)) as [
  Uint8Array,
  Uint8Array,
  Uint8Array,
  Uint8Array,
]
const entries = [opened, stored(0, ['1', nameOf(input), '"é"']), settled(7, nameOf(output))]

const timings: KeeperTimings = {
  healAfterMs: 0,
  lookEveryMs: 5,
  sweepEveryMs: 60_000,
  keepMs: 3_600_000,
}

/** Until what is of no use is swept, in milliseconds. */
const sweptMs = timings.keepMs + timings.sweepEveryMs

function keeperOf(t: TestContext, fetch: (named: NamedBlob) => Promise<void> = async () => {}) {
  const [node, store] = [machine(), memoryStore()]
  const warnings: string[] = []
  const warn = (message: string): void => void warnings.push(message)
  const keeper = new Keeper({ machine: node, store, timings, fetch, warn })
  t.after(() => keeper.stop())
  return { node, store, keeper, warnings }
}

describe('references', () => {
  test('are found in records and results as they are written', () => {
    const named: NamedBlob[] = []
    for (const entry of entries) eachNamed(entry, one => named.push(one))
    assert.deepEqual(
      named.map(({ seq, reference }) => [seq, reference]),
      [
        [1, { kind: 'raw', ...blobOf(input) }],
        [7, { kind: 'raw', ...blobOf(output) }],
      ],
    )
  })

  test('are told by a store of entries, when they are written and when they are replayed', async () => {
    const told: string[] = []
    const codec = { encode: encodeEntry, decode: decodeEntry }
    const inner = entryStore({ codec })
    const store = noticeBlobs(inner, ({ reference }) => told.push(reference.hash))
    await store.open()
    store.append(entries)
    const hashes = [input, output].map(bytes => blobOf(bytes).hash)
    assert.deepEqual(told, hashes)
  })

  test('are found in what a node keeps, until it does not any more', async () => {
    const node = machine()
    for (const entry of entries) replay(node, entry, 0)
    let breaths = 0
    const found = await new References(node).collect(async () => void breaths++)
    assert.deepEqual(
      new Set(found.keys()),
      new Set([input, output].map(bytes => blobOf(bytes).hash)),
    )
    const named = found.get(blobOf(input).hash)
    assert.ok(named !== undefined && isStillNamed(node, named))
    for (const seq of [0, 1, 2]) replay(node, settled(seq, 'null'), 0)
    const left = await new References(node).collect(async () => {})
    assert.deepEqual([...left.keys()], [blobOf(output).hash])
    assert.equal(isStillNamed(node, { ...named, ledger: '00'.repeat(16) }), false)
  })
})

describe('a keeper', () => {
  test('sweeps blobs an hour after nothing names them any more', async t => {
    const { node, store, keeper } = keeperOf(t)
    t.mock.timers.enable({ apis: ['Date'], now: Date.now() })
    for (const entry of entries) replay(node, entry, 0)
    const contents = [input, output, loose]
    for (const bytes of contents) await store.put(piecesOf(bytes))
    const sweepAfter = async (ms: number): Promise<(number | undefined)[]> => {
      t.mock.timers.tick(ms)
      await keeper.sweep()
      return contents.map(bytes => store.size(blobOf(bytes).hash))
    }
    assert.deepEqual(await sweepAfter(timings.keepMs), [1_000, 1_000, 1_000])
    assert.deepEqual(await sweepAfter(timings.sweepEveryMs), [1_000, 1_000, undefined])
    assert.deepEqual(await sweepAfter(10 * sweptMs), [1_000, 1_000, undefined])
    for (const seq of [0, 1, 2]) replay(node, settled(seq, 'null'), 0)
    assert.deepEqual(await sweepAfter(timings.keepMs), [1_000, 1_000, undefined])
    assert.deepEqual(await sweepAfter(timings.sweepEveryMs), [undefined, 1_000, undefined])
  })

  test('leaves alone what is named while it sweeps', async t => {
    const { store, keeper } = keeperOf(t)
    t.mock.timers.enable({ apis: ['Date'], now: Date.now() })
    await store.put(piecesOf(fresh))
    t.mock.timers.tick(sweptMs)
    const sweeping = keeper.sweep()
    keeper.named({ ledger, seq: 1, reference: { kind: 'raw', ...blobOf(fresh) } })
    await sweeping
    assert.equal(store.size(blobOf(fresh).hash), 1_000)
  })

  test('fetches what is named here and is not here', async t => {
    const fetched: number[] = []
    const { node, keeper } = keeperOf(t, async ({ seq }) => void fetched.push(seq))
    for (const entry of entries) {
      replay(node, entry, 0)
      eachNamed(entry, named => keeper.named(named))
    }
    // This one was named once, and is not any more.
    keeper.named({ ledger, seq: 99, reference: { kind: 'raw', ...blobOf(loose) } })
    keeper.start()
    await until(() => fetched.length === 2, 'both are fetched')
    assert.deepEqual(fetched, [1, 7])
  })

  test('tries again what could not be fetched, and says once why if the disk is full', async t => {
    let tries = 0
    const { node, keeper, warnings } = keeperOf(t, async () => {
      if (++tries <= 2) throw Object.assign(new Error('disk full'), { name: 'NoSpaceError' })
    })
    for (const entry of entries) {
      replay(node, entry, 0)
      eachNamed(entry, named => keeper.named(named))
    }
    keeper.start()
    await until(() => tries === 4, 'it is tried again')
    assert.deepEqual(warnings, ['disk full'])
  })
})
