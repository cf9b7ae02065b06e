import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Run } from '../../src/core/effects.ts'
import type { Worker, WorkerEvents } from '../../src/driver/ports.ts'
import { WatchedWorker } from '../../src/watched-worker.ts'
import { plainSpec } from '../plain-spec.ts'

const spec = plainSpec('q')

function run(ledger: string, token: number, seqs: readonly number[]): Run {
  const none = new Uint32Array()
  const payload = new Uint8Array()
  return { type: 'run', ledger, token, seqs, spec, attempts: none, lengths: none, payload }
}

test('a watched worker counts what it owes, what has ended and what was given back', async () => {
  let events: WorkerEvents | undefined
  const inner: Worker = {
    start: async given => {
      events = given
    },
    run: () => {},
    abort: () => {},
    drain: () => {},
    stop: async () => {},
  }
  const worker = new WatchedWorker(inner)
  const finished: number[][] = []
  await worker.start({ finished: ({ seqs }) => finished.push([...seqs]), reported: () => {} })
  worker.run(run('l', 1, [0, 10]))
  worker.run(run('l', 2, [20, 1]))
  assert.equal(worker.held, 11)
  worker.abort('l', 1, [0, 4], 'cancelled')
  assert.equal(worker.held, 7)

  const result = { type: 'finished', kind: 'done', lengths: new Uint32Array() } as const
  const body = new Uint8Array()
  events?.finished({ ...result, body, ledger: 'l', token: 1, seqs: [4, 6] })
  assert.deepEqual([worker.held, worker.finished, worker.released], [1, 6, 0])
  events?.finished({ ...result, kind: 'released', body, ledger: 'l', token: 2, seqs: [20, 1] })
  assert.deepEqual([worker.held, worker.finished, worker.released], [0, 6, 1])
  assert.deepEqual(finished, [
    [4, 6],
    [20, 1],
  ])
  worker.run(run('l', 3, [30, 2]))
  worker.abort('l', 3, [30, 2], 'leaving')
  worker.abort('l', 3, [30, 2], 'leaving')
  assert.deepEqual([worker.held, worker.finished, worker.released], [0, 6, 3])
})
