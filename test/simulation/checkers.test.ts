import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { FaultName } from '../../src/simulator/fault-kinds.ts'
import { runScenario, type ScenarioOptions } from '../../src/simulator/scenario.ts'
import type { Tamper } from '../../src/simulator/tamper.ts'
import * as sabotage from './sabotage.ts'

interface Control {
  readonly name: string
  readonly property: string
  readonly tamper: () => Tamper
  readonly faults: FaultName
  readonly more?: Partial<ScenarioOptions>
}

const calm: Partial<ScenarioOptions> = { nodes: 3, voters: 3, tasks: 40, faultyMs: 20_000 }
const stormy: Partial<ScenarioOptions> = { ...calm, nodes: 5, leaseMs: 3_000, faultyMs: 60_000 }

const controls: readonly Control[] = [
  {
    name: 'S1: proposers that do not read what is accepted decide twice',
    property: 'S1',
    tamper: () => sabotage.blindProposers,
    faults: 'network',
    more: stormy,
  },
  {
    name: 'S1: voters that forget their votes decide twice',
    property: 'S1',
    tamper: () => sabotage.forgetfulVoters,
    faults: 'chaos',
    more: stormy,
  },
  {
    name: 'S2: a node shows another outcome than the decided one',
    property: 'S2',
    tamper: () => sabotage.lyingOutcomes,
    faults: 'none',
  },
  {
    name: 'S3: a ballot carries two values',
    property: 'S3',
    tamper: () => sabotage.unstableValues,
    faults: 'none',
  },
  {
    name: 'S4: a result is decided that no run returned',
    property: 'S4',
    tamper: () => sabotage.changedResults,
    faults: 'none',
  },
  {
    name: 'S4: a failure is not counted',
    property: 'S4',
    tamper: () => sabotage.uncountedFailures,
    faults: 'crashes',
    more: stormy,
  },
  {
    name: 'S5: a voter acknowledges what it has not written',
    property: 'S5',
    tamper: () => sabotage.unwrittenRecords,
    faults: 'none',
  },
  {
    name: 'S6: tokens do not grow',
    property: 'S6',
    tamper: () => sabotage.constantTokens,
    faults: 'crashes',
    more: stormy,
  },
  {
    name: 'S7: a decided task is run again',
    property: 'S7',
    tamper: sabotage.runsAfterTheEnd,
    faults: 'none',
  },
  {
    name: 'S8: an epoch begins although nobody has written that the one before is over',
    property: 'S8',
    tamper: () => sabotage.unwrittenSeals,
    faults: 'members',
    more: stormy,
  },
  {
    name: 'S9: a holder does not stop when its lease is lost',
    property: 'S9',
    tamper: () => sabotage.deafWorkers,
    faults: 'partitions',
    more: stormy,
  },
  {
    name: 'S10: a run starts twice by one grant',
    property: 'S10',
    tamper: () => sabotage.doubleStarts,
    faults: 'none',
  },
  {
    name: 'S10: a run starts by grants of one voter',
    property: 'S10',
    tamper: sabotage.quorumOfOne,
    faults: 'network',
    more: stormy,
  },
  {
    name: 'S11: what is settled is kept for ever',
    property: 'S11',
    tamper: () => sabotage.hoarders,
    faults: 'none',
    more: { ...calm, keepMs: 300_000 },
  },
  {
    name: 'lease: a lease is renewed that its holder may never have heard of',
    property: 'lease',
    tamper: () => sabotage.credulousVoters,
    faults: 'loss',
    more: stormy,
  },
  {
    name: 'voter: votes fall in a crash',
    property: 'voter',
    tamper: () => sabotage.forgetfulVoters,
    faults: 'crashes',
    more: stormy,
  },
  {
    name: 'durable: replies leave before the disk is synced',
    property: 'durable',
    tamper: () => sabotage.hastyReplies,
    faults: 'none',
  },
  {
    name: 'payload: records change on their way',
    property: 'payload',
    tamper: () => sabotage.changedRecords,
    faults: 'none',
  },
  {
    name: 'publish: a publisher is told the names of other tasks',
    property: 'publish',
    tamper: () => sabotage.wrongNames,
    faults: 'none',
  },
  {
    name: 'publish: a request is numbered again after a crash',
    property: 'publish',
    tamper: () => sabotage.forgetfulHosts,
    faults: 'crash-points',
    more: {
      ...{ ...calm, nodes: 1, guests: 2 },
      parameters: { lossP: 0.3, crashPointP: 0.01, downMs: [200, 1_000] },
    },
  },
  {
    name: 'publish: a key names another task after a crash',
    property: 'publish',
    tamper: () => sabotage.forgetfulHosts,
    faults: 'crashes',
    more: { nodes: 2, guests: 0, tasks: 60, faultyMs: 20_000, voters: 1 },
  },
  {
    name: 'L1: outcomes never reach a majority',
    property: 'L1',
    tamper: () => sabotage.lostSettlements,
    faults: 'none',
    more: { ...calm, settleMs: 60_000 },
  },
  {
    name: 'L2: workers overlook due tasks',
    property: 'L2',
    tamper: () => sabotage.noClaims,
    faults: 'none',
  },
  {
    name: 'L3: a voter never learns what was decided',
    property: 'L3',
    tamper: () => sabotage.forgottenOutcomes,
    faults: 'none',
    more: { ...calm, settleMs: 60_000 },
  },
  {
    name: 'L4: a publisher is not told the outcome',
    property: 'L4',
    tamper: () => sabotage.untoldOutcomes,
    faults: 'none',
    more: { ...calm, settleMs: 60_000 },
  },
  {
    name: 'L5: nobody takes the place of voters that are gone',
    property: 'L5',
    tamper: () => sabotage.noNewcomers,
    faults: 'wipes',
    more: { ...calm, nodes: 4, tasks: 4, settleMs: 200_000 },
  },
  {
    name: 'L6: nodes that have all been down forget their tasks',
    property: 'L6',
    tamper: () => sabotage.forgottenLedgers,
    faults: 'full-restart',
    more: { ...calm, tasks: 200, settleMs: 60_000 },
  },
  {
    name: 'L7: what survivors go on with reaches no voters',
    property: 'L7',
    tamper: () => sabotage.lostGenerations,
    faults: 'disasters',
    more: { ...calm, tasks: 10, settleMs: 60_000 },
  },
  {
    name: 'core: what the core throws is reported',
    property: 'core',
    tamper: sabotage.brokenCore,
    faults: 'none',
  },
]

/** Seeds within which a bug must be found. */
const seedsMax = 20

describe('each checker finds the bug that it is there for', () => {
  for (const { name, property, tamper, faults, more = calm } of controls) {
    test(name, () => {
      for (let seed = 1; seed <= seedsMax; seed++) {
        const options = { ...more, seed, faults: [faults], only: [property] }
        const { violations } = runScenario({ ...options, tamper: tamper() })
        if (violations.length === 0) continue
        assert.ok(violations.every(violation => violation.property === property))
        return
      }
      assert.fail(`${seedsMax} seeds did not find it`)
    })
  }
})
