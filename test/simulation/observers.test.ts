import assert from 'node:assert/strict'
import { test } from 'node:test'
import { seqsOf } from '../../src/core/ranges.ts'
import { noTiming } from '../../src/core/timing.ts'
import { type Simulation, simulate } from '../../src/simulator/simulation.ts'
import type { TaskHistory } from '../../src/simulator/task-history.ts'
import { plainSpec } from '../core/fixtures.ts'

const minute = 60_000

/** Publishes tasks on the first node, of which the results are kept for a day. */
function publish(simulation: Simulation, delayMs: number): TaskHistory[] {
  const [publisher] = simulation.applications
  assert.ok(publisher !== undefined)
  const tasks: TaskHistory[] = []
  publisher.onPublished = published => tasks.push(...published)
  const plan = { behaviour: 'done', throws: 0, durationMs: 100 } as const
  publisher.publish({
    spec: { ...plainSpec, queue: 'work', resultTtlMs: 86_400_000 },
    timing: { ...noTiming, delayMs },
    plans: Array.from({ length: 6 }, () => plan),
    ...{ fillBytes: 0, copies: 0, keyed: false },
  })
  simulation.run(5_000)
  assert.equal(tasks.length, 6)
  return tasks
}

test('an observer tells what was decided, and nothing else, when the only voter is lost', () => {
  const told = new Set<string>()
  const simulation = simulate({
    ...{ seed: 1, nodes: 2, guests: 1, faults: ['none'], autoRestart: false },
    tamper: {
      effects: ({ index }, effects) => {
        for (const effect of effects) {
          if (effect.type !== 'outcomes') continue
          for (const { kind, seqs } of effect.values) {
            for (const seq of seqsOf(seqs)) told.add(`${index} ${kind} ${seq}`)
          }
        }
        return effects
      },
    },
  })
  simulation.run(10_000)
  const done = publish(simulation, 0)
  const open = publish(simulation, 60 * minute)
  simulation.run(5 * minute)
  assert.ok(done.every(task => task.decided !== undefined))
  simulation.mishaps.crash(0, 'power')
  simulation.mishaps.wipe(0)
  simulation.mishaps.restart(0)
  simulation.run(minute)
  told.clear()
  for (const application of simulation.applications) application.watch([...done, ...open])
  simulation.run(90 * minute)
  assert.deepEqual(simulation.violations, [])
  const owed = [0, 1, 2].flatMap(index => done.map(({ seq }) => `${index} done ${seq}`))
  assert.deepEqual([...told].toSorted(), owed.toSorted())
})
