import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { fromBinary, toBinary } from '@bufbuild/protobuf'
import type { Message as WireMessage } from '@bufbuild/protobuf'
import type { GenMessage } from '@bufbuild/protobuf/codegenv2'
import { BinaryReader } from '@bufbuild/protobuf/wire'
import * as fc from 'fast-check'
import type { Entry } from '../../src/core/entries.ts'
import type { Hint, Message } from '../../src/core/messages.ts'
import { encodeEntry, encodeEnvelope, encodeHints } from '../../src/wire/codec.ts'
import { entries, hints, messages, ranges } from './arbitraries.ts'
import { EntrySchema, EnvelopeSchema, GossipFrameSchema } from './generated/meshwork_pb.ts'

const numRuns = 40

/** The reference codec knows every field of the bytes and would have written them alike. */
function isCanonical<W extends WireMessage>(schema: GenMessage<W>, bytes: Uint8Array): void {
  const message = fromBinary(schema, bytes)
  const rewritten = toBinary(schema, message, { writeUnknownFields: false })
  assert.equal(Buffer.from(bytes).toString('hex'), Buffer.from(rewritten).toString('hex'))
}

suite('the codec generated from the .proto writes the same bytes', () => {
  for (const [type, arbitrary] of Object.entries<fc.Arbitrary<Message>>(messages)) {
    test(`message ${type}`, () => {
      fc.assert(
        fc.property(arbitrary, fc.maxSafeNat(), (message, lsn) => {
          isCanonical(EnvelopeSchema, encodeEnvelope({ lsn, message }))
        }),
        { numRuns },
      )
    })
  }

  for (const [type, arbitrary] of Object.entries<fc.Arbitrary<Hint>>(hints)) {
    test(`hint ${type}`, () => {
      fc.assert(
        fc.property(arbitrary, hint => isCanonical(GossipFrameSchema, encodeHints([hint, hint]))),
        { numRuns },
      )
    })
  }

  for (const [type, arbitrary] of Object.entries<fc.Arbitrary<Entry>>(entries)) {
    test(`entry ${type}`, () => {
      fc.assert(
        fc.property(arbitrary, entry => isCanonical(EntrySchema, encodeEntry(entry))),
        { numRuns },
      )
    })
  }
})

test('the generated codec reads the values that were written', () => {
  const message: Message = {
    type: 'claim',
    ledger: '000102030405060708090a0b0c0d0e0f',
    epoch: 3,
    claimId: 2 ** 32 - 1,
    ballot: { counter: 300, proposer: 'peer.0011223344556677' },
    intent: 'finish',
    seqs: [5, 2, 300, 1],
    any: [{ queue: 'büro', priority: -7, requires: 'os=linux' }],
    anyCount: 9,
    records: true,
    idle: false,
  }
  const { lsn, message: wire } = fromBinary(
    EnvelopeSchema,
    encodeEnvelope({ lsn: Number.MAX_SAFE_INTEGER, message }),
  )
  assert.equal(lsn, BigInt(Number.MAX_SAFE_INTEGER))
  assert.ok(wire.case === 'claim')
  assert.deepEqual([...wire.value.ledger], [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15])
  assert.equal(wire.value.claimId, 2 ** 32 - 1)
  assert.equal(wire.value.ballot?.counter, 300)
  assert.equal(wire.value.ballot.proposer, 'peer.0011223344556677')
  assert.equal(wire.value.intent, 3)
  assert.equal(wire.value.any[0]?.queue, 'büro')
  assert.equal(wire.value.any[0].priority, -7)
  assert.equal(wire.value.records, true)
})

test('a set is the body of a packed repeated uint32 of gaps and counts', () => {
  fc.assert(
    fc.property(ranges, seqs => {
      const frame = encodeEnvelope({
        lsn: 0,
        message: { type: 'unwatch', ledger: 'ab'.repeat(16), seqs },
      })
      const { message } = fromBinary(EnvelopeSchema, frame)
      assert.ok(message.case === 'unwatch')
      const reader = new BinaryReader(message.value.seqs)
      let end = 0
      for (let i = 0; i < seqs.length; i += 2) {
        const first = end + reader.uint32()
        const count = reader.uint32()
        assert.deepEqual([first, count], [seqs[i], seqs[i + 1]])
        end = first + count
      }
      assert.equal(reader.pos, message.value.seqs.length)
    }),
    { numRuns },
  )
})
