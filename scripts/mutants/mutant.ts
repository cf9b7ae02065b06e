/** A change of one place in a source file. */
export interface Patch {
  /** Below `src/core`. */
  readonly file: string
  /** Text that is in the file exactly once. */
  readonly from: string
  readonly to: string
}

/** A deliberate bug: a rule of the protocol that is broken in a copy of the sources. */
export interface Mutant {
  readonly name: string
  /** The rule that it breaks, in one sentence. */
  readonly rule: string
  readonly patches: readonly Patch[]
  /** Shapes that are explored one after the other until one of them finds it. */
  readonly shapes: readonly string[]
  /** Whether it is found fast enough for every run of the tests. */
  readonly quick: boolean
  /** Why it does no harm by itself: the guard behind the one that it takes away. */
  readonly guarded?: string
}

/** A mutant that is found fast, unless it says otherwise. */
export function mutant(
  name: string,
  rule: string,
  shapes: readonly string[],
  patches: readonly Patch[],
  more: Partial<Mutant> = {},
): Mutant {
  return { name, rule, shapes, patches, quick: true, ...more }
}
