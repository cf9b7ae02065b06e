import assert from 'node:assert/strict'
import { decodeEnvelope } from '../../src/wire/codec.ts'
import { maxTasksPerChunk } from '../../src/wire/limits.ts'
import { field, frameWith, joined, varint } from './frames.ts'
import type * as wire from './generated/meshwork_pb.ts'
import { rejects } from './rejects.ts'

/** Changes the only chunk of the example of a STORE. */
function chunkWith(change: (chunk: wire.Chunk) => void): Uint8Array {
  return frameWith('store', ({ chunks: [chunk] }) => {
    assert.ok(chunk !== undefined)
    change(chunk)
  })
}

/** Changes the task spec of the example of a STORE. */
function specWith(change: (spec: wire.TaskSpec) => void): Uint8Array {
  return chunkWith(({ spec }) => {
    assert.ok(spec !== undefined)
    change(spec)
  })
}

/** Changes the only group of values of the example of a SETTLE. */
function valuesWith(change: (values: wire.Values) => void): Uint8Array {
  return frameWith('settle', ({ values: [values] }) => {
    assert.ok(values !== undefined)
    change(values)
  })
}

rejects('chunks', decodeEnvelope, [
  [
    'fewer lengths than tasks',
    chunkWith(chunk => {
      chunk.count = 4
    }),
    /^Envelope\.store\.chunks\[0\]: 3 lengths for 4 tasks$/,
  ],
  [
    'more lengths than tasks',
    chunkWith(chunk => {
      chunk.count = 2
    }),
    /3 lengths for 2 tasks$/,
  ],
  [
    'no tasks',
    chunkWith(chunk => {
      chunk.count = 0
    }),
    /^Envelope\.store\.chunks\[0\]\.count: 0 is not an integer from 1 to 1024$/,
  ],
  [
    'more tasks than the limit',
    chunkWith(chunk => {
      chunk.count = maxTasksPerChunk + 1
      chunk.lengths = new Uint8Array(maxTasksPerChunk + 1)
      chunk.payload = new Uint8Array(0)
    }),
    /1025 /,
  ],
  [
    'lengths that add up to less than the payload',
    chunkWith(chunk => {
      chunk.payload = new Uint8Array(132)
    }),
    /^Envelope\.store\.chunks\[0\]: lengths add up to 131 of 132 bytes$/,
  ],
  [
    'lengths that add up to more than the payload',
    chunkWith(chunk => {
      chunk.payload = new Uint8Array(0)
    }),
    /lengths add up to 131 of 0 bytes$/,
  ],
  [
    'a payload over its limit',
    chunkWith(chunk => {
      chunk.count = 1
      chunk.lengths = Uint8Array.from(varint(65_537))
      chunk.payload = new Uint8Array(65_537)
    }),
    /^Envelope\.store\.chunks\[0\]: length 65537, at most 65536 bytes$/,
  ],
  [
    'a first number of 2^31',
    chunkWith(chunk => {
      chunk.first = 2 ** 31
    }),
    /^Envelope\.store\.chunks\[0\]\.first: 2147483648 is not/,
  ],
  [
    'numbers past 2^31',
    chunkWith(chunk => {
      chunk.first = 2 ** 31 - 2
    }),
    /a number of 2147483648 or more$/,
  ],
  [
    'a delay over its limit',
    chunkWith(chunk => {
      chunk.delayMs = 8_640_000_000_000_001n
    }),
    /^Envelope\.store\.chunks\[0\]\.delayMs: 8640000000000001 is not/,
  ],
  [
    "a delay of -1, as two's complement",
    chunkWith(chunk => {
      chunk.delayMs = 2n ** 64n - 1n
    }),
    /^Envelope\.store\.chunks\[0\]\.delayMs: 18446744073709552000 is not/,
  ],
  [
    'no spec',
    chunkWith(chunk => {
      delete chunk.spec
    }),
    /^Envelope\.store\.chunks\[0\]\.spec: missing$/,
  ],
  [
    'an unknown backoff',
    specWith(spec => {
      spec.backoff = 9 as wire.Backoff
    }),
    /^Envelope\.store\.chunks\[0\]\.spec\.backoff: unknown kind 9$/,
  ],
  [
    'no attempts',
    specWith(spec => {
      spec.attempts = 0
    }),
    /^Envelope\.store\.chunks\[0\]\.spec\.attempts: 0 is not an integer from 1/,
  ],
  [
    'a priority over its limit',
    specWith(spec => {
      spec.priority = -1_000_001
    }),
    /^Envelope\.store\.chunks\[0\]\.spec\.priority: -1000001 is not/,
  ],
  [
    'no queue',
    specWith(spec => {
      spec.queue = ''
    }),
    /^Envelope\.store\.chunks\[0\]\.spec\.queue: empty$/,
  ],
  [
    'a label set over its limit',
    specWith(spec => {
      spec.requires = 'l'.repeat(1025)
    }),
    /^Envelope\.store\.chunks\[0\]\.spec\.requires: 1025 bytes, at most 1024$/,
  ],
  [
    'more chunks than the limit',
    frameWith('store', message => {
      message.chunks = message.chunks.flatMap(chunk =>
        Array<wire.Chunk>(1025).fill({
          ...chunk,
          count: 1,
          lengths: Uint8Array.of(0),
          payload: new Uint8Array(0),
        }),
      )
    }),
    /^Envelope\.store\.chunks: 1025 values, at most 1024$/,
  ],
])

rejects('values and ballots', decodeEnvelope, [
  [
    'fewer lengths than tasks',
    valuesWith(values => {
      values.lengths = Uint8Array.of(5)
    }),
    /^Envelope\.settle\.values\[0\]: 1 lengths for 2 tasks$/,
  ],
  [
    'lengths that do not add up to the body',
    valuesWith(values => {
      values.body = new Uint8Array(6)
    }),
    /^Envelope\.settle\.values\[0\]: lengths add up to 5 of 6 bytes$/,
  ],
  [
    'a result over its limit',
    valuesWith(values => {
      values.lengths = Uint8Array.from([...varint(65_537), 0])
      values.body = new Uint8Array(65_537)
    }),
    /^Envelope\.settle\.values\[0\]: length 65537, at most 65536 bytes$/,
  ],
  [
    'an unknown kind',
    valuesWith(values => {
      values.kind = 5 as wire.ValueKind
    }),
    /^Envelope\.settle\.values\[0\]\.kind: unknown kind 5$/,
  ],
  [
    'a kind of -1',
    valuesWith(values => {
      values.kind = -1 as wire.ValueKind
    }),
    /^Envelope\.settle\.values\[0\]\.kind: unknown kind \d+$/,
  ],
  [
    'no kind',
    valuesWith(values => {
      values.kind = 0
    }),
    /^Envelope\.settle\.values\[0\]\.kind: unknown kind 0$/,
  ],
  [
    'failed for no reason',
    valuesWith(values => {
      values.reason = 0
    }),
    /^Envelope\.settle\.values\[0\]: reason '' of kind failed$/,
  ],
  [
    'done, with a reason to fail',
    valuesWith(values => {
      values.kind = 2
    }),
    /^Envelope\.settle\.values\[0\]: reason 'unrecoverable' of kind done$/,
  ],
  [
    'an unknown reason',
    valuesWith(values => {
      values.reason = 77 as wire.FailedReason
    }),
    /^Envelope\.settle\.values\[0\]\.reason: unknown kind 77$/,
  ],
  [
    'a peer id over its limit',
    valuesWith(values => {
      values.by = 'p'.repeat(129)
    }),
    /^Envelope\.settle\.values\[0\]\.by: 129 bytes, at most 128$/,
  ],
  [
    'no ballot',
    frameWith('settle', message => {
      delete message.ballot
    }),
    /^Envelope\.settle\.ballot: missing$/,
  ],
  [
    'a ballot without a proposer',
    frameWith('settle', ({ ballot }) => {
      assert.ok(ballot !== undefined)
      ballot.proposer = ''
    }),
    /^Envelope\.settle\.ballot: counter 4711 of proposer ''$/,
  ],
  [
    'a counter of 2^32',
    field(26, field(4, joined([8], varint(2 ** 32)))),
    /^Envelope\.accepted\.ballot\.counter: 4294967296 is not an integer from 0 to 4294967295$/,
  ],
  [
    'an undecided outcome',
    frameWith('decided', ({ outcomes: [outcome] }) => {
      assert.ok(outcome !== undefined)
      outcome.kind = 1
    }),
    /^Envelope\.decided\.outcomes\[0\]\.kind: unknown kind 1$/,
  ],
])
