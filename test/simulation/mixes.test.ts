import { describe, test } from 'node:test'
import { type FaultName, faultNames } from '../../src/simulator/fault-kinds.ts'
import { runScenario } from '../../src/simulator/scenario.ts'
import { assertHeld } from './assert-held.ts'

const groups: readonly FaultName[] = ['none', 'network', 'clocks', 'disks', 'members', 'outages']

describe('every property holds', () => {
  for (const name of faultNames) {
    if (name === 'swarm') continue
    const seeds = groups.includes(name) ? 8 : 3
    test(`with faults: ${name}`, () => {
      for (let seed = 1; seed <= seeds; seed++) assertHeld(runScenario({ seed, faults: [name] }))
    })
  }
})
