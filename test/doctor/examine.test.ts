import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { examine } from '../../src/doctor/examine.ts'
import { found } from './cases.ts'
import { complaints, goodFacts } from './facts.ts'

describe('examine', () => {
  test('finds nothing wrong where nothing is', () => {
    assert.deepEqual(complaints(examine(goodFacts())), [])
  })

  test('gives no hints about a platform on which others are met', () => {
    const facts = found('platform', { files: ['/.dockerenv'] })
    assert.deepEqual(complaints(examine(facts)), [])
  })

  test('says what could not be looked at', () => {
    const failed = { found: undefined, failed: 'it took longer than 5 s' }
    const facts = goodFacts({
      runtime: failed,
      platform: failed,
      routes: failed,
      disk: failed,
      data: failed,
      multicast: failed,
      health: failed,
    })
    const lines = complaints(examine(facts))
    assert.equal(lines.length, 7)
    assert.ok(lines.every(line => line.includes('it took longer than 5 s')))
    assert.ok(lines.includes('problem peers: the mesh could not be asked: it took longer than 5 s'))
  })

  test('takes mDNS for a choice, and unreadable routes for none', () => {
    const facts = goodFacts({ multicast: undefined, routes: { found: undefined } })
    assert.deepEqual(complaints(examine(facts)), [])
  })
})
