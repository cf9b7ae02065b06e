import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { OutcomesKnown } from '../../src/core/effects.ts'
import type { Entry } from '../../src/core/entries.ts'
import { noTiming } from '../../src/core/timing.ts'
import type { SimulationOptions } from '../../src/simulator/options.ts'
import { type Simulation, simulate } from '../../src/simulator/simulation.ts'
import type { Tamper } from '../../src/simulator/tamper.ts'
import type { TaskHistory } from '../../src/simulator/task-history.ts'
import { plainSpec } from '../core/fixtures.ts'

const minute = 60_000
const count = 6

/** What a node has published anew. */
interface Forking extends Extract<Entry, { type: 'forked' }> {
  readonly by: number
}

/** Some tasks that are due later, their voters, and what has been told of them. */
interface Scene {
  readonly simulation: Simulation
  readonly tasks: readonly TaskHistory[]
  /** Voters of their ledger, the publisher first. */
  readonly voters: readonly number[]
  /** Generations that users on each node were told of. */
  readonly told: ReadonlyMap<number, ReadonlySet<number>>
  readonly forks: readonly Forking[]
}

function setUp(options: Partial<SimulationOptions>, delayMs = 30_000): Scene {
  const told = new Map<number, Set<number>>()
  const forks: Forking[] = []
  const tasks: TaskHistory[] = []
  const { tamper: broken } = options
  const tamper: Tamper = {
    ...broken,
    effects: (actor, asked) => {
      const effects = broken?.effects?.(actor, asked) ?? asked
      for (const effect of effects) {
        // Whoever publishes a task anew is also told of it under its new name.
        const isOld = effect.type === 'outcomes' && effect.ledger === tasks[0]?.ledger.id
        if (isOld) note(told, actor.index, effect)
        if (effect.type === 'persist' && effect.entry.type === 'forked')
          forks.push({ ...effect.entry, by: actor.index })
      }
      return effects
    },
  }
  const simulation = simulate({
    ...{ seed: 1, nodes: 5, orphans: 'fork', faults: ['none'], autoRestart: false },
    ...options,
    tamper,
  })
  simulation.run(10_000)
  const [publisher] = simulation.applications
  assert.ok(publisher !== undefined)
  publisher.onPublished = published => tasks.push(...published)
  const plan = { behaviour: 'done', throws: 0, durationMs: 100 } as const
  publisher.publish({
    spec: { ...plainSpec, queue: 'work', resultTtlMs: 86_400_000 },
    timing: { ...noTiming, delayMs },
    plans: Array.from({ length: count }, () => plan),
    ...{ fillBytes: 0, copies: 0, keyed: false },
  })
  simulation.run(5_000)
  assert.equal(tasks.length, count)
  for (const application of simulation.applications.slice(1)) application.watch(tasks)
  const peers = tasks[0]?.ledger.info?.voters ?? []
  const voters = peers.map(({ peer }) => simulation.network.indexOf(peer))
  return { simulation, tasks, voters, told, forks }
}

function note(told: Map<number, Set<number>>, index: number, { fork }: OutcomesKnown): void {
  const generations = told.get(index) ?? new Set()
  told.set(index, generations.add(fork?.generation ?? 1))
}

function loseDisks(simulation: Simulation, nodes: readonly number[]): void {
  for (const index of nodes) {
    simulation.mishaps.crash(index, 'power')
    simulation.mishaps.wipe(index)
    simulation.mishaps.restart(index)
  }
}

function decided(tasks: readonly TaskHistory[]): number {
  return tasks.filter(task => task.decided !== undefined).length
}

function generationsOf({ told }: Scene, nodes: readonly number[]): number[] {
  return [...new Set(nodes.flatMap(index => [...(told.get(index) ?? [])]))].toSorted(
    (a, b) => a - b,
  )
}

describe('tasks whose voters are lost', () => {
  for (const lost of [
    [1, 2],
    [0, 2],
    [0, 1],
  ] as const) {
    test(`go on as another generation where voter ${3 - lost[0] - lost[1]} is left`, () => {
      const scene = setUp({})
      const { simulation, tasks, voters, forks } = scene
      const gone = lost.map(place => voters[place] as number)
      loseDisks(simulation, gone)
      // Users of a process that is gone are gone, too: they ask again.
      for (const index of gone) simulation.applications[index]?.watch(tasks)
      simulation.run(2 * minute)
      assert.deepEqual(simulation.violations, [])
      assert.equal(decided(tasks), 0, 'the first generation waits')
      assert.equal(forks.length, 1)
      assert.deepEqual(generationsOf(scene, [0, 1, 2, 3, 4]), [2])
      assert.equal(scene.told.size, 5, 'everybody who waits is told')
    })
  }

  test('go on where their only voter is lost and an observer has them', () => {
    const scene = setUp({ nodes: 2 }, 60_000)
    const { simulation, tasks, voters, forks } = scene
    assert.deepEqual(voters, [0])
    simulation.run(20_000)
    loseDisks(simulation, voters)
    simulation.applications[0]?.watch(tasks)
    simulation.run(2 * minute)
    assert.deepEqual(simulation.violations, [])
    assert.equal(decided(tasks), 0, 'nobody decides the first generation')
    assert.equal(forks.length, 1)
    assert.equal(forks[0]?.seqs[1], count)
    assert.deepEqual(generationsOf(scene, [0]), [2])
    assert.deepEqual(generationsOf(scene, [1]), [2])
  })

  test('wait for them unless told otherwise', () => {
    const scene = setUp({ orphans: 'wait' })
    loseDisks(scene.simulation, scene.voters.slice(1))
    scene.simulation.run(30 * minute)
    assert.deepEqual(scene.simulation.violations, [])
    assert.equal(scene.forks.length, 0)
    assert.equal(scene.told.size, 0)
  })

  test('wait for ten minutes for voters that may come back', () => {
    const scene = setUp({}, 20 * minute)
    const { simulation, voters, forks, tasks } = scene
    const away = voters.slice(1)
    for (const index of away) simulation.mishaps.crash(index)
    simulation.run(9 * minute)
    for (const index of away) simulation.mishaps.restart(index)
    simulation.run(minute)
    for (const index of away) simulation.mishaps.crash(index)
    simulation.run(9 * minute)
    assert.equal(forks.length, 0)
    for (const index of away) simulation.mishaps.restart(index)
    simulation.run(10 * minute)
    assert.deepEqual(simulation.violations, [])
    assert.equal(decided(tasks), count)
    assert.deepEqual(generationsOf(scene, [0, 1, 2, 3, 4]), [1])
  })

  test('end in both generations when a majority comes back that was given up', () => {
    const scene = setUp({}, 20 * minute)
    const { simulation, voters, tasks } = scene
    const [, ...others] = voters
    const far = [...others, ...[0, 1, 2, 3, 4].filter(index => !voters.includes(index))]
    simulation.mishaps.partition([0], far)
    simulation.run(40 * minute)
    assert.deepEqual(generationsOf(scene, [0]), [2])
    assert.equal(decided(tasks), count)
    assert.deepEqual(generationsOf(scene, far), [1])
    simulation.heal()
    simulation.run(5 * minute)
    simulation.applications[0]?.watch(tasks)
    simulation.run(minute)
    assert.deepEqual(simulation.violations, [])
    assert.deepEqual(generationsOf(scene, [0]), [2])
    assert.deepEqual(generationsOf(scene, far), [1])
    assert.equal(scene.forks.length, 1)
  })

  for (const seed of [1, 2, 3]) {
    test(`are published anew by the first of several survivors, and once (seed ${seed})`, () => {
      const scene = setUp({ seed, nodes: 7, voters: 5 })
      const { simulation, voters, forks } = scene
      loseDisks(simulation, voters.slice(0, 3))
      simulation.run(minute)
      for (const power of ['kill', 'power'] as const) {
        simulation.mishaps.crash(voters[3] as number, power)
        simulation.mishaps.restart(voters[3] as number)
        simulation.run(minute)
      }
      assert.deepEqual(simulation.violations, [])
      assert.equal(forks.length, 1)
      assert.equal(forks[0]?.seqs[1], count)
      assert.equal(forks[0]?.by, voters[3])
      assert.deepEqual(generationsOf(scene, voters.slice(3)), [2], 'the other survivor is told')
    })
  }

  test('may lose the voters of a later generation, too', () => {
    const scene = setUp({ nodes: 7 }, 10 * minute)
    const { simulation, voters, forks } = scene
    loseDisks(simulation, voters.slice(1))
    simulation.run(minute)
    const [later] = [...simulation.history.ledgers.values()].filter(({ id }) => {
      return id !== forks[0]?.ledger && simulation.history.ledger(id).task(0).spec !== undefined
    })
    const next = (later?.info?.voters ?? []).map(({ peer }) => simulation.network.indexOf(peer))
    assert.equal(next.length, 3)
    loseDisks(simulation, next.slice(0, 2))
    for (const index of next.slice(0, 2)) simulation.applications[index]?.watch(scene.tasks)
    simulation.run(15 * minute)
    assert.deepEqual(simulation.violations, [])
    assert.ok(generationsOf(scene, [0, 1, 2, 3, 4, 5, 6]).includes(3))
  })
})

test('the checker notices an outcome of another generation that is told as that of the first', () => {
  const tamper: Tamper = {
    effects: (_actor, effects) =>
      effects.map(effect => (effect.type === 'outcomes' ? { ...effect, fork: undefined } : effect)),
  }
  const { simulation, voters } = setUp({ tamper, only: ['S2'] })
  // Nothing is promised of a ledger that is lost, so this majority is only out of reach.
  simulation.mishaps.partition(
    voters.slice(0, 1),
    [0, 1, 2, 3, 4].filter(it => it !== voters[0]),
  )
  simulation.network.block(voters[1] as number, voters[2] as number)
  simulation.network.block(voters[2] as number, voters[1] as number)
  simulation.run(15 * minute)
  assert.equal(simulation.violations[0]?.property, 'S2')
  assert.match(simulation.violations[0].message, /shows done by .* for .*, which is done by/)
})
