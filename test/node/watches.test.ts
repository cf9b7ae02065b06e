import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Input } from '../../src/core/inputs.ts'
import type { Values } from '../../src/core/messages.ts'
import type { Ending } from '../../src/outcome.ts'
import { TaskEvents } from '../../src/task-events.ts'
import { type Watcher, Watches } from '../../src/watches.ts'

function setup() {
  const inputs: Input[] = []
  return { inputs, watches: new Watches(input => inputs.push(input)) }
}

function recorder(): Watcher & { texts: string[]; failures: Error[] } {
  const texts: string[] = []
  const failures: Error[] = []
  return {
    texts,
    failures,
    ended: ({ text }: Ending) => texts.push(text),
    failed: error => failures.push(error),
  }
}

function done(seqs: readonly number[], ...texts: string[]): Values {
  const body = Buffer.from(texts.join(''))
  const lengths = Uint32Array.from(texts, text => text.length)
  const rest = { kind: 'done', failures: 0, delayMs: 0, reason: '', by: 'w' } as const
  return { seqs, lengths, body, ...rest }
}

const microtasks = (): Promise<void> => new Promise(resolve => setImmediate(resolve))

describe('Watches', () => {
  it('asks for all that is wanted at once as ranges', async () => {
    const { inputs, watches } = setup()
    for (const seq of [5, 3, 4, 9]) watches.add('l', seq, recorder())
    watches.add('m', 0, { ...recorder(), progress: () => {} })
    await microtasks()
    assert.deepEqual(inputs, [
      { type: 'watch-tasks', ledger: 'l', seqs: [3, 3, 9, 1], progress: false },
      { type: 'watch-tasks', ledger: 'm', seqs: [0, 1], progress: true },
    ])
  })

  it('hands an outcome to each that waits for it, once', () => {
    const { watches } = setup()
    const [first, second, other] = [recorder(), recorder(), recorder()]
    watches.add('l', 1, first)
    watches.add('l', 1, second)
    watches.add('l', 2, other)
    watches.ended('l', [done([0, 2], 'zero', 'one')])
    watches.ended('l', [done([1, 1], 'one')])
    watches.ended('m', [done([2, 1], 'of another ledger')])
    assert.deepEqual([first.texts, second.texts, other.texts], [['one'], ['one'], []])
  })

  it('lets go of a task that nobody waits for any more', async () => {
    const { inputs, watches } = setup()
    const [first, second] = [recorder(), recorder()]
    const remove = watches.add('l', 1, first)
    const removeSecond = watches.add('l', 1, second)
    await microtasks()
    remove()
    remove()
    await microtasks()
    assert.equal(inputs.length, 1)
    removeSecond()
    await microtasks()
    assert.deepEqual(inputs.at(-1), { type: 'unwatch-tasks', ledger: 'l', seqs: [1, 1] })
    watches.ended('l', [done([1, 1], 'late')])
    assert.deepEqual([first.texts, second.texts], [[], []])
  })

  it('tells everybody when the node stops, also those who come later', () => {
    const { watches } = setup()
    const [early, late] = [recorder(), recorder()]
    watches.add('l', 1, early)
    const stopped = new Error('stopped')
    watches.fail(stopped)
    watches.add('l', 1, late)
    assert.deepEqual([early.failures, late.failures], [[stopped], [stopped]])
  })
})

describe('TaskEvents', () => {
  it('gives what happens in order and ends with the outcome', async () => {
    const { watches } = setup()
    const events = new TaskEvents('t-1', 'me')
    watches.add('l', 1, events)
    watches.claimed('l', [0, 1], 7)
    watches.progressed('l', 1, 'progress', '0.5')
    watches.progressed('l', 1, 'log', 'half way')
    watches.ended('l', [done([1, 1], '42')])
    const seen = await Array.fromAsync(events.read(undefined))
    assert.deepEqual(seen, [
      { type: 'attempt', node: 'me', token: 7 },
      { type: 'progress', value: 0.5 },
      { type: 'log', line: 'half way' },
      {
        type: 'outcome',
        outcome: { taskId: 't-1', state: 'done', result: 42, node: 'w', attempt: 1 },
      },
    ])
  })

  it('waits for what has not happened, until its signal is aborted', async () => {
    const events = new TaskEvents('t-1', 'me')
    const controller = new AbortController()
    const reading = events.read(controller.signal)
    const first = reading.next()
    events.progress('log', 'hello')
    assert.deepEqual((await first).value, { type: 'log', line: 'hello' })
    const second = reading.next()
    controller.abort(new Error('enough'))
    await assert.rejects(second, { message: 'enough' })
  })

  it('drops the oldest for a reader that is too slow', async () => {
    const events = new TaskEvents('t-1', 'me')
    for (let i = 0; i < 1_500; i++) events.progress('progress', String(i))
    events.ended({ kind: 'done', failures: 0, reason: '', by: 'w', text: 'null' })
    const seen = await Array.fromAsync(events.read(undefined))
    assert.equal(seen.length, 1_000)
    assert.deepEqual(seen[0], { type: 'progress', value: 501 })
  })
})
