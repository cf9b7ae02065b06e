import { type CallSite, isVitest, rerunCommand } from './rerun.ts'

/** Seeds that are told of for each line of the tests. */
const toldPerLine = 5

/** Commands that repeat clusters whose seeds were drawn at random, by where these were made. */
const commands = new Map<string, readonly string[]>()

/** What is used of vitest. */
interface Vitest {
  readonly onTestFailed: (call: () => void) => void
}

/**
 * Tells a seed that was drawn at random if its test fails, for whatever reason: a test that fails
 * by an assertion of its own says nothing of the cluster. Under vitest that is known of each
 * test; elsewhere only of the process, by its exit code.
 */
export async function tellIfFailed(seed: number, { file, line }: CallSite): Promise<void> {
  const place = line ?? file ?? 'a cluster'
  const command = rerunCommand(seed, file)
  if (isVitest()) {
    await onTestFailed(() => tell([`${place} had seed ${seed}`, `again: ${command}`]))
    return
  }
  if (commands.size === 0) process.once('exit', tellAll)
  commands.set(place, [...(commands.get(place) ?? []), command].slice(-toldPerLine))
}

async function onTestFailed(call: () => void): Promise<void> {
  // Not a dependency: it is there where it runs, or not to be had, and then nothing is told.
  const name = 'vitest'
  try {
    const vitest = (await import(name)) as Vitest
    vitest.onTestFailed(call)
  } catch {
    // Outside of a test there is none that could fail.
  }
}

function tellAll(code: number): void {
  if (code === 0) return
  const lines = [...commands].flatMap(([place, all]) => all.map(one => `  ${place}: ${one}`))
  tell(['Tests failed; clusters with a random seed, and how to repeat them:', ...lines])
}

function tell(lines: readonly string[]): void {
  process.stderr.write(`${lines.join('\n')}\n`)
}
