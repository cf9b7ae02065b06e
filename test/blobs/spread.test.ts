import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { spread, type SpreadTarget } from '../../src/blobs/spread.ts'
import { FakeNetwork } from './fake-network.ts'
import { contentOf, memoryStore, piecesOf } from './stores.ts'

const never = new AbortController().signal

async function setup(target: () => SpreadTarget | undefined, signal = never) {
  const [store, network] = [memoryStore(), new FakeNetwork()]
  const blob = await store.put(piecesOf(contentOf(1_000)))
  const held = new Set(['self'])
  const warnings: string[] = []
  const warn = (message: string): void => void warnings.push(message)
  const init = { blob, store, network, held, target, warn, signal }
  return { network, held, warnings, run: () => spread(init) }
}

const voters = (...peers: string[]) => ({ peers, needed: (peers.length + 1) / 2, spread: false })

describe('spreading a blob', () => {
  test('gives it to as many as a majority takes, and to no more', async () => {
    const { network, held, run } = await setup(() => voters('self', 'b', 'c', 'd', 'e'))
    await run()
    assert.deepEqual([...held], ['self', 'b', 'c'])
    assert.deepEqual(
      network.puts.map(({ peer }) => peer),
      ['b', 'c'],
    )
    await run()
    assert.equal(network.puts.length, 2)
  })

  test('goes on to others where one is gone or has no room', async () => {
    const { network, held, warnings, run } = await setup(() => voters('self', 'b', 'c', 'd', 'e'))
    network.onPut.set('b', () => Promise.reject(new Error('gone')))
    network.onPut.set('c', async () => 'full')
    await run()
    assert.deepEqual([...held], ['self', 'd', 'e'])
    assert.deepEqual(warnings, [])
  })

  test('waits for voters that are not there, and says once why it waits', async () => {
    const { network, held, warnings, run } = await setup(() => voters('self', 'b', 'c'))
    network.onPut.set('c', async () => 'full')
    let tries = 0
    network.onPut.set('b', async () => {
      if (++tries < 4) throw new Error('gone')
      return 'stored'
    })
    await run()
    assert.deepEqual([...held], ['self', 'b'])
    assert.deepEqual(warnings, [
      'Node c has no room for 1000 bytes; make room there, or wait for others',
    ])
  })

  test('gives up when too many have no room', async () => {
    const { network, run } = await setup(() => voters('self', 'b', 'c'))
    for (const peer of ['b', 'c']) network.onPut.set(peer, async () => 'full')
    await assert.rejects(run(), {
      name: 'NoRoomAtPeersError',
      peers: ['b', 'c'],
      message: 'Nodes b, c have no room for 1000 bytes; make room there',
    })
  })

  test('follows its target, and waits until there is one', async () => {
    const targets = [undefined, voters('self', 'b', 'c'), voters('self', 'd', 'e')]
    const { network, held, run } = await setup(() => targets.shift())
    network.onPut.set('b', () => Promise.reject(new Error('gone')))
    network.onPut.set('c', () => Promise.reject(new Error('gone')))
    await run()
    assert.deepEqual([...held], ['self', 'd'])
  })

  test('ends with the signal', async () => {
    const controller = new AbortController()
    const { run } = await setup(() => undefined, controller.signal)
    const spreading = run()
    controller.abort(new Error('enough'))
    await assert.rejects(spreading, { message: 'enough' })
  })
})
