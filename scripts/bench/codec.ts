import { cpus } from 'node:os'
import type { Message } from '../../src/core/messages.ts'
import { decodeEnvelope, encodeEnvelope } from '../../src/wire/codec.ts'

/*
 * What the codec costs for the messages that carry many tasks: processor time of the process,
 * its garbage collection included. Prints medians of `rounds` rounds; the messages take turns, so
 * that a disturbance hits all of them.
 */

const rounds = 41
const roundMs = 20

const tasks = 256
const payloadBytes = 100
const ledger = '0123456789abcdef'.repeat(2)
const peer = '12D3KooWDpJ7As7BWAwRMfu1VU2WCqNjvq387JEYKDBj4kx6nXTN'
const ballot = { counter: 4711, proposer: `${peer}.0123456789abcdef` }
const ofLedger = { ledger, epoch: 1 }
const seqs = [200_000, tasks]

const chunk = {
  first: 200_000,
  count: tasks,
  spec: {
    queue: 'thumbnail',
    priority: 0,
    requires: '',
    attempts: 3,
    backoff: 'exponential',
    backoffMs: 1000,
    backoffMaxMs: 60_000,
    timeoutMs: 0,
    resultTtlMs: 86_400_000,
  },
  ageMs: 3,
  delayMs: 0,
  startWithinMs: 0,
  endWithinMs: 0,
  lengths: new Uint32Array(tasks).fill(payloadBytes),
  payload: new Uint8Array(tasks * payloadBytes).fill(0x61),
} as const

const resultBytes = 20
const values = {
  seqs,
  kind: 'done',
  failures: 0,
  delayMs: 0,
  reason: '',
  by: peer,
  lengths: new Uint32Array(tasks).fill(resultBytes),
  body: new Uint8Array(tasks * resultBytes).fill(0x62),
} as const

const messages: Record<string, { message: Message; tasks: number }> = {
  'STORE 256 x 100 B': {
    message: { type: 'store', ...ofLedger, fresh: true, chunks: [chunk] },
    tasks,
  },
  'STORE 1 x 100 B': {
    message: {
      type: 'store',
      ...ofLedger,
      fresh: true,
      chunks: [
        {
          ...chunk,
          count: 1,
          lengths: chunk.lengths.slice(0, 1),
          payload: chunk.payload.slice(0, payloadBytes),
        },
      ],
    },
    tasks: 1,
  },
  'CLAIMED 256, records': {
    message: {
      type: 'claimed',
      ...ofLedger,
      counter: 4711,
      claimId: 12,
      ballot,
      granted: seqs,
      leaseMs: 1000,
      grants: [tasks, 1],
      accepted: [],
      held: [],
      refused: [],
      chunks: [chunk],
    },
    tasks,
  },
  'SETTLE 256 x 20 B': {
    message: { type: 'settle', ...ofLedger, ballot, values: [values], acceptLsn: 99_000 },
    tasks,
  },
  'ACCEPTED 256 in 1 run': {
    message: {
      type: 'accepted',
      ...ofLedger,
      counter: 4711,
      ballot,
      accepted: seqs,
      behind: [],
      settled: [],
      missing: [],
    },
    tasks,
  },
  'ACCEPTED 256 in 128 runs': {
    message: {
      type: 'accepted',
      ...ofLedger,
      counter: 4711,
      ballot,
      accepted: Array.from({ length: tasks }, (_, i) => (i % 2 === 0 ? 200_000 + 2 * i : 2)),
      behind: [],
      settled: [],
      missing: [],
    },
    tasks,
  },
}

/** Nanoseconds of processor time of one call, over about `roundMs`. */
function timeOf(call: () => unknown): number {
  let calls = 0
  let usedUs = 0
  const begin = process.cpuUsage()
  while (usedUs < roundMs * 1000) {
    for (let i = 0; i < 100; i++) call()
    calls += 100
    const { user, system } = process.cpuUsage(begin)
    usedUs = user + system
  }
  return (usedUs * 1000) / calls
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[sorted.length >> 1] ?? NaN
}

const cases = Object.entries(messages).map(([name, { message, tasks }]) => {
  const envelope = { lsn: 123_456, message }
  const bytes = encodeEnvelope(envelope)
  return { name, tasks, envelope, bytes, encode: [] as number[], decode: [] as number[] }
})

for (let round = 0; round < rounds + 3; round++) {
  for (const one of cases) {
    const encodeNs = timeOf(() => encodeEnvelope(one.envelope))
    const decodeNs = timeOf(() => decodeEnvelope(one.bytes))
    if (round < 3) continue
    one.encode.push(encodeNs)
    one.decode.push(decodeNs)
  }
}

console.log(`Node ${process.version}, ${cpus().length} x ${cpus()[0]?.model ?? 'unknown'}`)
console.log(`medians of ${rounds} rounds of ${roundMs} ms`)
console.table(
  Object.fromEntries(
    cases.map(one => {
      const encodeNs = median(one.encode)
      const decodeNs = median(one.decode)
      return [
        one.name,
        {
          bytes: one.bytes.length,
          'encode µs': Number((encodeNs / 1000).toFixed(2)),
          'decode µs': Number((decodeNs / 1000).toFixed(2)),
          'ns/task': Number(((encodeNs + decodeNs) / one.tasks).toFixed(1)),
        },
      ]
    }),
  ),
)
