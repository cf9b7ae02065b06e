import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Entry } from '../../src/core/entries.ts'
import { Agenda } from '../../src/simulator/agenda.ts'
import { Disk } from '../../src/simulator/disk.ts'
import { calm, type Span } from '../../src/simulator/faults.ts'
import { Prng } from '../../src/simulator/prng.ts'

function setup(seed = 1, fsyncMs: Span = [5, 5], slow = false) {
  const agenda = new Agenda()
  let nowMs = 0
  const synced: number[] = []
  const counts = new Set<string>()
  const failures: number[] = []
  const init = {
    agenda,
    prng: new Prng(seed),
    now: () => nowMs,
    faults: () => ({ ...calm, fsyncMs, slowBy: 10 }),
    count: (name: string) => counts.add(name),
    slow,
  }
  const disk = new Disk(init, {
    durable: lsn => synced.push(lsn),
    failed: () => failures.push(disk.durable),
  })
  const run = (ms: number): void => {
    const until = nowMs + ms
    while (agenda.nextAt <= until) {
      nowMs = agenda.nextAt
      agenda.take().fire()
    }
    nowMs = until
  }
  return { disk, synced, failures, counts, run }
}

function entry(mark: number): Entry {
  return { type: 'reserved', ledger: 'ab'.repeat(16), mark }
}

function marks(entries: readonly Entry[]): number[] {
  return entries.map(one => (one.type === 'reserved' ? one.mark : Number.NaN))
}

test('one sync at a time makes durable what was there when it began', () => {
  const { disk, synced, run } = setup()
  disk.append(entry(1))
  disk.append(entry(2))
  disk.flush()
  run(2)
  disk.append(entry(3))
  disk.flush()
  assert.equal(disk.durable, 0)
  run(4)
  assert.deepEqual(synced, [2])
  run(5)
  assert.deepEqual(synced, [2, 3])
})

test('a killed process loses nothing, and knows', () => {
  const { disk } = setup()
  disk.append(entry(1))
  disk.flush()
  disk.crash(false)
  assert.equal(disk.intact, true)
  assert.deepEqual(marks(disk.recover().entries), [1])
  assert.equal(disk.durable, 1)
})

test('a power loss takes any part of what was not synced, and nothing else', () => {
  const kept = new Set<number>()
  for (let seed = 0; seed < 50; seed++) {
    const { disk, synced, run } = setup(seed)
    for (const mark of [1, 2]) disk.append(entry(mark))
    disk.flush()
    run(5)
    for (const mark of [3, 4]) disk.append(entry(mark))
    disk.flush()
    disk.crash(true)
    run(10)
    assert.deepEqual(synced, [2], 'the sync under way died with the process')
    assert.equal(disk.intact, false)
    const { lsn, entries } = disk.recover()
    kept.add(lsn)
    assert.deepEqual(marks(entries), [1, 2, 3, 4].slice(0, lsn))
  }
  assert.deepEqual(
    [...kept].toSorted((a, b) => a - b),
    [2, 3, 4],
  )
})

test('a checkpoint takes the place of the entries up to its lsn', () => {
  const { disk, run } = setup()
  for (const mark of [1, 2, 3]) disk.append(entry(mark))
  disk.flush()
  run(5)
  const done: number[][] = []
  disk.checkpoint(3, [entry(33)], entries => done.push(marks(entries)))
  disk.append(entry(4))
  disk.flush()
  assert.deepEqual(marks(disk.recover().entries), [1, 2, 3, 4], 'not before it is on disk')
  run(500)
  assert.deepEqual(done, [[33, 4]])
  assert.equal(disk.lsn, 4)
  assert.deepEqual(marks(disk.recover().entries), [33, 4])
})

test('a disk without delay is durable at once', () => {
  const { disk, synced } = setup(1, [0, 0])
  disk.append(entry(1))
  disk.flush()
  assert.deepEqual(synced, [1])
})

test('a power loss may tear the first entry that it takes, which the next start cuts', () => {
  let torn = 0
  for (let seed = 0; seed < 40; seed++) {
    const { disk, run, counts } = setup(seed)
    disk.append(entry(1))
    disk.flush()
    run(5)
    disk.append(entry(2))
    disk.flush()
    disk.crash(true)
    const { lsn, entries } = disk.recover()
    assert.deepEqual(marks(entries), [1, 2].slice(0, lsn))
    if (counts.has('torn write cut')) torn += 1
  }
  assert.ok(torn > 5 && torn < 35, String(torn))
})

test('a failed sync makes nothing durable, and the disk unfit to start from', () => {
  const { disk, synced, failures, run } = setup()
  disk.append(entry(1))
  disk.failsNext = true
  disk.flush()
  run(20)
  assert.deepEqual(synced, [])
  assert.deepEqual(failures, [0])
  assert.match(disk.problem ?? '', /sync/)
})

test('a flipped bit is found by the next start', () => {
  const { disk, run } = setup()
  assert.equal(disk.flipBit(), false, 'there is nothing on it')
  disk.append(entry(1))
  disk.flush()
  run(5)
  assert.equal(disk.problem, undefined)
  assert.equal(disk.flipBit(), true)
  assert.match(disk.problem ?? '', /checksum/)
})

test('a full disk takes nothing, and what is on it stays', () => {
  const { disk } = setup()
  disk.append(entry(1))
  disk.full = true
  assert.equal(disk.append(entry(2)), undefined)
  disk.full = false
  disk.append(entry(3))
  assert.deepEqual(marks(disk.recover().entries), [1, 3])
})

test('an old copy takes the place of what came after it', () => {
  const { disk, run } = setup()
  disk.append(entry(1))
  disk.flush()
  run(5)
  disk.append(entry(2))
  const copy = disk.copy()
  disk.flush()
  run(5)
  assert.equal(disk.durable, 2)
  disk.restore(copy)
  assert.deepEqual(marks(disk.recover().entries), [1], 'the copy has what was durable')
  assert.equal(disk.durable, 1)
})

test('a slow disk takes so many times as long', () => {
  const { disk, synced, run } = setup(1, [5, 5], true)
  disk.append(entry(1))
  disk.flush()
  run(49)
  assert.deepEqual(synced, [])
  run(1)
  assert.deepEqual(synced, [1])
})
