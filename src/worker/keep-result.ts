import type { WorkerBlobs } from './large.ts'
import { errorOutcome, type Outcome } from './outcome.ts'

/** An outcome whose result, if it is large, has been put away. */
export async function keepResult(
  blobs: WorkerBlobs | undefined,
  ledger: string,
  outcome: Outcome,
  signal: AbortSignal,
): Promise<Outcome> {
  const { large } = outcome
  if (large === undefined || blobs === undefined) return outcome
  try {
    return { kind: 'done', body: await blobs.keep(ledger, large, { signal }) }
  } catch (error) {
    return errorOutcome(error)
  }
}
