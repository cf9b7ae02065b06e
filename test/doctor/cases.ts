import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { examine, type Facts } from '../../src/doctor/examine.ts'
import type { Finding } from '../../src/doctor/finding.ts'
import { goodFacts, goodHealth, says } from './facts.ts'

/** Something that is wrong, and what is said of it. */
export interface Case {
  readonly name: string
  readonly facts: Facts
  readonly level: Finding['level']
  readonly check: string
  readonly pattern: RegExp
}

/** Good facts but for one of them. */
export function found<K extends 'runtime' | 'platform' | 'disk' | 'data' | 'multicast' | 'health'>(
  key: K,
  more: Partial<NonNullable<NonNullable<Facts[K]>['found']>>,
): Facts {
  const good = goodFacts()
  return { ...good, [key]: { found: { ...good[key]?.found, ...more } } }
}

/** Nobody is connected. */
export const alone = goodHealth({ links: [], nodes: [] })

/** Tests that each case is found, and that whatever is found says what to do. */
export function knows(what: string, cases: readonly Case[]): void {
  describe(`the doctor, about ${what},`, () => {
    for (const { name, facts, level, check, pattern } of cases) {
      test(`knows ${name}`, () => {
        const findings = examine(facts)
        assert.ok(says(findings, level, check, pattern), JSON.stringify(findings, undefined, 1))
        for (const finding of findings) {
          const { level, remedy = '', message } = finding
          assert.ok(level === 'ok' || remedy.length > 0, `${message} has a remedy`)
          assert.doesNotMatch(`${message}${remedy}`, /undefined|NaN|\[object|\n/)
        }
      })
    }
  })
}
