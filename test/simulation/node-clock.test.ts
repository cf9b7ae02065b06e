import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Agenda } from '../../src/simulator/agenda.ts'
import { AlarmClock } from '../../src/simulator/alarm-clock.ts'
import { calm } from '../../src/simulator/faults.ts'
import { NodeClock } from '../../src/simulator/node-clock.ts'
import { Prng } from '../../src/simulator/prng.ts'

test('a drifting clock never falls and stands still while its machine sleeps', () => {
  const clock = new NodeClock(1.01, 500, 0)
  assert.equal(clock.now(1_000), 1_510)
  const before = clock.wallOffsetMs(1_000)
  clock.slept(400)
  assert.equal(clock.now(1_000), 1_510, 'it does not fall when the pause is taken out')
  assert.equal(clock.now(2_000), 2_116)
  assert.equal(clock.wallOffsetMs(1_000) - before, 404, 'the wall clock went on')
})

test('an alarm rings by the clock of its node, never before, and can be moved both ways', () => {
  const agenda = new Agenda()
  let nowMs = 0
  const clock = new NodeClock(0.99, 7, 0)
  const rang: number[] = []
  const init = { agenda, prng: new Prng(1), now: () => nowMs, faults: () => calm }
  const alarm = new AlarmClock(init, clock, () => rang.push(clock.now(nowMs)))
  const run = (): void => {
    while (agenda.size > 0) {
      nowMs = agenda.nextAt
      agenda.take().fire()
    }
  }
  alarm.set(1_000)
  alarm.set(500)
  alarm.set(2_000)
  run()
  assert.equal(rang.length, 1)
  assert.ok((rang[0] ?? 0) >= 2_000 && (rang[0] ?? 0) < 2_001, String(rang))
})

test('a node that wakes without end is told so', () => {
  const agenda = new Agenda()
  const clock = new NodeClock(1, 0, 0)
  const init = {
    agenda,
    prng: new Prng(1),
    now: () => 5,
    faults: () => ({ ...calm, timerSlackMs: 0 }),
  }
  let rings = 0
  let spins = false
  const alarm = new AlarmClock(init, clock, spinning => {
    rings += 1
    spins ||= spinning
    if (!spins) alarm.set(5)
  })
  alarm.set(5)
  while (agenda.size > 0) agenda.take().fire()
  assert.ok(spins)
  assert.ok(rings < 10_000)
})
