import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Cancels } from '../../src/cancels.ts'
import type { Input } from '../../src/core/inputs.ts'

type Cancel = Extract<Input, { type: 'cancel' }>

/** Cancels, and what they ask of the core. */
function setup(): { cancels: Cancels; asked: Cancel[] } {
  const asked: Cancel[] = []
  const cancels = new Cancels(input => {
    if (input.type === 'cancel') asked.push(input)
  })
  return { cancels, asked }
}

function rangesOf(asked: readonly Cancel[]): unknown[] {
  return asked.map(({ ledger, seqs }) => [ledger, ...seqs])
}

describe('cancels', () => {
  it('are gathered by ledger and reason, and by no more than goes into one request', async () => {
    const { cancels, asked } = setup()
    for (const seq of [3, 1, 2, 7, 2]) void cancels.cancel('a', seq, 'why')
    void cancels.cancel('b', 1, 'why')
    void cancels.cancel('a', 9, 'another')
    assert.deepEqual(asked, [], 'all that is asked for at once is awaited')
    await Promise.resolve()
    assert.deepEqual(rangesOf(asked), [
      ['a', 1, 3, 7, 1],
      ['b', 1, 1],
      ['a', 9, 1],
    ])
    asked.length = 0
    for (let seq = 0; seq < 1_100; seq++) void cancels.cancel('c', seq, '')
    await Promise.resolve()
    assert.deepEqual(rangesOf(asked), [
      ['c', 0, 512],
      ['c', 512, 512],
      ['c', 1_024, 76],
    ])
    asked.length = 0
    void cancels.cancel('c', 0, '')
    await Promise.resolve()
    assert.deepEqual(rangesOf(asked), [['c', 0, 1]])
  })

  it('are answered in parts, or given up for what is left', async () => {
    const { cancels, asked } = setup()
    const answers = [0, 1, 2, 3].map(seq => cancels.cancel('a', seq, ''))
    await Promise.resolve()
    const [{ request } = { request: -1 }] = asked
    const told = { type: 'cancel-ended', request } as const
    cancels.answered({ ...told, cancelled: [2, 1], tooLate: [] })
    cancels.answered({ ...told, cancelled: [], tooLate: [0, 1] })
    cancels.answered({ ...told, request: request + 1, cancelled: [0, 4], tooLate: [] })
    cancels.answered({ ...told, cancelled: [], tooLate: [] })
    assert.deepEqual(await Promise.all(answers), [false, false, true, false])
  })

  it('end with the node, and with the signal of who waits', async () => {
    const { cancels } = setup()
    const controller = new AbortController()
    const waits = [cancels.cancel('a', 0, '', controller.signal), cancels.cancel('a', 1, '')]
    controller.abort(new Error('no longer'))
    await assert.rejects(waits[0] as Promise<boolean>, { message: 'no longer' })
    cancels.fail(new Error('stopped'))
    await assert.rejects(waits[1] as Promise<boolean>, { message: 'stopped' })
    await assert.rejects(cancels.cancel('a', 2, ''), { message: 'stopped' })
  })
})
