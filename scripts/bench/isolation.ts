/**
 * What it costs to keep a handler apart: time per no-op task in threads, in processes and as
 * commands, time until the first one has ended, and memory per place (Linux).
 *
 * node scripts/bench/isolation.ts [--slots 2] [--rounds 5]
 */
import { once, EventEmitter } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import type { Run } from '../../src/core/effects.ts'
import type { TaskSpec } from '../../src/core/messages.ts'
import { countOf } from '../../src/core/ranges.ts'
import { loadHandlers } from '../../src/worker/load.ts'
import type { WorkerInit } from '../../src/worker/worker-init.ts'
import { createWorker } from '../../src/worker/worker.ts'

const { values: options } = parseArgs({
  options: {
    slots: { type: 'string', default: '2' },
    rounds: { type: 'string', default: '5' },
  },
})
const slots = Number(options.slots)
const rounds = Number(options.rounds)
const file = join(import.meta.dirname, 'handlers', 'echo.mjs')

const spec: TaskSpec = {
  queue: 'echo',
  priority: 0,
  requires: '',
  attempts: 1,
  backoff: 'fixed',
  backoffMs: 0,
  backoffMaxMs: 0,
  timeoutMs: 0,
  resultTtlMs: 0,
}

interface Way {
  readonly name: string
  readonly tasks: number
  readonly init: Partial<WorkerInit>
}

const ways: readonly Way[] = [
  { name: 'thread', tasks: 10_000, init: { modules: await loadHandlers(file) } },
  {
    name: 'process',
    tasks: 10_000,
    init: { isolate: 'process', modules: await loadHandlers(file, { isolate: 'process' }) },
  },
  { name: 'command', tasks: 200, init: { commands: [{ queue: 'echo', command: 'cat' }] } },
]

for (const { name, tasks, init } of ways) {
  const progress = new EventEmitter()
  let left = 0
  let token = 0
  const worker = createWorker({
    concurrency: slots,
    definitions: [],
    node: 'bench',
    logger: { warn: message => process.stderr.write(`${message}\n`) },
    publish: () => Promise.reject(new Error('nothing is published here')),
    ...init,
  })
  await worker.start({
    finished: ({ seqs }) => {
      left -= countOf(seqs)
      if (left === 0) progress.emit('done')
    },
    reported: () => undefined,
  })
  const run = async (count: number): Promise<number> => {
    left = count
    const done = once(progress, 'done')
    const began = performance.now()
    worker.run(batch(++token, count))
    await done
    return performance.now() - began
  }

  const before = memoryOf(process.pid)
  const firstMs = await run(slots)
  await run(Math.min(2_000, tasks))
  const perTask: number[] = []
  for (let i = 0; i < rounds; i++) perTask.push((await run(tasks)) / tasks)
  const places = children().reduce((sum, pid) => sum + memoryOf(pid), 0)
  const grown = Math.max(0, memoryOf(process.pid) - before) + places
  const best = Math.min(...perTask)
  console.log(
    `${name.padEnd(8)} ${best.toFixed(3)} ms per task, ${Math.round(firstMs)} ms to the first, ` +
      `${Math.round(grown / slots)} MiB more per slot`,
  )
  await worker.stop()
}

function batch(token: number, count: number): Run {
  const payload = Buffer.from(JSON.stringify({ text: 'x'.repeat(89) }))
  return {
    type: 'run',
    ledger: '0'.repeat(32),
    token,
    spec,
    seqs: [0, count],
    attempts: new Uint32Array(count).fill(1),
    lengths: new Uint32Array(count).fill(payload.length),
    payload: Buffer.concat(Array.from({ length: count }, () => payload)),
  }
}

/** Memory of a process, shared pages by their share, in MiB. */
function memoryOf(pid: number): number {
  try {
    const [, kb] = /^Pss:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8')) ?? []
    return Number(kb ?? 0) / 1_024
  } catch {
    return 0
  }
}

/** Processes that this one has started. */
function children(): number[] {
  return readdirSync('/proc')
    .filter(name => /^\d+$/.test(name))
    .map(Number)
    .filter(pid => {
      try {
        const [, rest = ''] = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')
        return Number(rest.split(' ')[1]) === process.pid
      } catch {
        return false
      }
    })
}
