import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  createGuest,
  createHost,
  onGuestPublished,
  onSubmit,
  onSubmitted,
  remember,
  resubmit,
  submitMs,
  submitTasks,
} from '../../src/core/guest.ts'
import type { Message, Submit, Submitted } from '../../src/core/messages.ts'
import { createOutbox } from '../../src/core/outbox.ts'
import { createProducer } from '../../src/core/producer.ts'
import { randomFrom } from '../../src/core/random.ts'
import { chunkOf, ledgerId, plainSpec, TestVoter } from './fixtures.ts'
import { join, noMembers } from './peers.ts'

/** A full node that takes tasks for guests. */
function hosting(maxBytes = 1_000) {
  const own = TestVoter.holding(2, { peer: 'v0', maxBytes })
  const members = noMembers()
  const self = { peer: 'v0', storageId: 's-v0' }
  const random = randomFrom([1, 2, 3, 4])
  const producer = createProducer({ node: 'v0.1', self, wanted: 3, random })
  const host = createHost()
  join(members, 'v1', 0)
  const submit = (request: string, payloads: readonly string[], from = 'g'): Message[] => {
    const message: Submit = { type: 'submit', request, chunks: [chunkOf(0, payloads)] }
    onSubmit(host, producer, own.voter, own.outbox, members, from, message, own.now)
    return own.take().map(sent => sent.message)
  }
  const published = (seqs: number[]): { message: Message; after: number }[] => {
    const [request] = host.open.keys()
    assert.ok(request !== undefined)
    const entry = { request, parts: [{ ledger: ledgerId, seqs }], info: own.info, open: 0 }
    assert.ok(onGuestPublished(host, producer, own.voter, own.outbox, members, entry))
    return own.take()
  }
  return { own, producer, host, submit, published }
}

describe('SUBMIT', () => {
  it('is published, and answered when a majority holds the tasks and that is remembered', () => {
    const { own, producer, submit, published } = hosting()
    assert.deepEqual(submit('r1', ['a', 'b']), [])
    assert.equal(producer.waiting.length, 1)
    const [answer] = published([2, 2])
    assert.equal(own.entries.at(-1)?.type, 'submitted')
    assert.equal(answer?.after, own.entries.length)
    assert.ok(answer.message.type === 'submitted')
    const { refused, ledger, seqs, durable, voters } = answer.message
    assert.deepEqual([refused, ledger, seqs, durable], ['', ledgerId, [2, 2], true])
    assert.deepEqual(voters, [{ peer: 'v1', addresses: ['/memory/v1'] }])
  })

  it('again while it is under way is published once', () => {
    const { producer, submit } = hosting()
    submit('r1', ['a'])
    assert.deepEqual(submit('r1', ['a']), [])
    assert.equal(producer.waiting.length, 1)
  })

  it('again after its answer is answered again, and published once', () => {
    const { producer, submit, published } = hosting()
    submit('r1', ['a'])
    published([2, 1])
    const [answer] = submit('r1', ['a'])
    assert.ok(answer?.type === 'submitted')
    assert.deepEqual([answer.ledger, answer.seqs], [ledgerId, [2, 1]])
    assert.equal(producer.waiting.length, 1)
  })

  it('of another guest under the same name is another one', () => {
    const { producer, submit } = hosting()
    submit('r1', ['a'])
    submit('r1', ['a'], 'another')
    assert.equal(producer.waiting.length, 2)
  })

  it('beyond the budget is refused', () => {
    const { producer, submit } = hosting(30)
    const [answer] = submit('r1', ['x'.repeat(40)])
    assert.ok(answer?.type === 'submitted')
    assert.equal(answer.refused, 'full')
    assert.equal(producer.waiting.length, 0)
  })

  it('is remembered through a restart, and the oldest is forgotten in the end', () => {
    const { host, submit } = hosting()
    for (let i = 0; i <= 10_000; i++) remember(host, 'g', `r${i}`, ledgerId, [0, 1])
    assert.equal(host.done.size, 10_000)
    assert.equal(submit('r1', ['a'])[0]?.type, 'submitted')
    assert.deepEqual(submit('r0', ['a']), [])
  })
})

/** A guest with two hosts. */
function visiting(hosts: readonly string[] = ['a', 'b']) {
  const guest = createGuest()
  const outbox = createOutbox('g')
  const members = noMembers()
  for (const host of hosts) join(members, host, 0)
  const submits = (): { to: string; request: string }[] => {
    const sent = outbox.effects.flatMap(effect =>
      effect.type === 'send' && effect.message.type === 'submit'
        ? [{ to: effect.to, request: effect.message.request }]
        : [],
    )
    outbox.effects = outbox.effects.filter(effect => effect.type !== 'send')
    return sent
  }
  const publish = (tasks: number, now = 0) => {
    const lengths = new Uint32Array(tasks).fill(1)
    const payload = new Uint8Array(tasks)
    const task = { request: 3, spec: plainSpec, delayMs: 0, ageMs: 0, since: now, lengths, payload }
    submitTasks(guest, outbox, members, randomFrom([5, 6, 7, 8]), task, now)
  }
  const answer = (request: string, more: Partial<Submitted> = {}, now = 0) => {
    const base = { type: 'submitted', request, refused: '', ledger: ledgerId, epoch: 0 } as const
    const rest = { seqs: [0, 1], durable: true, voters: [] }
    onSubmitted(guest, outbox, { ...base, ...rest, ...more }, now)
  }
  return { guest, outbox, members, submits, publish, answer }
}

describe('a guest', () => {
  it('submits in pieces that fit, and has published when all are taken, in their order', () => {
    const { outbox, submits, publish, answer } = visiting()
    publish(600)
    const [first, second, ...more] = submits()
    assert.ok(first !== undefined && second !== undefined && more.length === 0)
    assert.notEqual(first.request, second.request)
    answer(second.request, { seqs: [9, 88] })
    assert.deepEqual(outbox.effects, [])
    answer(first.request, { seqs: [100, 512], durable: false })
    assert.deepEqual(outbox.effects, [
      {
        type: 'published',
        request: 3,
        parts: [
          { ledger: ledgerId, seqs: [100, 512] },
          { ledger: ledgerId, seqs: [9, 88] },
        ],
        durable: false,
      },
    ])
  })

  it('asks another host under the same name when the first is silent', () => {
    const { guest, outbox, members, submits, publish } = visiting()
    publish(1)
    const [first] = submits()
    resubmit(guest, outbox, members, submitMs - 1)
    assert.deepEqual(submits(), [])
    resubmit(guest, outbox, members, submitMs)
    const [second] = submits()
    assert.equal(second?.request, first?.request)
    assert.notEqual(second?.to, first?.to)
  })

  it('asks the same host again where there is no other', () => {
    const { guest, outbox, members, submits, publish } = visiting(['a'])
    publish(1)
    submits()
    resubmit(guest, outbox, members, submitMs)
    assert.deepEqual(
      submits().map(({ to }) => to),
      ['a'],
    )
  })

  it('waits for a host where there is none', () => {
    const { guest, outbox, members, submits, publish } = visiting([])
    publish(1)
    assert.deepEqual(submits(), [])
    join(members, 'late', 0)
    resubmit(guest, outbox, members, 50)
    assert.equal(submits()[0]?.to, 'late')
  })

  it('submits again what a full host refused', () => {
    const { guest, outbox, members, submits, publish, answer } = visiting(['a'])
    publish(1)
    const [first] = submits()
    answer(first?.request ?? '', { refused: 'full' })
    resubmit(guest, outbox, members, 1_000)
    assert.equal(submits()[0]?.request, first?.request)
  })

  it('dials the voters, to watch there when its host is gone', () => {
    const { outbox, submits, publish, answer } = visiting()
    publish(1)
    const voters = [{ peer: 'v9', addresses: ['/memory/v9'] }]
    answer(submits()[0]?.request ?? '', { voters })
    assert.deepEqual(outbox.effects[0], { type: 'dial', ...voters[0] })
  })
})
