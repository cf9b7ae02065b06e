import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { mutants } from '../../scripts/mutants/list.ts'
import { applyPatch, patchedFiles, runMutant } from '../../scripts/mutants/run.ts'
import { shapes } from '../../src/simulator/explore/shapes.ts'

describe('the mutants', () => {
  it('each change a place that is there exactly once', async () => {
    for (const mutant of mutants) assert.ok((await patchedFiles(mutant)).size > 0, mutant.name)
  })

  it('are explored in shapes that exist', () => {
    const names = new Set(shapes.map(({ name }) => name))
    for (const { name, shapes: needed, tests, seeds } of mutants) {
      assert.ok(needed.length + tests.length > 0 || seeds !== undefined, name)
      assert.ok(
        needed.every(shape => names.has(shape)),
        name,
      )
    }
  })

  it('have names of their own', () => {
    assert.equal(new Set(mutants.map(({ name }) => name)).size, mutants.length)
  })

  it('do not apply where the text is missing or there twice', () => {
    const patch = { file: '', from: 'a', to: 'b' }
    assert.equal(applyPatch('xyz', patch), undefined)
    assert.equal(applyPatch('a a', patch), undefined)
    assert.equal(applyPatch('xaz', patch), 'xbz')
  })
})

describe('a rule that is broken is noticed', () => {
  for (const mutant of mutants.filter(({ quick }) => quick)) {
    it(`${mutant.name}: ${mutant.rule}`, async () => {
      const { killed, by } = await runMutant(mutant)
      assert.ok(killed, `nothing was noticed ${by}`)
    })
  }
})
