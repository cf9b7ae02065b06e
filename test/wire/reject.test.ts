import assert from 'node:assert/strict'
import { decodeEntry, decodeEnvelope, decodeHints } from '../../src/wire/codec.ts'
import {
  maxEntryBytes,
  maxFrameBytes,
  maxHintBytes,
  maxHintsPerFrame,
  maxPartsPerFrame,
} from '../../src/wire/limits.ts'
import { emptyFrame, entryWith, field, frameWith, hintsWith, joined, varint } from './frames.ts'
import type * as wire from './generated/meshwork_pb.ts'
import { rejects } from './rejects.ts'

/** An UNWATCH of these gaps and counts. */
function seqsOf(...gapsAndCounts: (number | bigint)[]): Uint8Array {
  return columnOf(joined(...gapsAndCounts.map(varint)))
}

function columnOf(column: Uint8Array): Uint8Array {
  return frameWith('unwatch', message => {
    message.seqs = column
  })
}

const goodbye = field(11, [])

rejects('frames', decodeEnvelope, [
  ['an empty frame', new Uint8Array(0), /^Envelope: no message$/],
  ['a frame without a message', emptyFrame(), /^Envelope: no message$/],
  ['two messages', joined(goodbye, goodbye), /more than one message/],
  ['a frame over its limit', new Uint8Array(maxFrameBytes + 1), /524289 bytes, at most 524288/],
  ['a length beyond the end', [90, 5, 1], /cut off/],
  ['a number that goes on for ever', Array(11).fill(0x88), /more than ten bytes/],
  ['field number 0', [0x00, 0x00], /field number 0/],
  ['a field number of more than 29 bits', varint(2 ** 33), /field number 1073741824/],
  ['a group', [0x9b, 0x06, 0x9c, 0x06], /wire type 3/],
  ['a group that only ends', [0x9c, 0x06], /wire type 4/],
  ['a message as a number', [10 * 8, 1], /^Envelope\.hello: wire type 0 instead of 2$/],
  [
    'an lsn over 2^53 - 1',
    joined([8], varint(2n ** 53n), goodbye),
    /^Envelope\.lsn: 9007199254740992/,
  ],
  ['an lsn of 2^64 - 1', joined([8], varint(2n ** 64n - 1n), goodbye), /^Envelope\.lsn: /],
])

rejects('ids', decodeEnvelope, [
  [
    'a ledger id of 15 bytes',
    frameWith('watch', message => {
      message.ledger = message.ledger.subarray(1)
    }),
    /^Envelope\.watch\.ledger: 15 bytes instead of 16$/,
  ],
  [
    'a ledger id of 17 bytes',
    frameWith('watch', message => {
      message.ledger = new Uint8Array(17)
    }),
    /^Envelope\.watch\.ledger: 17 bytes, at most 16$/,
  ],
  [
    'no ledger id',
    frameWith('watch', message => {
      message.ledger = new Uint8Array(0)
    }),
    /^Envelope\.watch\.ledger: empty$/,
  ],
  [
    'an empty peer id of a voter',
    frameWith('open', ({ voters: [voter] }) => {
      assert.ok(voter !== undefined)
      voter.peer = ''
    }),
    /^Envelope\.open\.voters\[0\]\.peer: empty$/,
  ],
  [
    'a producer over its limit',
    frameWith('open', message => {
      message.producer = 'p'.repeat(146)
    }),
    /^Envelope\.open\.producer: 146 bytes, at most 145$/,
  ],
  [
    'an incarnation of 7 bytes',
    frameWith('hello', message => {
      message.incarnation = new Uint8Array(7)
    }),
    /^Envelope\.hello\.incarnation: 7 bytes instead of 8$/,
  ],
  [
    'no kind of progress',
    field(38, joined(field(1, new Uint8Array(16)), field(5, [1]))),
    /^Envelope\.progress\.kind: unknown kind 0$/,
  ],
  [
    'a queue that is not UTF-8',
    field(34, field(1, [0xc3, 0x28])),
    /^Envelope\.sync\.queues\[0\]: not UTF-8$/,
  ],
])

rejects('sets', decodeEnvelope, [
  [
    'a run that touches the one before',
    seqsOf(5, 1, 0, 1),
    /^Envelope\.unwatch\.seqs: a run that touches/,
  ],
  ['an empty run', seqsOf(5, 0), /^Envelope\.unwatch\.seqs: an empty run$/],
  ['a gap without a count', seqsOf(5, 1, 7), /^Envelope\.unwatch\.seqs: a gap without a count$/],
  [
    'a number of 2^31',
    seqsOf(2 ** 31, 1),
    /^Envelope\.unwatch\.seqs: a number of 2147483648 or more$/,
  ],
  ['a run past 2^31', seqsOf(2 ** 31 - 1, 2), /a number of 2147483648 or more$/],
  ['a value of 2^32', seqsOf(1, 2 ** 32), /^Envelope\.unwatch\.seqs: value 4294967296, at most/],
  ['a value of 2^64', seqsOf(1, 2n ** 64n - 1n), /^Envelope\.unwatch\.seqs: value \d+, at most/],
  [
    'a value that is cut off',
    columnOf(Uint8Array.of(1, 1, 0x80)),
    /^Envelope\.unwatch\.seqs: cut off$/,
  ],
  [
    'a value in more bytes than it takes',
    columnOf(Uint8Array.of(0x81, 0, 1)),
    /one more than it takes$/,
  ],
  [
    'more runs than the limit',
    seqsOf(...Array<number>(2 * 16_385).fill(1)),
    /32770 values, at most 32768$/,
  ],
  ['more bytes than the limit', columnOf(new Uint8Array(163_841)), /163841 bytes, at most 163840$/],
])

rejects('other messages', decodeEnvelope, [
  [
    'grants of fewer tasks than granted',
    frameWith('claimed', message => {
      message.grants = Uint8Array.of(3, 1)
    }),
    /^Envelope\.claimed: grants of 3 tasks instead of 204$/,
  ],
  [
    'a count of tasks without grants',
    frameWith('claimed', message => {
      message.grants = Uint8Array.of(3)
    }),
    /^Envelope\.claimed: a count of tasks without grants$/,
  ],
  [
    'an unknown intent',
    frameWith('claim', message => {
      message.intent = 5 as wire.Intent
    }),
    /^Envelope\.claim\.intent: unknown kind 5$/,
  ],
  [
    'no versions',
    frameWith('hello', message => {
      message.minVersion = 0
    }),
    /^Envelope\.hello\.minVersion: 0 is not an integer from 1/,
  ],
  [
    'versions the wrong way round',
    frameWith('hello', message => {
      message.minVersion = 3
    }),
    /^Envelope\.hello: versions from 3 to 2$/,
  ],
  [
    'more peers than the limit',
    frameWith('hello', message => {
      message.peers = message.peers.flatMap(peer => Array<wire.KnownPeer>(513).fill(peer))
    }),
    /^Envelope\.hello\.peers: 513 values, at most 512$/,
  ],
  [
    'more addresses than the limit',
    frameWith('hello', message => {
      message.addresses = Array<string>(33).fill('/ip4/192.0.2.1')
    }),
    /^Envelope\.hello\.addresses: 33 values, at most 32$/,
  ],
  [
    'more voters than the limit',
    frameWith('open', message => {
      message.voters = message.voters.flatMap(voter => Array<wire.Voter>(8).fill(voter))
    }),
    /^Envelope\.open\.voters: 8 values, at most 7$/,
  ],
  [
    'progress over its limit',
    frameWith('progress', message => {
      message.body = new Uint8Array(16_385)
    }),
    /^Envelope\.progress\.body: 16385 bytes, at most 16384$/,
  ],
  [
    'more confirmed claims than the limit',
    frameWith('renew', message => {
      message.confirmed = new Uint8Array(4097)
    }),
    /^Envelope\.renew\.confirmed: 4097 values, at most 4096$/,
  ],
  [
    'a backlog of fewer tasks than it names',
    frameWith('backlogs', ({ ledgers: [ledger] }) => {
      const backlog = ledger?.classes[0]
      assert.ok(backlog !== undefined)
      backlog.backlog = 203
    }),
    /^Envelope\.backlogs\.ledgers\[0\]\.classes\[0\]: 204 tasks of a backlog of 203$/,
  ],
  [
    'bytes where a number should be',
    field(18, joined(field(1, new Uint8Array(16)), field(3, []))),
    /^Envelope\.stored\.counter: wire type 2 instead of 0$/,
  ],
  [
    'two ballots',
    field(26, joined(field(4, []), field(4, []))),
    /^Envelope\.accepted\.ballot: there twice$/,
  ],
  [
    'a part that ends before its fields do',
    field(26, joined(varint(4 * 8 + 2), [1], varint(8), [0x80, 1])),
    /^Envelope\.accepted\.ballot\.counter: cut off$/,
  ],
])

/** A BACKLOGS of as many empty classes as the limit allows parts, and its ledgers on top. */
function manyParts(): Uint8Array {
  const queue = field(1, [0x71])
  const info = field(1, joined(field(1, new Uint8Array(16)), field(3, [0x6e])))
  const classes = joined(...Array<Uint8Array>(256).fill(field(3, queue)))
  const ledger = field(1, joined(info, classes))
  return field(35, joined(...Array<Uint8Array>(maxPartsPerFrame / 256).fill(ledger)))
}

rejects('parts', decodeEnvelope, [
  ['more nested messages than the limit', manyParts(), /: more than 16384 nested messages$/],
])

rejects('hints', decodeHints, [
  [
    'a frame over its limit',
    new Uint8Array(maxHintBytes + 1),
    /^GossipFrame: 65537 bytes, at most 65536$/,
  ],
  [
    'more hints than the limit',
    joined(...Array<Uint8Array>(maxHintsPerFrame + 1).fill(field(1, []))),
    /^GossipFrame: 257 hints, at most 256$/,
  ],
  ['a hint that is cut off', Uint8Array.of(10, 5, 1), /^GossipFrame: cut off$/],
  [
    'an announcement without a ledger',
    hintsWith('announce', hint => {
      delete hint.info
    }),
    /announce\.info: missing$/,
  ],
  ['two kinds in one hint', field(1, joined(field(3, []), field(3, []))), /more than one kind$/],
])

rejects('entries', decodeEntry, [
  ['nothing', new Uint8Array(0), /^Entry: no entry of a known kind$/],
  ['an unknown kind', field(99, [1]), /^Entry: no entry of a known kind$/],
  ['an entry over its limit', new Uint8Array(maxEntryBytes + 1), /^Entry: \d+ bytes, at most/],
  [
    'a time over its limit',
    entryWith('stored', entry => {
      entry.dueWallMs = 8_640_000_000_000_001n
    }),
    /^Entry\.stored\.dueWallMs: 8640000000000001 is not/,
  ],
  [
    'no chunk',
    entryWith('stored', entry => {
      delete entry.chunk
    }),
    /^Entry\.stored\.chunk: missing$/,
  ],
  [
    'grants of other tasks',
    entryWith('grants', entry => {
      entry.grants = Uint8Array.of(1, 1)
    }),
    /^Entry\.grants: grants of 1 tasks instead of 204$/,
  ],
])
