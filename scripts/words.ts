import { parseArgs, type ParseArgsOptionsConfig } from 'node:util'

/** Exit code of a script whose words make no sense; 1 says that something was found. */
const usageCode = 2

/** A word that makes no sense to a script; the message names it, and what would. */
class UsageError extends Error {}

/** The options among the words of a script. */
export function optionsIn<T extends ParseArgsOptionsConfig>(options: T) {
  try {
    return parseArgs({ options }).values
  } catch (error) {
    const { message } = error as Error
    const [, option] = /^Option '(--[\w-]+)[^]*(?:ambiguous|missing)/.exec(message) ?? []
    const [first = ''] = message.split(/\.\s|\n/)
    const text = option === undefined ? first : `${option} needs a value`
    throw new UsageError(`${text}; --help tells what there is`, { cause: error })
  }
}

/** Those of some things whose names are listed by commas; all of them if there is no list. */
export function namedIn<T extends { readonly name: string }>(
  text: string | undefined,
  things: readonly T[],
  what: string,
): readonly T[] {
  if (text === undefined) return things
  const names = text.split(',')
  for (const name of names) {
    if (things.some(thing => thing.name === name)) continue
    throw new UsageError(`There is no ${what} called '${name}'; --list names all`)
  }
  return things.filter(({ name }) => names.includes(name))
}

/** A whole number from 1 to `most`, from the value of an option. */
export function countIn(text: string | undefined, option: string, most: number): number {
  if (text === undefined) return most
  const count = Number(text)
  if (/^\d+$/.test(text) && count >= 1 && count <= most) return count
  throw new UsageError(`${option} is '${text}', and must be a whole number from 1 to ${most}`)
}

/** Runs a script, which gives its exit code; what makes no sense is told in one line. */
export async function runScript(main: () => number | Promise<number>): Promise<void> {
  try {
    process.exitCode = await main()
  } catch (error) {
    if (!(error instanceof UsageError)) throw error
    console.error(`error: ${error.message}`)
    process.exitCode = usageCode
  }
}
