import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Agenda, Call } from '../../src/simulator/agenda.ts'
import { Prng } from '../../src/simulator/prng.ts'

test('appointments fire by time, and in the order they were made at the same time', () => {
  const prng = new Prng(1)
  const agenda = new Agenda()
  const fired: [number, number][] = []
  for (let made = 0; made < 2_000; made++) {
    const at = prng.below(50)
    agenda.add(at, new Call(() => fired.push([at, made])))
    if (made % 5 === 4 && agenda.nextAt === 0) agenda.take().fire()
  }
  const early = fired.length
  while (agenda.size > 0) agenda.take().fire()

  assert.equal(fired.length, 2_000)
  assert.ok(fired.slice(0, early).every(([at]) => at === 0))
  const rest = fired.slice(early)
  const sorted = rest.toSorted(([a, m], [b, n]) => a - b || m - n)
  assert.deepEqual(rest, sorted)
})

test('an empty agenda has no next appointment', () => {
  const agenda = new Agenda()
  assert.equal(agenda.nextAt, Infinity)
  assert.throws(() => agenda.take(), RangeError)
})
