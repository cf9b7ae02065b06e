import type { CoverageTable } from '../../testing/index.ts'
import type { Output } from '../output.ts'

/**
 * Says how often what has happened in all seeds, and what has not. False if something should have
 * happened in so many; where less goes on than what is drawn, nobody can tell.
 */
export function reportCoverage(output: Output, table: CoverageTable, isNarrow: boolean): boolean {
  const rows = table.rows()
  const never = table.missing()
  const { runs, isEnough } = table
  if (output.json) {
    const coverage = Object.fromEntries(rows.map(({ event, count }) => [event, count]))
    output.result({ coverage, seeds: runs }, undefined)
  } else if (runs > 1) {
    const marked = rows.map(({ event, count }) => ({ event, count: count === 0 ? 'never' : count }))
    output.table(['event', 'count'], marked)
  }
  if (never.length === 0 || !isEnough || isNarrow) return true
  const text = `In ${runs} seeds there was never: ${never.join(', ')}`
  output.error(`${text}. What no seed comes to is not tested by them`)
  return false
}
