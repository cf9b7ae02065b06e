import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Message } from '../../src/core/messages.ts'
import { envelopes } from '../wire/examples.ts'
import { helloOf } from './peers.ts'
import { TestHost } from './test-host.ts'

const said: ReadonlySet<Message['type']> = new Set([
  'hello',
  'goodbye',
  'submit',
  'watch',
  'unwatch',
])

/** A SEAL of the ledger that a host publishes in, for voters that nobody has chosen. */
function sealOf({ machine }: TestHost): Message {
  const { ledger = '' } = machine.producer.current?.info ?? {}
  const voters = [{ peer: 'g', storageId: 's-g' }]
  return { type: 'seal', ledger, epoch: 0, voters, from: 0, to: 2 ** 31, stored: [], settled: [] }
}

function officeOf({ machine }: TestHost): string | undefined {
  return machine.voter.ledgers.get(machine.producer.current?.info.ledger ?? '')?.office
}

describe('a guest', () => {
  it('ends no epoch', () => {
    const host = new TestHost()
    assert.deepEqual(host.receive('g', sealOf(host)), [])
    assert.equal(officeOf(host), 'voter')
    host.receive('v1', sealOf(host))
    assert.equal(officeOf(host), 'sealed')
  })

  for (const [name, { message }] of envelopes) {
    if (said.has(message.type)) continue
    it(`is not heard where it says what only full nodes may: ${name}`, () => {
      const host = new TestHost()
      const { ledger = '', epoch = 0 } = host.machine.producer.current?.info ?? {}
      const about = 'ledger' in message ? { ...message, ledger, epoch } : message
      assert.deepEqual(host.receive('g', about), [])
    })
  }

  it('is one as long as its last HELLO says so', () => {
    const host = new TestHost()
    host.receive('g', { type: 'goodbye' })
    host.step({ type: 'peer-up', peer: 'g' })
    host.receive('g', helloOf('g', { incarnation: '2' }))
    host.receive('g', sealOf(host))
    assert.equal(officeOf(host), 'sealed')
  })
})
