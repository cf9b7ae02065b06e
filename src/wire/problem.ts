/** What is wrong with a value, and the way to it. Leaves this folder only as a named error. */
export class Problem extends Error {
  static override name = 'Problem'
  override name = 'Problem'
  readonly text: string
  /** Field names from the outermost message down, as `.chunks[3].lengths`. */
  path = ''

  constructor(text: string) {
    super(text)
    this.text = text
  }

  override toString(): string {
    return this.path === '' ? this.text : `${this.path.replace(/^\./, '')}: ${this.text}`
  }
}

/** Adds a step to the way to a problem; other errors become problems. */
export function within(step: string, error: unknown): Problem {
  const problem = error instanceof Problem ? error : new Problem(textOf(error))
  problem.path = step + problem.path
  return problem
}

/** One line about an error of whatever kind. */
export function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

/** Throws unless the condition holds. For texts that cost nothing while it does. */
export function demand(condition: boolean, text: string): asserts condition {
  if (!condition) throw new Problem(text)
}
