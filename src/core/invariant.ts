/** The core is in a state that its rules exclude: a bug. The driver stops the node. */
export class InvariantError extends Error {
  static override name = 'InvariantError'

  constructor(message: string) {
    super(`Invariant broken: ${message}`)
    this.name = 'InvariantError'
  }
}

/** Stops at a bug instead of going on with a wrong state. */
export function invariant(holds: boolean, message: string): asserts holds {
  if (!holds) throw new InvariantError(message)
}
