// Time per task that the worker itself takes: no-op handlers on the main loop, 100 tasks to a claim.
import { EventEmitter, once } from 'node:events'

import { countOf } from '../../src/core/ranges.ts'
import { createWorker } from '../../src/worker/worker.ts'

const tasks = 200_000
const perClaim = 100
const inFlight = 2
const rounds = 7
const ledger = '0'.repeat(32)
const payload = Buffer.from(JSON.stringify({ text: 'x'.repeat(89) }))

const spec = {
  priority: 0,
  requires: '',
  attempts: 1,
  backoff: 'fixed' as const,
  backoffMs: 0,
  backoffMaxMs: 0,
  timeoutMs: 0,
  resultTtlMs: 0,
}
const handlers = {
  sync: () => undefined,
  echo: (input: unknown) => input,
  signal: (_: unknown, ctx: { readonly signal: AbortSignal }) => ctx.signal.aborted,
  async: async () => undefined,
}

const worker = createWorker({
  concurrency: perClaim,
  definitions: Object.entries(handlers).map(([name, run]) => ({ name, run })),
  node: 'bench',
  logger: { warn: message => process.stderr.write(`${message}\n`) },
  publish: () => Promise.reject(new Error('nothing is published here')),
})

const progress = new EventEmitter()
let queue = ''
let given = 0
let left = 0
let inputs = 0
await worker.start({
  finished: ({ seqs }) => {
    inputs++
    left -= countOf(seqs)
    if (left === 0) progress.emit('done')
    if (given - (tasks - left) < inFlight * perClaim) give()
  },
  reported: () => undefined,
})

const lengths = new Uint32Array(perClaim).fill(payload.length)
const attempts = new Uint32Array(perClaim).fill(1)
const blob = Buffer.concat(Array.from({ length: perClaim }, () => payload))
let token = 0

function give(): void {
  if (given === tasks) return
  token++
  const seqs = [given, perClaim]
  given += perClaim
  worker.run({
    type: 'run',
    ledger,
    token,
    spec: { ...spec, queue },
    seqs,
    attempts,
    lengths,
    payload: blob,
  })
}

async function round(name: string): Promise<number> {
  queue = name
  left = tasks
  given = 0
  inputs = 0
  const done = once(progress, 'done')
  const began = performance.now()
  for (let i = 0; i < inFlight; i++) give()
  await done
  return ((performance.now() - began) / tasks) * 1e6
}

for (const name of Object.keys(handlers)) {
  const times: number[] = []
  for (let i = 0; i < rounds; i++) times.push(Math.round(await round(name)))
  const best = Math.min(...times)
  console.log(
    `${name.padEnd(7)} ${best} ns per task (${times.join(', ')}), ${inputs / (tasks / perClaim)} inputs per claim`,
  )
}
await worker.stop()
