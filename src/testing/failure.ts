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

/** What a failure tells, but for its origin. */
export interface Told {
  readonly what: string
  readonly problems: readonly string[]
}

/** Problems that are told of at the most. */
const problemsShown = 10

const failures = new WeakMap<object, Told>()

/** What a test fails with: what is wrong, and how to see it again where a seed repeats it. */
export function failureOf(
  what: string,
  problems: readonly string[],
  origin?: Origin,
): AssertionError {
  const shown = problems.slice(0, problemsShown).map(problem => `  ${problem}`)
  const more = problems.length - shown.length
  const lines = [
    what,
    ...shown,
    ...(more > 0 ? [`  and ${more} more`] : []),
    ...(origin === undefined ? [] : againOf(origin)),
  ]
  const error = new AssertionError({ message: lines.join('\n') })
  failures.set(error, { what, problems })
  return error
}

function againOf({ seed, faults, file }: Origin): readonly string[] {
  return [
    `seed ${seed}${faults.length > 0 ? `, faults ${faults.join(',')}` : ''}`,
    `again: ${rerunCommand(seed, file)}`,
  ]
}

/** What a failure of a cluster tells; undefined for any other error. */
export function toldBy(error: Error): Told | undefined {
  return failures.get(error)
}

/** Errors that tell less than the cluster knows: the disks that kept a task may be gone. */
const puzzling: ReadonlySet<string> = new Set([
  'NodeStoppedError',
  'TaskLostError',
  'TaskNotFoundError',
])

/** The same promise; where it rejects since tasks are lost, that is the first cause of its error. */
export function explained<T>(work: Promise<T>, lost: () => Error | undefined): Promise<T> {
  work.catch((error: unknown) => {
    if (!(error instanceof Error) || !puzzling.has(error.name)) return
    const reason = lost()
    if (reason === undefined) return
    let first = error
    while (first.cause instanceof Error) first = first.cause
    if (toldBy(first) !== undefined) return
    Object.defineProperty(first, 'cause', { value: reason, writable: true, configurable: true })
  })
  return work
}
