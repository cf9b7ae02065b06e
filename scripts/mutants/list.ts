import { changeMutants } from './change-mutants.ts'
import { durabilityMutants } from './durability-mutants.ts'
import { forkMutants } from './fork-mutants.ts'
import { healingMutants } from './healing-mutants.ts'
import { leaseMutants } from './lease-mutants.ts'
import { majorityMutants } from './majority-mutants.ts'
import type { Mutant } from './mutant.ts'
import { promiseMutants } from './promise-mutants.ts'
import { retentionMutants } from './retention-mutants.ts'
import { sessionMutants } from './session-mutants.ts'

/** Bugs in the rules of voters and proposers. */
export const mutants: readonly Mutant[] = [
  ...promiseMutants,
  ...majorityMutants,
  ...durabilityMutants,
  ...changeMutants,
  ...healingMutants,
  ...forkMutants,
  ...retentionMutants,
  ...leaseMutants,
  ...sessionMutants,
]
