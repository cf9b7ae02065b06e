// What the store costs on this machine: `node scripts/bench/journal.ts [folder]`.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import type { StoredEntry } from '../../src/core/entries.ts'
import { noTiming } from '../../src/core/timing.ts'
import type { Store } from '../../src/driver/ports.ts'
import { diskStore } from '../../src/store/disk-store.ts'
import type { Durability } from '../../src/store/entry-codec.ts'
import { decodeEntry, encodeEntry } from '../../src/wire/codec.ts'

const tasks = 100
const payloadBytes = 100
const entry: StoredEntry = {
  type: 'stored',
  ledger: '0123456789abcdef0123456789abcdef',
  dueWallMs: 1_700_000_000_000,
  publishedWallMs: 1_700_000_000_000,
  chunk: {
    first: 0,
    count: tasks,
    spec: {
      queue: 'bench',
      priority: 0,
      requires: '',
      attempts: 3,
      backoff: 'fixed',
      backoffMs: 1_000,
      backoffMaxMs: 60_000,
      timeoutMs: 0,
      resultTtlMs: 86_400_000,
    },
    ...noTiming,
    lengths: new Uint32Array(tasks).fill(payloadBytes),
    payload: new Uint8Array(tasks * payloadBytes).fill(120),
  },
}

const folder = await mkdtemp(join(process.argv[2] ?? tmpdir(), 'meshwork-bench-'))
try {
  console.log(`an entry of ${tasks} tasks: ${encodeEntry(entry).byteLength} bytes`)
  await withStore('process', benchAppend)
  await withStore('disk', benchSync)
  await withStore('disk', benchGroups)
  await withStore('process', benchCheckpoint)
} finally {
  await rm(folder, { recursive: true, force: true })
}

async function withStore(
  durability: Durability,
  work: (store: Store) => Promise<void>,
): Promise<void> {
  const dataDir = join(folder, work.name)
  const codec = { encode: encodeEntry, decode: decodeEntry }
  const store = diskStore({ dataDir, codec, durability })
  await store.open()
  await work(store)
  await store.close()
}

async function benchAppend(store: Store): Promise<void> {
  const times: number[] = []
  for (let i = 0; i < 12_000; i++) {
    const start = performance.now()
    store.append([entry])
    if (i >= 2_000) times.push((performance.now() - start) * 1_000)
    if (i % 100 === 0) await new Promise(resolve => setImmediate(resolve))
  }
  print('append, durability process', 'µs', times)
}

async function benchSync(store: Store): Promise<void> {
  const times: number[] = []
  let wake = (): void => undefined
  store.onDurable(() => wake())
  for (let i = 0; i < 600; i++) {
    const start = performance.now()
    const durable = new Promise<void>(resolve => {
      wake = resolve
    })
    store.append([entry])
    await durable
    if (i >= 100) times.push(performance.now() - start)
  }
  print('append to durable, durability disk', 'ms', times)
}

async function benchGroups(store: Store): Promise<void> {
  const appends = 5_000
  let syncs = 0
  const start = performance.now()
  const all = new Promise<void>(resolve => {
    store.onDurable(lsn => {
      syncs += 1
      if (lsn === appends) resolve()
    })
  })
  for (let i = 0; i < appends; i++) {
    store.append([entry])
    if (i % 4 === 0) await new Promise(resolve => setImmediate(resolve))
  }
  await all
  const ms = performance.now() - start
  console.log(
    `${appends} appends, 4 per turn, durability disk: ${Math.round((appends / ms) * 1_000)}/s, ` +
      `${(appends / syncs).toFixed(1)} per sync`,
  )
}

async function benchCheckpoint(store: Store): Promise<void> {
  const count = 6_000
  const delay = monitorEventLoopDelay({ resolution: 1 })
  store.append([entry])
  delay.enable()
  const start = performance.now()
  const done = store.checkpoint(
    1,
    Array.from({ length: count }, () => entry),
  )
  const blocked = performance.now() - start
  await new Promise(resolve => setImmediate(resolve))
  delay.reset()
  await done
  delay.disable()
  const mebibytes = (count * encodeEntry(entry).byteLength) / 2 ** 20
  console.log(
    `checkpoint of ${mebibytes.toFixed(0)} MiB: ${Math.round(blocked)} ms of encoding at once, ` +
      `${Math.round(performance.now() - start)} ms in all, ` +
      `longest turn after the encoding ${(delay.max / 1e6).toFixed(0)} ms`,
  )
}

function print(name: string, unit: string, times: number[]): void {
  const sorted = times.toSorted((a, b) => a - b)
  const at = (share: number): string => (sorted[Math.floor(sorted.length * share)] ?? 0).toFixed(2)
  console.log(`${name}: p50 ${at(0.5)} ${unit}, p90 ${at(0.9)}, p99 ${at(0.99)}`)
}
