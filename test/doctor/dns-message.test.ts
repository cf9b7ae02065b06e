import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import * as fc from 'fast-check'
import { decodeDns, encodeQuestion } from '../../src/doctor/dns-message.ts'

const tag = '_mw-0123456789ab._udp.local'

/** An answer as multicast DNS sends it: the name again is a pointer to where it was. */
function answer(): Buffer {
  const question = encodeQuestion(0, tag)
  const name = question.subarray(12, -4)
  const text = Buffer.from('dnsaddr=/ip4/192.168.1.7/tcp/4001/p2p/12D3KooW')
  const txt = Buffer.concat([Buffer.of(text.byteLength), text])
  const record = (type: number, data: Buffer): Buffer => {
    const fixed = Buffer.alloc(10)
    fixed.writeUInt16BE(type, 0)
    fixed.writeUInt16BE(1, 2)
    fixed.writeUInt32BE(120, 4)
    fixed.writeUInt16BE(data.byteLength, 8)
    return Buffer.concat([fixed, data])
  }
  const toTag = Buffer.of(0xc0, 12)
  const instance = Buffer.concat([Buffer.of(3), Buffer.from('one'), toTag])
  const header = Buffer.from('000084000000000200000000', 'hex')
  return Buffer.concat([header, name, record(12, instance), instance, record(16, txt)])
}

describe('decodeDns', () => {
  test('reads the question that was encoded', () => {
    const message = decodeDns(encodeQuestion(0xbeef, tag))
    assert.deepEqual(message, { id: 0xbeef, response: false, names: [tag], texts: [] })
  })

  test('reads an answer with pointers', () => {
    assert.deepEqual(decodeDns(answer()), {
      id: 0,
      response: true,
      names: [tag, `one.${tag}`],
      texts: ['dnsaddr=/ip4/192.168.1.7/tcp/4001/p2p/12D3KooW'],
    })
  })

  test('keeps what it could read of a message that is cut off', () => {
    assert.deepEqual(decodeDns(answer().subarray(0, -20))?.names, [tag, `one.${tag}`])
    assert.equal(decodeDns(Buffer.alloc(11)), undefined)
  })

  test('ends with a name that points to itself', () => {
    const message = encodeQuestion(1, 'a')
    message.writeUInt16BE(0xc00c, 12)
    assert.deepEqual(decodeDns(message)?.names, [])
  })

  test('throws for no bytes whatever, and reads no more than there is', () => {
    const cut = fc.uint8Array({ maxLength: 512 }).map(bytes => Buffer.from(bytes))
    const bent = fc
      .tuple(fc.nat(answer().byteLength - 1), fc.nat(255))
      .map(([at, byte]) => Buffer.from(answer()).fill(byte, at, at + 1))
    fc.assert(
      fc.property(fc.oneof(cut, bent), bytes => {
        const message = decodeDns(bytes)
        for (const name of message?.names ?? []) assert.ok(Buffer.byteLength(name) <= 3 * 255)
      }),
    )
  })
})
