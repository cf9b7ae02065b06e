import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Values } from '../../src/core/messages.ts'
import { eachEnding, type Ending, errorOf, outcomeOf, resultOf } from '../../src/outcome.ts'

function values(init: Partial<Values> & { texts: readonly string[] }): Values {
  const { texts, ...rest } = init
  const bodies = texts.map(text => Buffer.from(text))
  return {
    seqs: [0, texts.length],
    kind: 'done',
    failures: 0,
    delayMs: 0,
    reason: '',
    by: 'worker',
    lengths: Uint32Array.from(bodies, body => body.length),
    body: Buffer.concat(bodies),
    ...rest,
  }
}

function endingsOf(group: Values, isWanted?: (seq: number) => boolean): [number, Ending][] {
  const endings: [number, Ending][] = []
  eachEnding(group, (seq, ending) => endings.push([seq, ending]), isWanted)
  return endings
}

describe('eachEnding', () => {
  it('gives each task its own body', () => {
    const group = values({ texts: ['1', '"é"', '', '[2]'], seqs: [3, 2, 9, 2] })
    assert.deepEqual(
      endingsOf(group).map(([seq, { text }]) => [seq, text]),
      [
        [3, '1'],
        [4, '"é"'],
        [9, ''],
        [10, '[2]'],
      ],
    )
  })

  it('skips what is not wanted, and what is not decided', () => {
    const group = values({ texts: ['1', '22', '333'] })
    assert.deepEqual(
      endingsOf(group, seq => seq === 2).map(([, { text }]) => text),
      ['333'],
    )
    assert.deepEqual(endingsOf(values({ texts: ['1'], kind: 'pending' })), [])
  })
})

const ending = (rest: Partial<Ending>): Ending => ({
  kind: 'done',
  failures: 0,
  reason: '',
  by: 'worker',
  text: '',
  ...rest,
})

describe('resultOf', () => {
  it('gives what the handler returned', () => {
    assert.deepEqual(resultOf('t-1', ending({ text: '{"bytes":123}' })), { bytes: 123 })
    assert.equal(resultOf('t-1', ending({ text: 'null' })), null)
  })

  it('throws why a task has failed, with the last error as its cause', () => {
    const note = JSON.stringify({ name: 'RangeError', message: 'too wide', stack: 'at work' })
    const failed = ending({ kind: 'failed', failures: 3, reason: 'attempts', text: note })
    assert.throws(
      () => resultOf('t-1', failed),
      (error: Error) => {
        assert.equal(error.name, 'TaskFailedError')
        assert.equal(error.message, 'Task t-1 has failed (attempts, 3 attempts): too wide')
        assert.ok(error.cause instanceof Error)
        const { name, message, stack } = error.cause
        assert.deepEqual([name, message, stack], ['RangeError', 'too wide', 'at work'])
        return true
      },
    )
  })

  it('throws a failure without a cause where no handler threw', () => {
    const failed = ending({ kind: 'failed', reason: 'deliveries' })
    assert.throws(
      () => resultOf('t-1', failed),
      (error: Error) => 'reason' in error && error.reason === 'deliveries' && !('cause' in error),
    )
  })

  it('throws the reason of a cancel', () => {
    const cancelled = ending({ kind: 'cancelled', text: '"not needed"' })
    assert.throws(() => resultOf('t-1', cancelled), {
      name: 'TaskCancelledError',
      reason: 'not needed',
      message: 'Task t-1 was cancelled: not needed',
    })
  })

  it('takes what is no JSON for nothing', () => {
    assert.equal(resultOf('t-1', ending({ text: '{oops' })), undefined)
    assert.equal(errorOf('7'), undefined)
    assert.equal(errorOf('{"message":7}')?.message, '')
  })
})

describe('outcomeOf', () => {
  it('counts the run that gave the result', () => {
    const { attempt, node } = outcomeOf('t-1', ending({ failures: 2, text: '1' }))
    assert.deepEqual([attempt, node], [3, 'worker'])
  })
})
