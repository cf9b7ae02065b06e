import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { explore } from '../../src/simulator/explore/explore.ts'
import { shapes } from '../../src/simulator/explore/shapes.ts'

const quick = shapes.filter(shape => shape.quick)
const explored: number[] = []

describe('every state of a small cluster keeps the promises of the protocol', () => {
  for (const shape of quick) {
    it(`${shape.name}: ${shape.about}`, () => {
      const { violations, complete, states } = explore(shape)
      assert.deepEqual(violations, [])
      assert.ok(complete, `cut off after ${states} states`)
      explored.push(states)
    })
  }

  it('there are at least 300,000 of them', () => {
    assert.equal(explored.length, quick.length)
    const states = explored.reduce((sum, count) => sum + count, 0)
    assert.ok(states >= 300_000, `${states} states`)
  })
})

describe('the shapes', () => {
  it('have names of their own', () => {
    assert.equal(new Set(shapes.map(({ name }) => name)).size, shapes.length)
  })

  it('that are too large for every test run are sound near their beginning', () => {
    for (const shape of shapes.filter(({ quick }) => !quick)) {
      assert.deepEqual(explore(shape, { maxStates: 10_000 }).violations, [], shape.name)
    }
  })
})
