import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { Message, Values } from '../../src/core/messages.ts'
import { noTiming } from '../../src/core/timing.ts'
import { decodeEnvelope, encodeEntry, encodeEnvelope, encodeHints } from '../../src/wire/codec.ts'
import {
  maxFrameBytes,
  maxHintsPerFrame,
  maxRangesPerSet,
  maxSeq,
  maxTasksPerChunk,
} from '../../src/wire/limits.ts'
import { plainSpec } from '../plain-spec.ts'

const ledger = '00112233445566778899aabbccddeeff'
const ofLedger = { ledger, epoch: 1 }
const spec = plainSpec('q')

function store(lengths: number[], extra: object = {}): Message {
  const payload = new Uint8Array(lengths.reduce((sum, length) => sum + length, 0))
  const chunk = { first: 0, count: lengths.length, spec, ...noTiming }
  return {
    type: 'store',
    ...ofLedger,
    fresh: true,
    chunks: [{ ...chunk, lengths: Uint32Array.from(lengths), payload, fork: undefined, ...extra }],
    grant: undefined,
  }
}

function settle(values: Partial<Values>): Message {
  const done: Values = {
    seqs: [1, 1],
    kind: 'done',
    failures: 0,
    delayMs: 0,
    reason: '',
    by: '',
    lengths: Uint32Array.of(0),
    body: new Uint8Array(0),
  }
  const ballot = { counter: 1, proposer: 'n' }
  return { type: 'settle', ...ofLedger, ballot, values: [{ ...done, ...values }], acceptLsn: 0 }
}

const watch = (extra: object): Message => {
  return { type: 'watch', ledger, seqs: [], progress: false, ...extra }
}

/** Sets with one number in two. */
const scattered = (runs: number): number[] =>
  Array.from({ length: 2 * runs }, (_, i) => (i % 2 === 0 ? i : 1))

suite('what others would refuse is not sent', () => {
  const rows: [what: string, message: Message, text: RegExp][] = [
    ['a ledger id that is not hex', watch({ ledger: 'x'.repeat(32) }), /watch\.ledger: not 32 hex/],
    ['a ledger id in capitals', watch({ ledger: 'A'.repeat(32) }), /watch\.ledger: not 32 hex/],
    ['no ledger id', watch({ ledger: '' }), /watch\.ledger: empty/],
    ['runs out of order', watch({ seqs: [5, 1, 2, 1] }), /watch\.seqs: not ascending/],
    ['runs that touch', watch({ seqs: [5, 1, 6, 1] }), /watch\.seqs: not ascending/],
    ['half a run', watch({ seqs: [5] }), /watch\.seqs: not ascending/],
    ['a number of 2^31', watch({ seqs: [maxSeq, 1] }), /watch\.seqs: not ascending/],
    ['a number that is none', watch({ seqs: [Number.NaN, 1] }), /watch\.seqs: not ascending/],
    [
      'more runs than the limit',
      watch({ seqs: scattered(maxRangesPerSet + 1) }),
      /watch\.seqs: 16385 runs, at most 16384/,
    ],
    ['NaN milliseconds', store([1], { ageMs: Number.NaN }), /chunks\[0\]\.ageMs: NaN is not/],
    ['negative milliseconds', store([1], { delayMs: -1 }), /chunks\[0\]\.delayMs: -1 is not/],
    ['endless milliseconds', store([1], { delayMs: Infinity }), /chunks\[0\]\.delayMs: Infinity/],
    [
      'an unsafe number',
      { type: 'renewed', beat: 2 ** 32, leaseMs: 0, sendList: false, lost: [], elsewhere: [] },
      /renewed\.beat: 4294967296/,
    ],
    ['a broken number', { type: 'close', ...ofLedger, end: 1.5 }, /close\.end: 1\.5 is not/],
    [
      'an end before the first task',
      { type: 'compare', ...ofLedger, counter: 0, end: -2, stored: [], settled: [] },
      /compare\.end: -2 is not/,
    ],
    [
      'an unknown kind',
      settle({ kind: 'gone' as 'done' }),
      /values\[0\]\.kind: unknown kind 'gone'/,
    ],
    [
      'a kind that every object has',
      settle({ kind: 'toString' as 'done' }),
      /unknown kind 'toString'/,
    ],
    [
      'lengths that do not add up',
      settle({ body: new Uint8Array(1) }),
      /values\[0\]: lengths add up to 0 of 1/,
    ],
    ['no tasks', store([]), /chunks\[0\]\.count: 0 is not/],
    ['more tasks than the limit', store(Array<number>(maxTasksPerChunk + 1).fill(0)), /1025 /],
    ['a payload over its limit', store([65_537]), /length 65537, at most 65536 bytes/],
    [
      'a payload that fills more than a frame',
      store(Array<number>(9).fill(60_000)),
      /chunks\[0\]\.payload: 540000 bytes, at most 524288$/,
    ],
    [
      'a frame over its limit',
      settle({
        seqs: [1, 8],
        lengths: new Uint32Array(8).fill(65_536),
        body: new Uint8Array(524_288),
      }),
      /^Envelope: 5\d+ bytes, at most 524288$/,
    ],
    [
      'a frame far over its limit',
      store(Array<number>(40).fill(60_000)),
      /more than 1056768 bytes/,
    ],
    ['an unknown message', { type: 'gossip' } as unknown as Message, /unknown kind 'gossip'/],
  ]

  for (const [what, message, text] of rows) {
    test(what, () => {
      assert.throws(() => encodeEnvelope({ lsn: 0, message }), {
        name: 'InvalidParametersError',
        message: text,
      })
      // What was half written leaves no trace in what is written next.
      const goodbye = { lsn: 0, message: { type: 'goodbye' } } as const
      assert.deepEqual(decodeEnvelope(encodeEnvelope(goodbye)), goodbye)
    })
  }

  test('more nested messages than others take apart', () => {
    const task = { ...spec, ageMs: 0, backlog: 0, seqs: [] }
    const info = { ...ofLedger, producer: 'n', voters: [] }
    const classes = Array.from({ length: 256 }, () => task)
    const ledgers = Array.from({ length: 64 }, () => ({ info, counter: 0, classes }))
    assert.throws(
      () => encodeEnvelope({ lsn: 0, message: { type: 'backlogs', ledgers, offered: false } }),
      {
        name: 'InvalidParametersError',
        message: /: more than 16384 nested messages$/,
      },
    )
  })

  test('more hints than the limit', () => {
    const hints = Array.from({ length: maxHintsPerFrame + 1 }, () => {
      return { type: 'taken', ledger, seqs: [] } as const
    })
    assert.throws(() => encodeHints(hints), {
      name: 'InvalidParametersError',
      message: 'GossipFrame: 257 hints, at most 256',
    })
  })

  test('an entry that could not be read back', () => {
    assert.throws(() => encodeEntry({ type: 'reserved', ledger, mark: -1 }), {
      name: 'InvalidParametersError',
      message: /^Entry\.reserved\.mark: -1 is not/,
    })
  })
})

suite('what is just within the limits travels', () => {
  const rows: [what: string, message: Message][] = [
    ['a full chunk', store(Array<number>(maxTasksPerChunk).fill(500))],
    ['the longest payloads', store(Array<number>(7).fill(65_536))],
    ['the most runs', watch({ seqs: scattered(maxRangesPerSet) })],
    ['the highest number', watch({ seqs: [maxSeq - 1, 1] })],
    ['every number', watch({ seqs: [0, maxSeq] })],
    [
      'two of the largest sets',
      {
        type: 'compare',
        ...ofLedger,
        counter: 2 ** 32 - 1,
        end: maxSeq,
        stored: scattered(maxRangesPerSet),
        settled: scattered(maxRangesPerSet),
      },
    ],
    [
      'the whole list of the largest session',
      {
        type: 'renew',
        beat: 1,
        confirmed: Array.from({ length: 4096 }, (_, i) => i * 1_000_000),
        held: 4096,
        digest: 0,
        decidedBelow: 0,
        list: Array.from({ length: 4096 }, (_, i) => {
          const proposer = `${'p'.repeat(52)}.0123456789abcdef`
          return { ledger, claimId: i, ballot: { counter: i + 1, proposer }, seqs: [i * 4, 1] }
        }),
      },
    ],
  ]
  for (const [what, message] of rows) {
    test(what, () => {
      const bytes = encodeEnvelope({ lsn: Number.MAX_SAFE_INTEGER, message })
      assert.ok(bytes.length <= maxFrameBytes)
      assert.deepEqual(decodeEnvelope(bytes), { lsn: Number.MAX_SAFE_INTEGER, message })
    })
  }
})
