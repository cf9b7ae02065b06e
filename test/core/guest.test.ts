import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createGuest, onSubmitted, resubmit, submitMs, submitTasks } from '../../src/core/guest.ts'
import type { Submitted } from '../../src/core/guest-messages.ts'
import { createOutbox } from '../../src/core/outbox.ts'
import { randomFrom } from '../../src/core/random.ts'
import { noTiming } from '../../src/core/timing.ts'
import { ledgerId, plainSpec } from './fixtures.ts'
import { join, noMembers } from './peers.ts'

/** A guest with two hosts. */
function visiting(hosts: readonly string[] = ['a', 'b']) {
  const guest = createGuest()
  const outbox = createOutbox('g')
  const members = noMembers()
  for (const host of hosts) join(members, host, 0)
  const submits = (): { to: string; request: string; delays: number[] }[] => {
    const sent = outbox.effects.flatMap(effect => {
      if (effect.type !== 'send' || effect.message.type !== 'submit') return []
      const { request, chunks } = effect.message
      return [{ to: effect.to, request, delays: chunks.map(({ delayMs }) => delayMs) }]
    })
    outbox.effects = outbox.effects.filter(effect => effect.type !== 'send')
    return sent
  }
  const publish = (tasks: number, now = 0, delayMs = 0) => {
    const lengths = new Uint32Array(tasks).fill(1)
    const payload = new Uint8Array(tasks)
    const task = { request: 3, spec: plainSpec, ...noTiming, delayMs, since: now, lengths, payload }
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

  it('asks with what is left of a delay by then', () => {
    const { guest, outbox, members, submits, publish } = visiting(['a'])
    publish(1, 0, 60_000)
    resubmit(guest, outbox, members, 45_000)
    assert.deepEqual(
      submits().map(({ delays }) => delays),
      [[60_000], [15_000]],
    )
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
