/**
 * The workloads of docs/BENCHMARKS.md: 20,000 no-op tasks of 100 bytes through one producer and
 * two workers, all three of them voters in processes of their own, then 400 one at a time.
 *
 * npm run bench -- [--runs N] [--tasks N] [--json]
 */
import { type ChildProcess, fork } from 'node:child_process'
import { closeSync, fdatasyncSync, openSync, writeSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { availableParallelism, cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { type Measured, quantile } from './mesh-setup.ts'

const { values: options } = parseArgs({
  options: {
    runs: { type: 'string', default: '5' },
    tasks: { type: 'string', default: '20000' },
    concurrency: { type: 'string', default: '100' },
    json: { type: 'boolean', default: false },
  },
})

/** No run may take longer. */
const runMs = 180_000

type Run = Measured & { readonly workerCpuUs: number }

/** Processor time of a worker since the last question, in microseconds. */
async function cpuOf(child: ChildProcess): Promise<number> {
  child.send('cpu')
  const { cpuUs } = await reply<{ cpuUs: number }>(child)
  return cpuUs
}

async function measure(durability: 'disk' | 'process', run: number): Promise<Run> {
  const folder = await mkdtemp(join(tmpdir(), 'meshwork-bench-'))
  const children: ChildProcess[] = []
  const start = (script: string, name: string, more: object) => {
    const mesh = `bench-${process.pid}-${durability}-${run}`
    const setup = { mesh, durability, dataDir: join(folder, name), ...more }
    const child = fork(new URL(script, import.meta.url), [JSON.stringify(setup)])
    children.push(child)
    return child
  }
  try {
    const concurrency = Number(options.concurrency)
    const bootstrap: string[] = []
    const workers: ChildProcess[] = []
    for (const name of ['a', 'b']) {
      const child = start('mesh-worker.ts', name, { concurrency, bootstrap })
      workers.push(child)
      const { addresses } = await reply<{ addresses: string[] }>(child)
      bootstrap.push(...addresses)
    }
    const load = { warm: 500, tasks: Number(options.tasks), single: 400, payloadBytes: 100 }
    const producer = start('mesh-producer.ts', 'p', { concurrency: 0, bootstrap, ...load })
    // The producer says when the batch begins and when it is over.
    await reply(producer)
    await Promise.all(workers.map(cpuOf))
    await reply(producer)
    const spent = await Promise.all(workers.map(cpuOf))
    const { measured } = await reply<{ measured: Measured }>(producer)
    for (const child of workers) child.send('stop')
    const workerCpuUs = spent.map(us => us / load.tasks)
    return { ...measured, workerCpuUs: quantile(workerCpuUs, 0.5) }
  } finally {
    await Promise.all(children.map(ended))
    await rm(folder, { recursive: true, force: true })
  }
}

function reply<Reply>(child: ChildProcess): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const late = setTimeout(() => reject(new Error(`No answer within ${runMs} ms`)), runMs)
    child.once('message', message => resolve(message as Reply))
    child.once('exit', code => reject(new Error(`A process of the benchmark ended with ${code}`)))
    child.once('message', () => clearTimeout(late))
    child.once('exit', () => clearTimeout(late))
  })
}

/** Waits a little for a process to end by itself, then ends it. */
async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  await new Promise<void>(resolve => {
    const late = setTimeout(() => child.kill('SIGKILL'), 5_000)
    child.once('exit', () => {
      clearTimeout(late)
      resolve()
    })
  })
}

/** What one sync of 4 KiB costs here, in milliseconds: half of all latencies hang on it. */
async function syncMs(): Promise<number> {
  const folder = await mkdtemp(join(tmpdir(), 'meshwork-sync-'))
  const file = openSync(join(folder, 'probe'), 'w')
  const times: number[] = []
  for (let i = 0; i < 50; i++) {
    const started = performance.now()
    writeSync(file, Buffer.alloc(4_096))
    fdatasyncSync(file)
    times.push(performance.now() - started)
  }
  closeSync(file)
  await rm(folder, { recursive: true, force: true })
  return quantile(times, 0.5)
}

const median = (runs: readonly Run[], key: keyof Run) =>
  quantile(
    runs.map(run => run[key]),
    0.5,
  )

const machine = {
  node: process.version,
  cpu: cpus()[0]?.model ?? 'unknown',
  cores: availableParallelism(),
  syncMs: await syncMs(),
}
if (options.json) console.log(JSON.stringify({ machine }))
else {
  console.log(`Node ${machine.node}, ${machine.cores} cores of ${machine.cpu}`)
  console.log(`fdatasync of 4 KiB: ${machine.syncMs.toFixed(2)} ms (median of 50)`)
  console.log(`${options.tasks} tasks, median of ${options.runs} runs (least to most)\n`)
}
for (const durability of ['process', 'disk'] as const) {
  const runs: Run[] = []
  for (let run = 0; run < Number(options.runs); run++) {
    const measured = await measure(durability, run)
    runs.push(measured)
    if (options.json) console.log(JSON.stringify({ durability, run, ...measured }))
  }
  if (options.json) continue
  const rates = runs.map(run => run.tasksPerSecond)
  console.log(
    `${durability.padEnd(8)} ${Math.round(median(runs, 'tasksPerSecond'))} tasks/s ` +
      `(${Math.round(Math.min(...rates))} to ${Math.round(Math.max(...rates))}), ` +
      `one at a time p50 ${median(runs, 'p50Ms').toFixed(2)} ms, ` +
      `p99 ${median(runs, 'p99Ms').toFixed(2)} ms, ` +
      `CPU per task ${median(runs, 'cpuUs').toFixed(1)} µs at the producer, ` +
      `${median(runs, 'workerCpuUs').toFixed(1)} µs at each worker`,
  )
}
