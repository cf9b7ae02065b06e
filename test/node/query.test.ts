import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  answerBytesMax,
  cancelTasksMax,
  decodeAnswer,
  decodeRequest,
  encodeQuery,
  pageTasksMax,
  type QueryRequest,
  requestBytesMax,
} from '../../src/query.ts'
import type { NodeInfo, TaskInfo } from '../../src/task-info.ts'

const task: TaskInfo = {
  id: `${'a'.repeat(32)}-1`,
  queue: 'resize',
  state: 'running',
  priority: -5,
  attempts: 3,
  failures: 1,
  grants: 2,
  node: 'worker',
  reason: undefined,
  expired: false,
  ageMs: 10,
  dueMs: 0,
}

const node: NodeInfo = {
  peerId: 'p',
  addresses: ['/ip4/127.0.0.1/tcp/1'],
  guest: false,
  queues: ['resize'],
  concurrency: 4,
  running: 1,
  labels: { os: 'linux' },
  peers: ['q'],
  version: '0.1.0',
}

function bytesOf(value: unknown): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(value))
}

describe('decodeRequest', () => {
  const requests: readonly QueryRequest[] = [
    { type: 'node' },
    { type: 'queues' },
    { type: 'task', id: task.id },
    { type: 'tasks', queue: 'q', state: 'failed', after: task.id, limit: 10 },
    { type: 'cancel', id: task.id, reason: 'not needed' },
    { type: 'cancel-tasks', ledger: 'l', seqs: [0, 2, 5, 1], reason: 'not needed' },
    { type: 'output', id: task.id, from: 70_000 },
    { type: 'signal', id: task.id, signal: 'SIGINT' },
    { type: 'dial-back', port: 4_001 },
  ]
  for (const request of requests) {
    it(`takes back what was encoded of ${request.type}`, () => {
      assert.deepEqual(decodeRequest(encodeQuery(request)), request)
    })
  }

  const cancels = { type: 'cancel-tasks', ledger: 'l', reason: '' }
  const bad: readonly (readonly [string, Uint8Array])[] = [
    ['garbage', Uint8Array.of(0xff, 0xfe)],
    ['no object', bytesOf([1])],
    ['another version', bytesOf({ v: 2, type: 'node' })],
    ['an unknown type', bytesOf({ v: 1, type: 'shutdown' })],
    ['an id that is no text', bytesOf({ v: 1, type: 'task', id: 7 })],
    ['a page too long', bytesOf({ v: 1, type: 'tasks', limit: pageTasksMax + 1 })],
    ['a port that is none', bytesOf({ v: 1, type: 'dial-back', port: 65_536 })],
    ['a signal that is none', bytesOf({ v: 1, type: 'signal', id: '', signal: 'SIGNO' })],
    ['output before the start', bytesOf({ v: 1, type: 'output', id: '', from: -1 })],
    ['ranges out of order', bytesOf({ v: 1, ...cancels, seqs: [5, 1, 0, 2] })],
    ['ranges that are cut off', bytesOf({ v: 1, ...cancels, seqs: [0, 2, 5] })],
    ['too many tasks', bytesOf({ v: 1, ...cancels, seqs: [0, cancelTasksMax + 1] })],
    ['too many bytes', bytesOf({ v: 1, type: 'node', more: 'x'.repeat(requestBytesMax) })],
  ]
  for (const [what, bytes] of bad) {
    it(`refuses ${what}`, () => {
      assert.throws(() => decodeRequest(bytes), { name: 'InvalidMessageError' })
    })
  }
})

describe('decodeAnswer', () => {
  it('takes back what was encoded', () => {
    assert.deepEqual(decodeAnswer('node', encodeQuery(node)), node)
    const found = { task, alone: true }
    assert.deepEqual(decodeAnswer('task', encodeQuery(found)), found)
    assert.deepEqual(decodeAnswer('task', encodeQuery({ task })), { task, alone: false })
    assert.deepEqual(decodeAnswer('task', encodeQuery({})), {})
    const later = { task: { ...task, generation: 2, forkId: `${'b'.repeat(32)}-0` }, alone: false }
    assert.deepEqual(decodeAnswer('task', encodeQuery(later)), later)
    const page = { tasks: [task], next: task.id }
    assert.deepEqual(decodeAnswer('tasks', encodeQuery(page)), page)
    assert.deepEqual(decodeAnswer('cancel', encodeQuery({ cancelled: false })), {
      cancelled: false,
    })
    const part = { token: 3, base64: 'AAEC' }
    assert.deepEqual(decodeAnswer('output', encodeQuery({ part })), { part })
    assert.deepEqual(decodeAnswer('output', encodeQuery({})), {})
    assert.deepEqual(decodeAnswer('signal', encodeQuery({ sent: true })), { sent: true })
    const cancelled = [1, 2, 7, 1]
    assert.deepEqual(decodeAnswer('cancel-tasks', encodeQuery({ cancelled })), { cancelled })
    assert.deepEqual(decodeAnswer('cancel-tasks', encodeQuery({})), {})
    const tried = { address: '/ip4/127.0.0.1/tcp/1', reached: true }
    assert.deepEqual(decodeAnswer('dial-back', encodeQuery({ tried })), { tried })
    assert.deepEqual(decodeAnswer('dial-back', encodeQuery({})), {})
  })

  it('refuses answers that are not of their form', () => {
    const bad = [
      () => decodeAnswer('node', encodeQuery({ ...node, queues: [1] })),
      () => decodeAnswer('node', encodeQuery({ ...node, concurrency: -1 })),
      () => decodeAnswer('task', encodeQuery({ task: { ...task, state: 'lost' } })),
      () => decodeAnswer('task', encodeQuery({ task: { ...task, generation: 2, forkId: 'b' } })),
      () =>
        decodeAnswer('task', encodeQuery({ task: { ...task, generation: 1, forkId: task.id } })),
      () => decodeAnswer('task', encodeQuery({ task: { ...task, generation: 2 } })),
      () => decodeAnswer('tasks', encodeQuery({ tasks: {} })),
      () => decodeAnswer('queues', encodeQuery({ rows: [{}] })),
      () => decodeAnswer('dial-back', encodeQuery({ tried: { address: 7 } })),
      () => decodeAnswer('output', encodeQuery({ part: { token: 1 } })),
      () => decodeAnswer('cancel-tasks', encodeQuery({ cancelled: [3, 0] })),
      () => decodeAnswer('task', new Uint8Array(answerBytesMax + 1)),
    ]
    for (const decode of bad) assert.throws(decode, { name: 'InvalidMessageError' })
  })

  it('keeps nothing that is not known', () => {
    const answer = decodeAnswer('node', encodeQuery({ ...node, admin: true }))
    assert.equal('admin' in answer, false)
  })
})
