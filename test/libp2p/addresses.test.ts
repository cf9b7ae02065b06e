import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { cleanAddresses, parseAddress, reachable } from '../../src/libp2p/addresses.ts'
import { isRefused, reasonOf, toError } from '../../src/libp2p/failures.ts'

const peer = '12D3KooWEeBTf4zWBmZnesBQ1ERhfrVdJ8TQwS8L3hs1eZq5z5Em'
const other = '12D3KooWGK4X9kwB5jFSn2n7wpd9anDwekfjtResLpppkdSi5iZB'

describe('parseAddress', () => {
  test('takes addresses with and without a peer id', () => {
    const address = '/ip4/10.0.0.1/tcp/4001'
    assert.deepEqual(parseAddress('bootstrap', address), { address, peer: undefined })
    assert.deepEqual(parseAddress('bootstrap', `${address}/p2p/${peer}`), { address, peer })
  })

  const wrong = [
    'localhost:4001',
    '10.0.0.1',
    '',
    '/ip4/10.0.0.1',
    '/ip4/10.0.0.1/udp/1',
    '/ip4/10.0.0.1/tcp/4001/ws',
    '/ip4/999.0.0.1/tcp/1',
    '/ip4/10.0.0.1/tcp/4001/p2p/nobody',
    `/ip4/10.0.0.1/tcp/1/${'x'.repeat(1_000)}`,
  ]
  for (const text of wrong) {
    test(`refuses ${JSON.stringify(text.slice(0, 60))} in one line with an example`, () => {
      assert.throws(
        () => parseAddress('bootstrap', text),
        (error: Error) => {
          assert.equal(error.name, 'InvalidParametersError')
          assert.match(error.message, /^bootstrap: .*\/ip4\/192\.168\.1\.7\/tcp\/4001$/)
          return error.message.length < 500
        },
      )
    })
  }
})

describe('addresses of others', () => {
  test('are cut down to what could be dialled', () => {
    const told = [
      '/ip4/10.0.0.1/tcp/1',
      `/ip4/10.0.0.1/tcp/1/p2p/${peer}`,
      `/ip4/10.0.0.2/tcp/1/p2p/${other}`,
      '/ip4/10.0.0.1/udp/1',
      'garbage',
      '/dns4/host/tcp/1',
    ]
    assert.deepEqual(cleanAddresses(told, peer), ['/ip4/10.0.0.1/tcp/1', '/dns4/host/tcp/1'])
  })

  test('are at most sixteen', () => {
    const told = Array.from({ length: 1_000 }, (_, i) => `/ip4/10.0.0.1/tcp/${i + 1}`)
    assert.equal(cleanAddresses(told, peer).length, 16)
  })

  const ours = new Set(['127.0.0.1', '10.0.0.1'])
  const loopback = '/ip4/127.0.0.1/tcp/4001'
  const cases = [
    {
      name: 'of another machine lose loopback',
      all: [loopback, '/ip4/10.0.0.2/tcp/4001'],
      left: ['/ip4/10.0.0.2/tcp/4001'],
    },
    {
      name: 'of this machine keep loopback',
      all: [loopback, '/ip4/10.0.0.1/tcp/4001'],
      left: [loopback, '/ip4/10.0.0.1/tcp/4001'],
    },
    { name: 'that are only loopback stay', all: [loopback], left: [loopback] },
  ]
  for (const { name, all, left } of cases) {
    test(name, () => assert.deepEqual(reachable(all, ours), left))
  }
})

describe('failures', () => {
  const refused = Object.assign(new Error('connect'), { code: 'ECONNREFUSED' })
  const late = Object.assign(new Error('late'), { code: 'ETIMEDOUT' })
  const cases = [
    { name: 'one address that refuses', error: refused, is: true },
    { name: 'all addresses refuse', error: new AggregateError([refused, refused]), is: true },
    { name: 'a refusal as the cause', error: new Error('dial', { cause: refused }), is: true },
    {
      name: 'refusals within refusals',
      error: new AggregateError([new AggregateError([refused])]),
      is: true,
    },
    { name: 'one of them is late', error: new AggregateError([refused, late]), is: false },
    { name: 'no addresses at all', error: new AggregateError([]), is: false },
    { name: 'a timeout', error: late, is: false },
  ]
  for (const { name, error, is } of cases) {
    test(`${name}: ${is ? 'refused' : 'not refused'}`, () => assert.equal(isRefused(error), is))
  }

  test('a close event that is thrown becomes an Error', () => {
    const event = Object.assign(new Event('close'), { error: refused })
    assert.equal(toError(event), refused)
    assert.match(toError(new Event('close')).message, /close/)
    assert.equal(toError('text').message, 'text')
  })

  test('a reason is one line, and says each thing once', () => {
    const many = new AggregateError([refused, refused, new Error('two\nlines')])
    assert.equal(reasonOf(many), 'connect; two')
  })

  test('causes in a circle end', () => {
    const error = new Error('round')
    error.cause = error
    assert.equal(reasonOf(error), 'round')
  })
})
