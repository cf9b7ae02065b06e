import type { FaultName } from '../../src/simulator/fault-kinds.ts'

/** A change of one place in a source file. */
export interface Patch {
  /** From `src/core` on, which most are in. */
  readonly file: string
  /** Text that is in the file exactly once. */
  readonly from: string
  readonly to: string
}

/** Simulated clusters. */
export interface SeedPlan {
  /** The first one's seed: that which has found the bug where others take long to. @default 1 */
  readonly first?: number
  readonly count: number
  /** What goes wrong in them. */
  readonly faults: readonly FaultName[]
}

/** A deliberate bug: a rule of the protocol that is broken in a copy of the sources. */
export interface Mutant {
  readonly name: string
  /** The rule that it breaks, in one sentence. */
  readonly rule: string
  readonly patches: readonly Patch[]
  /** Shapes that are explored one after the other until one of them finds it. */
  readonly shapes: readonly string[]
  /** Clusters that are simulated if no shape finds it, one after the other, until one does. */
  readonly seeds?: SeedPlan
  /**
   * Tests below `test` that are run if neither a shape nor a seed finds it, one after the other until one
   * does: of what another rule makes harmless in a cluster, only a test of one node sees that it is gone.
   */
  readonly tests: readonly string[]
  /** Whether it is found fast enough for every run of the tests. */
  readonly quick: boolean
}

/** A mutant that is quick to find, unless `more` says otherwise. */
export function mutant(
  name: string,
  rule: string,
  shapes: readonly string[],
  patches: readonly Patch[],
  more: Partial<Mutant> = {},
): Mutant {
  return { name, rule, shapes, patches, tests: [], quick: true, ...more }
}
