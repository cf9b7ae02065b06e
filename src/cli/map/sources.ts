/** A command line of `map`, taken apart. */
export interface CommandLine {
  /** The words of the command. */
  readonly words: readonly string[]
  /** The arguments after each `:::`; none where they come from stdin. */
  readonly sources: readonly (readonly string[])[]
}

/** Splits the words of a command line at each `:::`. */
export function splitAtSources(all: readonly string[]): CommandLine {
  const parts: string[][] = [[]]
  for (const word of all) {
    if (word === ':::') parts.push([])
    else parts.at(-1)?.push(word)
  }
  const [words = [], ...sources] = parts
  return { words, sources }
}

/** Every combination of an argument of each source, the last source changing fastest. */
export function* combinations(
  sources: readonly (readonly string[])[],
): Generator<readonly string[]> {
  const [first, ...rest] = sources
  if (first === undefined) return
  for (const arg of first) {
    if (rest.length === 0) yield [arg]
    else for (const others of combinations(rest)) yield [arg, ...others]
  }
}

/** How many combinations there are. */
export function countOf(sources: readonly (readonly string[])[]): number {
  return sources.length === 0 ? 0 : sources.reduce((count, { length }) => count * length, 1)
}
