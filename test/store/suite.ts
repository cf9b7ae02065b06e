import { checkpointSuite } from './suite-checkpoints.ts'
import { durabilitySuite } from './suite-durability.ts'
import { entrySuite } from './suite-entries.ts'
import { lossSuite } from './suite-losses.ts'
import type { SuiteInit } from './world.ts'

/** What every store must do, whatever it keeps its entries on. */
export function storeSuite(name: string, init: SuiteInit): void {
  entrySuite(name, init)
  durabilitySuite(name, init)
  checkpointSuite(name, init)
  lossSuite(name, init)
}
