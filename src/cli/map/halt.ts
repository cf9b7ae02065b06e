import { InvalidArgumentError } from 'commander'

/** When a `map` gives up: at once or without starting more, after so many or such a share. */
export type HaltRule =
  | { readonly when: 'never' }
  | {
      readonly when: 'soon' | 'now'
      readonly counts: 'fail' | 'success' | 'done'
      readonly limit: number
      /** Whether the limit is percent of the tasks. */
      readonly percent: boolean
    }

/** What GNU Parallel takes as short forms. */
const short: Readonly<Record<string, string>> = {
  '0': 'never',
  '1': 'soon,fail=1',
  '2': 'now,fail=1',
  '-1': 'soon,success=1',
  '-2': 'now,success=1',
}

/**
 * Reads `never`, `soon,fail=1`, `now,fail=10%`, `now,success=1` and the like.
 *
 * @throws {InvalidArgumentError} It is none of these.
 */
export function parseHalt(text: string): HaltRule {
  const long = short[text] ?? text.replace(/^(\d+)%$/, 'soon,fail=$1%')
  if (long === 'never') return { when: 'never' }
  const [, when, counts, number, percent] =
    /^(soon|now),(fail|success|done)=(\d{1,9})(%?)$/.exec(long) ?? []
  const limit = Number(number)
  if (when === undefined || limit < 1 || (percent === '%' && limit > 100)) {
    throw new InvalidArgumentError('Expected never, or such as soon,fail=1 or now,fail=10%.')
  }
  return { when, counts, limit, percent: percent === '%' } as HaltRule
}

/** How many tasks have ended how. */
export interface Tally {
  readonly failed: number
  readonly succeeded: number
  /** All tasks; `undefined` while that is not known, and a share of them neither. */
  readonly total: number | undefined
}

/** Whether a `map` gives up now. */
export function isHalted(rule: HaltRule, { failed, succeeded, total }: Tally): boolean {
  if (rule.when === 'never') return false
  const done = failed + succeeded
  const count = { fail: failed, success: succeeded, done }[rule.counts]
  if (!rule.percent) return count >= rule.limit
  return total !== undefined && count > 0 && (count / total) * 100 >= rule.limit
}
