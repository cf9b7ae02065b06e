import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Message } from '../../src/core/messages.ts'
import { noTiming } from '../../src/core/timing.ts'
import { type Simulation, simulate } from '../../src/simulator/simulation.ts'
import { plainSpec } from '../core/fixtures.ts'

/** What nodes say to each other when a ledger gets other voters. */
const ofChanges: ReadonlySet<Message['type']> = new Set([
  ...(['invite', 'invited', 'elect', 'elected', 'install', 'installed', 'seal', 'state'] as const),
])

/** Open tasks keep the change worth while, until long after the voters must be whole again. */
const dueMs = 240_000

/** The node that publishes, votes, and drives the change, since it is about to stop. */
const driver = 0

/** Nodes that vote on the task at first, and those that do not. */
function votersOf({ history, nodes }: Simulation): Record<'voters' | 'others', number[]> {
  const [task] = history.acknowledged()
  const votes = (peer: string): boolean =>
    task?.ledger.epochs[0]?.voters.some(voter => voter.peer === peer) === true
  const { true: voters = [], false: others = [] } = Object.groupBy(nodes, ({ peer }) =>
    votes(peer) ? 'true' : 'false',
  )
  return { voters: voters.map(({ index }) => index), others: others.map(({ index }) => index) }
}

/**
 * Lets the voters of a task change, since the node that has published it stops, and something happen
 * when so many messages have been said of the change. Returns how many there were.
 */
function change(nodes: number, message: number, strike: (simulation: Simulation) => void): number {
  let said = 0
  let isLeaving = false
  const simulation = simulate({
    ...{ seed: 1, nodes, faults: ['none'], autoRestart: false },
    tamper: {
      effects: (_actor, effects) => {
        for (const effect of effects) {
          if (!isLeaving || effect.type !== 'send' || !ofChanges.has(effect.message.type)) continue
          said += 1
          if (said === message) simulation.after(0, () => strike(simulation))
        }
        return effects
      },
    },
  })
  simulation.run(10_000)
  simulation.applications[driver]?.publish({
    spec: { ...plainSpec, queue: 'work', resultTtlMs: 86_400_000 },
    timing: { ...noTiming, delayMs: dueMs },
    plans: [{ behaviour: 'done', throws: 0, durationMs: 100 }],
    ...{ fillBytes: 0, copies: 0, keyed: false },
  })
  simulation.run(5_000)
  isLeaving = true
  simulation.mishaps.leave(driver)
  simulation.run(30_000)
  simulation.settle(3 * dueMs)
  assert.deepEqual(simulation.violations, [], `after message ${message}`)
  return said
}

/** The driver dies with its disk, and is never seen again. */
function isLost({ mishaps }: Simulation): void {
  mishaps.crash(driver)
  mishaps.wipe(driver)
}

function diesFor(simulation: Simulation, index: number, ms: number): void {
  simulation.mishaps.crash(index)
  simulation.after(ms, () => simulation.mishaps.restart(index))
}

function strikes(nodes: number, strike: (simulation: Simulation) => void): void {
  const all = change(nodes, Infinity, () => {})
  assert.ok(all > 4, `${all} messages make no change`)
  for (let message = 1; message <= all; message++) change(nodes, message, strike)
}

describe('a change of voters is carried through whenever', () => {
  test('its driver is lost', () => strikes(4, isLost))

  test('its driver is lost, and the newcomer starts anew where it hears of nobody', () => {
    strikes(4, simulation => {
      isLost(simulation)
      const { voters, others } = votersOf(simulation)
      const ends = simulation.mishaps.partition(others, voters)
      simulation.after(20_000, ends)
      for (const index of others) diesFor(simulation, index, 1_000)
    })
  })

  test('the only voter before and the only one after are down for a while', () => {
    strikes(2, simulation => {
      diesFor(simulation, 0, 1_000)
      diesFor(simulation, 1, 2_000)
    })
  })
})
