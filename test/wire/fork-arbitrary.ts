import * as fc from 'fast-check'
import type { Fork } from '../../src/core/forks.ts'
import type { Chunk } from '../../src/core/messages.ts'
import { hex } from './plain-arbitraries.ts'
import { maxGeneration, maxSeq } from '../../src/wire/limits.ts'

const ledger = hex(32)

const far = fc.integer({ min: 1 - maxSeq, max: maxSeq - 1 })

/** Where tasks or outcomes of a later generation are from; mostly they are of the first. */
export const fork: fc.Arbitrary<Fork | undefined> = fc.option(
  fc.record(
    {
      ledger,
      shift: fc.oneof(fc.integer({ min: -9, max: 9 }), far),
      generation: fc.integer({ min: 2, max: maxGeneration }),
    },
    { noNullPrototype: true },
  ),
  { nil: undefined },
)

/** The chunk as tasks of a later generation, if there can be such tasks. */
export function forked(chunk: Chunk, fork: Fork | undefined): Chunk {
  const before = chunk.first + (fork?.shift ?? 0)
  const fits = before >= 0 && before + chunk.count <= maxSeq
  return { ...chunk, fork: fits ? fork : undefined }
}
