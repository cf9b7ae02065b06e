import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Output } from '../../src/cli/output.ts'
import { reportCoverage } from '../../src/cli/simulate/report-coverage.ts'
import { CoverageTable, seedsEnough, sometimes } from '../../src/simulator/sometimes.ts'

/** A table of so many runs, in which all but one event have happened. */
function tableOf(runs: number, never: string): CoverageTable {
  const table = new CoverageTable()
  table.add(new Map(sometimes.filter(event => event !== never).map(event => [event, 1])))
  for (let i = 1; i < runs; i++) table.add(new Map())
  return table
}

function report(runs: number, { json = false, isNarrow = false } = {}) {
  const records: unknown[] = []
  const rows: unknown[] = []
  const errors: unknown[] = []
  const output = {
    json,
    result: (record: unknown) => void records.push(record),
    table: (_columns: unknown, some: readonly unknown[]) => void rows.push(...some),
    error: (error: unknown) => void errors.push(error),
  } as unknown as Output
  const isWell = reportCoverage(output, tableOf(runs, 'poisoned'), isNarrow)
  return { isWell, records, rows, errors }
}

test('what has never happened is marked, and no failure where few seeds were run', () => {
  const { isWell, rows, errors } = report(2)
  assert.ok(rows.some(row => JSON.stringify(row) === '{"event":"poisoned","count":"never"}'))
  assert.equal(rows.length, sometimes.length)
  assert.ok(isWell)
  assert.deepEqual(errors, [])
})

test('it is told, and is a failure, once seeds enough were run', () => {
  const { isWell, errors } = report(seedsEnough)
  assert.equal(isWell, false)
  assert.match(String(errors[0]), /^In 2000 seeds there was never: poisoned\. /)
  assert.ok(report(seedsEnough, { isNarrow: true }).isWell)
})

test('as JSON all of it is one object', () => {
  const { records, rows } = report(3, { json: true })
  const [record] = records as { coverage: Record<string, number> }[]
  assert.deepEqual(rows, [])
  assert.equal(record?.coverage['poisoned'], 0)
  assert.deepEqual({ ...record, coverage: {} }, { coverage: {}, seeds: 3 })
})
