import { AssertionError } from 'node:assert'
import { rerunCommand } from './rerun.ts'

/** Where a failed cluster comes from. */
export interface Origin {
  readonly seed: number
  /** Kinds of faults that were on. */
  readonly faults: readonly string[]
  /** The test's file, if it could be told. */
  readonly file: string | undefined
}

/** Problems that are told of at the most. */
const problemsShown = 10

/** What a test fails with: what is wrong, and how to see it again. */
export function failureOf(
  what: string,
  problems: readonly string[],
  { seed, faults, file }: Origin,
): AssertionError {
  const shown = problems.slice(0, problemsShown).map(problem => `  ${problem}`)
  const more = problems.length - shown.length
  const lines = [
    what,
    ...shown,
    ...(more > 0 ? [`  and ${more} more`] : []),
    `seed ${seed}${faults.length > 0 ? `, faults ${faults.join(',')}` : ''}`,
    `again: ${rerunCommand(seed, file)}`,
  ]
  return new AssertionError({ message: lines.join('\n') })
}
